"""The verdict, the one line that explains it, and the exit code.

`inconsistent` needs proven violations, `consistent` needs every guard; anything else is `inconclusive`. After a failed
evidence guard nothing is proven (a witness may be incomplete); after a failed vacuity guard a clean result proves
little, but proven violations stand.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from reconcile.analysis.plural import some
from reconcile.judge.findings import Guard, GuardKind
from runlog import exit_codes
from runlog import marks as m
from runlog.marks import Mark

# Guards whose reason explains a dispute, and how to settle it.
_DISPUTE_GUARDS: Final = frozenset({"no order disputed", "no opaque record", "no order changed"})
# Guards whose failure explains that of others: a run that ended early has no drain, a fault that was not injected no
# recovery.
_CAUSES: Final = ("plan completed", "fault proven")
_EFFECTS: Final = frozenset({"recovery proven", "drain complete", "publish horizon passed"})


class Verdict(Enum):
    """What the run proved."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict and what follows from it.

    Attributes:
        reason: one line of text.
        met: whether the expectation was met; None when the verdict is inconclusive.
        exit_code: of the whole run, see `runlog.exit_codes`.
        raised_by: why other listeners of Locust made the exit code worse, one line each.
    """

    verdict: Verdict
    reason: str
    met: bool | None
    exit_code: int
    raised_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of a verdict, as the endings of its sentences.

    Attributes:
        missing: until when lost events were looked for, and why they are missing if that is proven.
        late: by how much events came late.
        scope: what a consistent verdict says nothing about.
    """

    missing: str = ""
    late: str = ""
    scope: str = ""


NO_EXTENT: Final = Extent()


def rule(
    counts: dict[str, int],
    silent: int,
    guards: list[Guard],
    expect: str,
    marks: list[Mark],
    *,
    fail_on_duplicates: bool,
    extent: Extent = NO_EXTENT,
) -> Ruling:
    """Return the ruling.

    Args:
        counts: of the run, see `reconcile.analysis.counts`.
        silent: how many of the lost events (suspected ones included) belong to acknowledged orders.
        guards: all of them, `conservation` included.
        expect: `consistent`, `lost-events`, `phantom-events` or `any`.
        marks: those of a failure or an interruption have an exit code of their own.
        fail_on_duplicates: `published_twice` counts as a violation.
    """
    violations = _violations(counts, silent, fail_on_duplicates, extent.missing)
    failed = [guard for guard in guards if guard.failed]
    causes = _CAUSES if any(mark.name in {m.INTERRUPTED, m.FAILED} for mark in marks) else _CAUSES[1:]
    verdict, reason = _decide(counts, violations, failed, causes, extent)
    met = None if verdict is Verdict.INCONCLUSIVE else _met(expect, verdict, counts)
    code = {None: exit_codes.INCONCLUSIVE, True: exit_codes.AS_EXPECTED, False: exit_codes.NOT_AS_EXPECTED}[met]
    codes, not_restored = [code], False
    if any(guard.failed and guard.harness_wrong for guard in guards):
        codes.append(exit_codes.USAGE_OR_CRASH)
    for mark in marks:
        if mark.name in {m.INTERRUPTED, m.FAILED, m.LISTENER}:
            own = mark.detail.get("exit_code")
            codes.append(own if own in exit_codes.PRECEDENCE else exit_codes.USAGE_OR_CRASH)
            not_restored = not_restored or bool(mark.detail.get("not_restored"))
    raised_by = tuple(mark.reason for mark in marks if mark.name == m.LISTENER)
    return Ruling(verdict, reason, met, exit_codes.strongest(codes, not_restored), raised_by)


def _decide(
    counts: dict[str, int], violations: list[str], failed: list[Guard], causes: tuple[str, ...], extent: Extent
) -> tuple[Verdict, str]:
    evidence = [guard for guard in failed if guard.kind is GuardKind.EVIDENCE]
    if evidence:
        return Verdict.INCONCLUSIVE, _doubt(
            _cause(evidence, failed, causes), failed, _suspicions(counts) + _disputes(counts) + violations
        )
    if violations:
        return Verdict.INCONSISTENT, "; ".join([*violations, *_disputes(counts)])
    if failed:
        undecided = [*_disputes(counts), *_suspicions(counts)] or ["nothing was lost, but that proves little"]
        first = min(failed, key=lambda guard: guard.name not in _DISPUTE_GUARDS)
        return Verdict.INCONCLUSIVE, _doubt(first, failed, undecided)
    kept = counts["rows"] - counts["pending"]
    late = f", {counts['late_events']} of them late{extent.late}" if counts["late_events"] else ""
    return Verdict.CONSISTENT, f"the events of all {kept} stored orders reached Kafka{late}{extent.scope}"


def _cause(evidence: list[Guard], failed: list[Guard], causes: tuple[str, ...]) -> Guard:
    """Return the guard that leads the reason: a cause such as the early end of a run, not the missing drain."""
    worst = min(evidence, key=lambda guard: not guard.harness_wrong)
    if worst.name not in _EFFECTS:
        return worst
    return next((guard for cause in causes for guard in failed if guard.name == cause), worst)


def _doubt(first: Guard, failed: list[Guard], what: list[str]) -> str:
    more = f" (and {some(len(failed) - 1, 'more guard')} failed)" if len(failed) > 1 else ""
    return "; ".join([*what, f"{first.name}: {first.reason}{more}"])


def _suspicions(counts: dict[str, int]) -> list[str]:
    suspects = (
        ("suspected_lost", "event", "may be lost"),
        ("suspected_phantom", "event", "may be a phantom"),
        ("suspected_lost_orders", "order", "may be lost"),
    )
    return [f"{some(counts[key], word)} {fate}, unproven" for key, word, fate in suspects if counts[key]]


def _disputes(counts: dict[str, int]) -> list[str]:
    found = []
    if counts["disputed"]:
        verb = "is" if counts["disputed"] == 1 else "are"
        found.append(f"{some(counts['disputed'], 'order')} {verb} disputed")
    if counts["disputed_phantom"]:
        verb = "is a disputed phantom" if counts["disputed_phantom"] == 1 else "are disputed phantoms"
        found.append(f"{some(counts['disputed_phantom'], 'event')} {verb}")
    return found


def _violations(counts: dict[str, int], silent: int, fail_on_duplicates: bool, missing: str) -> list[str]:
    found = []
    if counts["lost_events"]:
        found.append(_lost(min(silent, counts["lost_events"]), counts["lost_events"]) + missing)
    elif counts["lost_at_least"]:
        verb = "is" if counts["lost_at_least"] == 1 else "are"
        found.append(
            f"at least {counts['lost_at_least']} of {some(counts['suspected_lost'], 'event')} that did not reach Kafka "
            f"{verb} lost"
        )
    if counts["phantom_events"]:
        found.append(f"{some(counts['phantom_events'], 'event')} reached Kafka without an order in PostgreSQL")
    if counts["lost_orders"]:
        verb = "was" if counts["lost_orders"] == 1 else "were"
        found.append(f"{some(counts['lost_orders'], 'order')} {verb} acknowledged, but never stored")
    if counts["visible_after_reject"]:
        verb = "was" if counts["visible_after_reject"] == 1 else "were"
        found.append(f"{some(counts['visible_after_reject'], 'order')} {verb} rejected, yet left a row or an event")
    if fail_on_duplicates and counts["published_twice"]:
        verb = "was" if counts["published_twice"] == 1 else "were"
        found.append(f"{some(counts['published_twice'], 'event')} {verb} published twice")
    return found


def _lost(silent: int, lost: int) -> str:
    one = lost == 1
    verb, owner = ("was", "its event") if one else ("were", "their events")
    if silent == lost:
        return f"{some(lost, 'order')} {verb} acknowledged and stored, but {owner} never reached Kafka"
    how = f", {silent} of them acknowledged," if silent else " without an acknowledgement,"
    return f"{some(lost, 'order')} {verb} stored{how} but {owner} never reached Kafka"


def _met(expect: str, verdict: Verdict, counts: dict[str, int]) -> bool:
    if expect == "lost-events":
        return counts["lost_at_least"] > 0
    if expect == "phantom-events":
        return counts["phantom_events"] > 0
    return expect in {"any", verdict.value}
