"""Truth table and append times once more, in plain Python: slow, obvious, and independent of numpy joins."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from runlog.offsets import Observation
from runlog.outcomes import Outcome


@dataclass
class Sent:
    seq: int
    outcome: Outcome
    answered_id: int | None


@dataclass
class World:
    """What was sent, stored and published; order ids and event ids as small numbers. `mentioned`: orders that records
    name which are not their events."""

    sent: list[Sent]
    rows: dict[int, int | None]
    events: list[tuple[int, int | None, int]]
    backlog: set[int] = field(default_factory=set)
    mentioned: set[int] = field(default_factory=set)


@dataclass
class Case:
    """One order of the table, or an attempt without one; `shared`: its id belongs to another attempt."""

    outcome: Outcome | None
    order: int | None
    seqs: set[int]
    row: bool
    event: bool
    shared: bool = False


def naive_counts(world: World) -> dict[str, int]:
    by_seq = {attempt.seq: attempt for attempt in world.sent}
    published: dict[int, int | None] = {}
    for order, seq, _ in world.events:
        published[order] = seq
    there = set(world.rows) | set(published)

    def seq_of(order: int) -> int | None:
        seq = world.rows.get(order)
        return seq if seq is not None else published.get(order)

    owned: dict[int, int] = {}
    for order in there:
        claims = sorted((seq_of(order) != a.seq, a.seq) for a in world.sent if a.answered_id == order)
        if claims:
            owned[claims[0][1]] = order
    for attempt in world.sent:
        if attempt.answered_id is None:
            free = [order for order in there - set(owned.values()) if seq_of(order) == attempt.seq]
            free.sort(key=lambda o: (not (o in world.rows and o in published), o not in world.rows, o))
            if free:
                owned[attempt.seq] = free[0]
    loose = there - set(owned.values())
    extra = {order for order in loose if seq_of(order) in by_seq}

    def shares(attempt: Sent) -> bool:
        several = sum(one.answered_id == attempt.answered_id for one in world.sent) > 1
        return attempt.answered_id is not None and (attempt.answered_id in there or several)

    def case(outcome: Outcome | None, order: int | None, seq: int | None, shared: bool = False) -> Case:
        seqs = {one for one in (seq, world.rows.get(order) if order is not None else None) if one is not None}
        return Case(outcome, order, seqs, order in world.rows, order in published, shared)

    cases = [case(a.outcome, owned.get(a.seq), a.seq, a.seq not in owned and shares(a)) for a in world.sent]
    cases += [case(None, order, seq_of(order)) for order in loose]
    ack, amb, rej, prov = Outcome.ACKNOWLEDGED, Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.PROVOKED
    distinct = {(order, event) for order, _, event in world.events}
    # Numbers of events whose order has no row with that number: such an event may be of another order.
    stray = {seq for order, seq, _ in world.events if seq is not None and world.rows.get(order) != seq}
    stored = {seq for seq in world.rows.values() if seq is not None}
    stored |= {seq for seq, order in owned.items() if order in world.rows}
    row_only = [c for c in cases if c.row and not c.event and c.order not in world.backlog]
    disputed = [c for c in row_only if c.order in world.mentioned or c.seqs & stray]
    event_only = [c for c in cases if c.event and not c.row]
    disputed_phantom = [c for c in event_only if c.seqs & stored]
    without_row = [c for c in cases if c.outcome == ack and not c.row and not c.shared]
    moved = [c for c in without_row if c.seqs & stored]
    # An answer that returns the id of another attempt's order casts doubt on all absences.
    sure = not any(c.shared for c in cases)
    lost, phantom, lost_orders = (
        len(row_only) - len(disputed),
        len(event_only) - len(disputed_phantom),
        len(without_row) - len(moved),
    )
    return {
        "attempted": len(world.sent),
        "rows": len(world.rows),
        "events": len(published),
        "events_raw": len(world.events),
        "delivered": sum(c.outcome == ack and c.row and c.event for c in cases),
        "lost_events": lost * sure,
        "suspected_lost": lost * (not sure),
        "disputed": len(disputed),
        "phantom_events": phantom * sure,
        "disputed_phantom": len(disputed_phantom),
        "lost_orders": lost_orders * sure,
        "suspected_lost_orders": len(moved) + lost_orders * (not sure),
        "visible_after_reject": sum(
            (c.outcome == rej and (c.row or c.event)) or (c.outcome == prov and c.row and c.event) for c in cases
        ),
        "recovered": sum(c.outcome == amb and c.row and c.event for c in cases),
        "unresolved": sum(c.outcome == amb and not c.row and not c.event for c in cases),
        "pending": sum(c.row and not c.event and c.order in world.backlog for c in cases),
        "published_twice": len(distinct) - len(published),
        "redelivered": len(world.events) - len(distinct),
        "extra_orders": len(extra),
        "unrecorded": len(loose) - len(extra),
        "shared_order_ids": sum(c.shared for c in cases),
    }


class AppendTimes:
    """Brackets the append time of one record at a time: the slow twin of `append_brackets`."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._seen = [seen for seen in observations if seen.ends]

    def bracket(self, partition: int, offset: int) -> tuple[float | None, float | None]:
        """Return (not before, not after) in epoch seconds; None where nothing bounds it."""
        asked = None
        for seen in self._seen:
            end = (seen.ends or {}).get(partition)
            if end is not None and end > offset:
                return asked, seen.answered
            asked = asked if end is None else seen.asked
        return asked, None
