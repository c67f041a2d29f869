"""What an audit proves: verdict, reason, guards and exit code from what was found. Pure."""

from dataclasses import dataclass, field, replace
from typing import Final

from contract.event import Why
from reconcile.analysis.plural import some
from runlog import exit_codes


@dataclass(frozen=True, slots=True)
class Mention:
    """Records that name an order and do not count.

    Attributes:
        partition, offset: of the first one.
        count: how many they are.
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
        suspected: the same of rows without an event, where records that name no order might be their events, or a
            guard failed.
        disputed: rows without an event that records name which might be their events: order id, epoch seconds of the
            row, and what names it.
        named_at: places at which records name disputed orders, the most frequent first.
        opaque: how many records name no order.
        phantoms: order ids of events without a row; `phantoms_suspected`: on a standby they may only be late, and
            where a guard failed nothing is proven.
        disputed_phantoms: order ids of events without a row that name a disputed row: they may be that row's event.
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
    suspected: list[tuple[str, float | None]] = field(default_factory=list)
    disputed: list[DisputedRow] = field(default_factory=list)
    named_at: list[str] = field(default_factory=list)
    opaque: int = 0
    disputed_phantoms: list[str] = field(default_factory=list)

    @property
    def without_event(self) -> int:
        """How many rows have no event, whatever is made of them."""
        doubt = len(self.suspected) + len(self.disputed)
        return len(self.lost) + doubt + self.young + self.unjudged + self.pending + self.vanished + self.future

    @property
    def with_event(self) -> int:
        """How many rows have an event, wherever it was found."""
        return self.rows - self.without_event

    @property
    def failed(self) -> list[AuditGuard]:
        """The guards that failed: with one of them nothing is proven."""
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


def weighed(found: Audited) -> Audited:
    """Return the same with every violation suspected where a guard failed."""
    if not found.failed:
        return found
    return replace(found, lost=[], suspected=[*found.lost, *found.suspected], phantoms_suspected=bool(found.phantoms))


def rule(found: Audited, expect: str) -> AuditRuling:
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


def _kept(found: Audited) -> str:
    text = f"the events of {some(found.with_event, 'row')} are in the topic, and no judged row is without one"
    return f"{text} ({some(found.without_event, 'row')} not judged)" if found.without_event else text


def _nothing_judged(found: Audited) -> str:
    counts = (
        (found.young, "too young"),
        (found.unjudged, "older than what the topic can show"),
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
    if found.suspected and found.lost_at_least:
        told.append(
            f"at least {found.lost_at_least} of {some(len(found.suspected), 'row')} without an event in the topic are "
            f"lost ({_may_be(found.opaque)})"
        )
    if found.suspected and found.failed:
        told.append(f"{some(len(found.suspected), 'row')} without an event in the topic, suspected")
    if told and found.disputed:
        told.append(f"{len(found.disputed)} more disputed")
    if found.phantoms:
        doubt = ", suspected" if found.failed else " (suspected: this is a standby)"
        told.append(f"{some(len(found.phantoms), 'event')} without a row{doubt if found.phantoms_suspected else ''}")
    return told


def _may_be(opaque: int) -> str:
    each = "each be the event of one of them" if opaque > 1 else "be the event of one of them"
    return f"{some(opaque, 'record')} without an order id may {each}"


# What would settle a dispute, by why the record does not count.
_SETTLES: Final = {
    Why.OTHER_TYPE: "--event-filter says which records are events",
    Why.UNREADABLE: "--event-id key or header:NAME counts it, if one of these says all",
    Why.NO_ID: "--event-id says where it has its id",
    Why.KEY_DIFFERS: "with --event-id value:orderId the key does not matter",
    Why.NO_ROW: "the order id at --event-id has no row: is --event-id right?",
}


def _doubt(found: Audited) -> str | None:
    """Return why nothing is proven lost although rows are without an event; None where that is no question."""
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
            f"{some(len(found.suspected), 'row')} without an event, and {_may_be(found.opaque)}: --event-filter says "
            "which records are events"
        )
    return None
