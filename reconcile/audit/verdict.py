"""What an audit proves: verdict, reason, guards and exit code from what was found. Pure."""

from dataclasses import dataclass, field
from typing import Final

from reconcile.wording import some
from runlog import exitcodes

EXPECTATIONS: Final = ("consistent", "lost-events", "phantom-events", "any")


@dataclass(frozen=True, slots=True)
class AuditGuard:
    """A condition of the proof: name, whether it holds, and why in one line."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found.

    Attributes:
        rows, events: different ids read on each side; `events_raw`: records that count as events.
        lost: (order id, epoch seconds of its row), oldest first.
        phantoms: order ids of events without a row; `phantoms_suspected`: on a standby they may only be late.
        repeated: order ids with more than one event; `surplus`: records beyond the first.
        young, unjudged, pending, vanished, future: rows without an event that are too young to be judged, older than
            what the log can tell of, still in the outbox, deleted while they were looked at, or dated in the future.
        unreadable: records that count as no event.
        young_events: events without a row that are too young to be judged.
        guards: see there.
        judged_from: epoch seconds from when on rows were judged; None: all. `because`: why.
    """

    rows: int
    events: int
    events_raw: int
    lost: list[tuple[str, float | None]]
    phantoms: list[str]
    phantoms_suspected: bool
    repeated: list[str]
    surplus: int
    young: int
    unjudged: int
    pending: int
    vanished: int
    unreadable: int
    future: int = 0
    young_events: int = 0
    guards: list[AuditGuard] = field(default_factory=list)
    judged_from: float | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class AuditRuling:
    """Verdict, its reason in one line, and the exit code."""

    verdict: str
    reason: str
    exit_code: int


def rule(found: Audited, expect: str) -> AuditRuling:
    """Return the ruling; `expect` as for a run."""
    violations = _violations(found)
    failed = [guard for guard in found.guards if not guard.passed]
    phantoms = 0 if found.phantoms_suspected else len(found.phantoms)
    if failed:
        text = "; ".join([*violations, f"{failed[0].name}: {failed[0].reason}"])
        return AuditRuling("inconclusive", text, exitcodes.INCONCLUSIVE)
    if not found.lost and not phantoms and found.phantoms:
        text = f"{some(len(found.phantoms), 'event')} without a row on a standby that may lag behind; ask the primary"
        return AuditRuling("inconclusive", text, exitcodes.INCONCLUSIVE)
    judged = found.rows - found.young - found.unjudged - found.future
    if not found.lost and not phantoms and judged <= 0:
        return AuditRuling(
            "inconclusive", "no row is old enough and recent enough to be judged", exitcodes.INCONCLUSIVE
        )
    verdict = "inconsistent" if found.lost or phantoms else "consistent"
    reason = "; ".join(violations) or f"the events of all {judged} judged rows are in the topic"
    met = {"any": True, "lost-events": bool(found.lost), "phantom-events": bool(phantoms)}.get(
        expect, expect == verdict
    )
    return AuditRuling(verdict, reason, exitcodes.AS_EXPECTED if met else exitcodes.NOT_AS_EXPECTED)


def _violations(found: Audited) -> list[str]:
    told = []
    if found.lost:
        told.append(f"{some(len(found.lost), 'row')} without an event in the topic")
    if found.phantoms:
        doubt = " (suspected: this is a standby)" if found.phantoms_suspected else ""
        told.append(f"{some(len(found.phantoms), 'event')} without a row{doubt}")
    return told
