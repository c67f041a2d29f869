"""What an audit proves: verdict, reason and exit code from what was found. Pure."""

from dataclasses import dataclass, field, replace
from typing import Final

from contract.event import Why
from reconcile.analysis.plural import some
from runlog import exit_codes


@dataclass(frozen=True, slots=True)
class Mention:
    """Records that name an order and do not count as its event.

    Attributes:
        partition, offset: of the first one.
        why: why the first one does not count.
    """

    partition: int
    offset: int
    count: int
    why: Why


DisputedRow = tuple[str, float | None, Mention]
EXPECTATIONS: Final = ("consistent", "lost-events", "phantom-events", "any")


@dataclass(frozen=True, slots=True)
class AuditGuard:
    """A condition of the proof: name, whether it holds, and the reason in one line."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class AuditFindings:
    """What an audit found.

    Attributes:
        rows: how many rows were read: those from `judged_from` on, or all.
        events: how many orders have an event in the records read first: from a margin before `since` on, or all;
            `events_raw`: how many records those are.
        found_elsewhere: rows whose event is not in the records read first, but before them or appended since.
        lost: (order id, epoch seconds of its row), oldest first.
        suspected: likewise, rows without an event, where records without an order id might be their events or a guard
            failed.
        disputed: rows without an event that are named by records which might be their events: order id, epoch seconds
            of the row, the records.
        named_at: places at which records name disputed orders, the most frequent first.
        opaque: how many records name no order.
        phantoms: order ids of events without a row; `phantoms_suspected`: a standby may lag behind, or a guard failed.
        disputed_phantoms: order ids of events without a row that name a disputed row: they may be its event.
        repeated: order ids with more than one event; `surplus`: records beyond the first.
        young, unjudged, pending, vanished, future: rows without an event that are too young to be judged, older than
            the topic can show, still in the outbox, deleted during the audit, or dated in the future.
        unreadable: records that are no events.
        young_events: events without a row that are too young to be judged.
        judged_from: epoch seconds from when on rows are judged; None: all. `because`: why.
        since: `--since` in epoch seconds; None: all that the topic holds.
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
    suspected: list[tuple[str, float | None]] = field(default_factory=list)
    disputed: list[DisputedRow] = field(default_factory=list)
    named_at: list[str] = field(default_factory=list)
    opaque: int = 0
    disputed_phantoms: list[str] = field(default_factory=list)

    @property
    def without_event(self) -> int:
        """How many rows have no event, whatever they count as."""
        doubt = len(self.suspected) + len(self.disputed)
        return len(self.lost) + doubt + self.young + self.unjudged + self.pending + self.vanished + self.future

    @property
    def with_event(self) -> int:
        """How many rows have an event, wherever it was found."""
        return self.rows - self.without_event

    @property
    def failed(self) -> list[AuditGuard]:
        """The guards that failed; with any of them nothing is proven."""
        return [guard for guard in self.guards if not guard.passed]

    @property
    def lost_at_least(self) -> int:
        """How many rows certainly have no event."""
        if self.failed:
            return 0
        return len(self.lost) + max(0, len(self.suspected) - self.opaque)


@dataclass(frozen=True, slots=True)
class AuditRuling:
    """Verdict, its reason in one line, and the exit code."""

    verdict: str
    reason: str
    exit_code: int


def with_suspicions(found: AuditFindings) -> AuditFindings:
    """Return the findings; where a guard failed, with every violation only suspected."""
    if not found.failed:
        return found
    return replace(found, lost=[], suspected=[*found.lost, *found.suspected], phantoms_suspected=bool(found.phantoms))


def rule(found: AuditFindings, expect: str) -> AuditRuling:
    """Return the ruling; `expect` as for a run."""
    violations = _violations(found)
    phantoms = 0 if found.phantoms_suspected else len(found.phantoms)
    if found.failed:
        text = "; ".join([*violations, f"{found.failed[0].name}: {found.failed[0].reason}"])
        return AuditRuling("inconclusive", text, exit_codes.INCONCLUSIVE)
    if not found.lost_at_least and not phantoms and (doubt := _doubt(found)):
        return AuditRuling("inconclusive", doubt, exit_codes.INCONCLUSIVE)
    if not found.lost_at_least and not phantoms and found.phantoms:
        text = f"{some(len(found.phantoms), 'event')} without a row on a standby that may lag behind; ask the primary"
        return AuditRuling("inconclusive", text, exit_codes.INCONCLUSIVE)
    if not found.lost_at_least and not phantoms and found.with_event <= 0:
        return AuditRuling("inconclusive", _nothing_judged(found), exit_codes.INCONCLUSIVE)
    verdict = "inconsistent" if found.lost_at_least or phantoms else "consistent"
    reason = "; ".join(violations) or _kept(found)
    met = {"any": True, "lost-events": found.lost_at_least > 0, "phantom-events": bool(phantoms)}.get(
        expect, expect == verdict
    )
    return AuditRuling(verdict, reason, exit_codes.AS_EXPECTED if met else exit_codes.NOT_AS_EXPECTED)


def _kept(found: AuditFindings) -> str:
    text = f"the events of {some(found.with_event, 'row')} are in the topic, and no judged row is without one"
    return f"{text} ({some(found.without_event, 'row')} not judged)" if found.without_event else text


def _nothing_judged(found: AuditFindings) -> str:
    counts = (
        (found.young, "too young"),
        (found.unjudged, "older than what the topic can show"),
        (found.pending, "pending in the outbox"),
        (found.vanished, "deleted during the audit"),
        (found.future, "dated in the future"),
    )
    parts = ", ".join(f"{number} {words}" for number, words in counts if number)
    return f"no row could be judged: {parts or 'none was read'}"


def _violations(found: AuditFindings) -> list[str]:
    parts = []
    if found.lost:
        parts.append(f"{some(len(found.lost), 'row')} without an event in the topic")
    if found.suspected and found.lost_at_least:
        parts.append(
            f"at least {found.lost_at_least} of {some(len(found.suspected), 'row')} without an event in the topic are "
            f"lost ({_may_be(found.opaque)})"
        )
    if found.suspected and found.failed:
        parts.append(f"{some(len(found.suspected), 'row')} without an event in the topic, suspected")
    if parts and found.disputed:
        parts.append(f"{len(found.disputed)} more disputed")
    if found.phantoms:
        doubt = ", suspected" if found.failed else " (suspected: this is a standby)"
        parts.append(f"{some(len(found.phantoms), 'event')} without a row{doubt if found.phantoms_suspected else ''}")
    return parts


def _may_be(opaque: int) -> str:
    each = "each be the event of one of them" if opaque > 1 else "be the event of one of them"
    return f"{some(opaque, 'record')} without an order id may {each}"


# What settles a dispute, by why the record does not count.
_SETTLES: Final = {
    Why.OTHER_TYPE: "give an --event-filter that selects the events",
    Why.UNREADABLE: "give --event-id key or header:NAME if one of them holds the order id",
    Why.NO_ID: "give the --event-id at which it has its order id",
    Why.KEY_DIFFERS: "give --event-id value:orderId to ignore the key",
    Why.NO_ROW: "the order id at --event-id has no row; check --event-id",
}


def _doubt(found: AuditFindings) -> str | None:
    """Return why nothing is proven lost although rows are without an event; None where no such row is in doubt."""
    if found.disputed:
        order, _, first = found.disputed[0]
        where = f" at {found.named_at[0]}" if found.named_at else ""
        settles = f"; {_SETTLES[first.why]}" if first.why in _SETTLES else ""
        return (
            f"{some(len(found.disputed), 'row')} without an event {'is' if len(found.disputed) == 1 else 'are'} "
            f"disputed: the record at partition {first.partition}, offset {first.offset} names {order}{where} and does "
            f"not count{settles}"
        )
    if found.suspected:
        return (
            f"{some(len(found.suspected), 'row')} without an event, and {_may_be(found.opaque)}: give an "
            "--event-filter that selects the events"
        )
    return None
