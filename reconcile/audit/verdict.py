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
        rows: order ids of the rows that were read: those from `judged_from` on, else all.
        events: order ids with an event in the records that were read first: from a margin before `since` on, else all;
            `events_raw`: how many records those are.
        found_elsewhere: rows whose event is in no record that was read first, but before those or appended since.
        lost: (order id, epoch seconds of its row), oldest first.
        phantoms: order ids of events without a row; `phantoms_suspected`: on a standby they may only be late.
        repeated: order ids with more than one event; `surplus`: records beyond the first.
        young, unjudged, pending, vanished, future: rows without an event that are too young to be judged, older than
            what the log can tell of, still in the outbox, deleted while they were looked at, or dated in the future.
        unreadable: records that count as no event.
        young_events: events without a row that are too young to be judged.
        guards: see there.
        judged_from: epoch seconds from when on rows were judged; None: all. `because`: why.
        since: what was asked for, epoch seconds; None: all that the topic holds.
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
    found_elsewhere: int = 0
    future: int = 0
    young_events: int = 0
    guards: list[AuditGuard] = field(default_factory=list)
    judged_from: float | None = None
    because: str | None = None
    since: float | None = None

    @property
    def without_event(self) -> int:
        """How many rows have no event, whatever is made of them."""
        return len(self.lost) + self.young + self.unjudged + self.pending + self.vanished + self.future

    @property
    def with_event(self) -> int:
        """How many rows have an event, wherever it was found."""
        return self.rows - self.without_event


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
    if not found.lost and not phantoms and found.with_event <= 0:
        return AuditRuling("inconclusive", _nothing_judged(found), exitcodes.INCONCLUSIVE)
    verdict = "inconsistent" if found.lost or phantoms else "consistent"
    reason = "; ".join(violations) or _kept(found)
    met = {"any": True, "lost-events": bool(found.lost), "phantom-events": bool(phantoms)}.get(
        expect, expect == verdict
    )
    return AuditRuling(verdict, reason, exitcodes.AS_EXPECTED if met else exitcodes.NOT_AS_EXPECTED)


def _kept(found: Audited) -> str:
    text = f"the events of {some(found.with_event, 'row')} are in the topic, and no judged row is without one"
    return f"{text} ({some(found.without_event, 'row')} not judged)" if found.without_event else text


def _nothing_judged(found: Audited) -> str:
    counts = (
        (found.young, "too young"),
        (found.unjudged, "older than what the topic can tell"),
        (found.pending, "pending in the outbox"),
        (found.vanished, "deleted meanwhile"),
        (found.future, "from the future"),
    )
    told = ", ".join(f"{number} {words}" for number, words in counts if number)
    return f"no row could be judged: {told}" if told else "no row could be judged: none was read"


def _violations(found: Audited) -> list[str]:
    told = []
    if found.lost:
        told.append(f"{some(len(found.lost), 'row')} without an event in the topic")
    if found.phantoms:
        doubt = " (suspected: this is a standby)" if found.phantoms_suspected else ""
        told.append(f"{some(len(found.phantoms), 'event')} without a row{doubt}")
    return told
