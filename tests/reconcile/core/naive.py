"""The truth table once more, in plain Python with sets and dicts: slow, obvious, and independent of numpy joins."""

from dataclasses import dataclass, field

from runlog.outcomes import Outcome


@dataclass
class Sent:
    seq: int
    outcome: Outcome
    told: int | None


@dataclass
class World:
    """What was sent, stored and published; order ids and event ids as small numbers."""

    sent: list[Sent]
    rows: dict[int, int | None]
    events: list[tuple[int, int | None, int]]
    backlog: set[int] = field(default_factory=set)


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
        claims = sorted((seq_of(order) != a.seq, a.seq) for a in world.sent if a.told == order)
        if claims:
            owned[claims[0][1]] = order
    for attempt in world.sent:
        if attempt.told is None:
            free = [order for order in there - set(owned.values()) if seq_of(order) == attempt.seq]
            free.sort(key=lambda o: (not (o in world.rows and o in published), o not in world.rows, o))
            if free:
                owned[attempt.seq] = free[0]
    loose = there - set(owned.values())
    extra = {order for order in loose if seq_of(order) in by_seq}
    cases: list[tuple[Outcome | None, int | None]] = [(a.outcome, owned.get(a.seq)) for a in world.sent]
    cases += [(None, order) for order in loose]
    seen = [(outcome, o is not None and o in world.rows, o is not None and o in published, o) for outcome, o in cases]
    ack, amb, rej, prov = Outcome.ACKNOWLEDGED, Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.PROVOKED
    distinct = {(order, event) for order, _, event in world.events}
    return {
        "attempted": len(world.sent),
        "rows": len(world.rows),
        "events": len(published),
        "events_raw": len(world.events),
        "delivered": sum(c == ack and r and e for c, r, e, _ in seen),
        "lost_events": sum(r and not e and o not in world.backlog for _, r, e, o in seen),
        "phantom_events": sum(e and not r for _, r, e, _ in seen),
        "lost_orders": sum(c == ack and not r for c, r, _, _ in seen),
        "visible_after_reject": sum((c == rej and (r or e)) or (c == prov and r and e) for c, r, e, _ in seen),
        "recovered": sum(c == amb and r and e for c, r, e, _ in seen),
        "unresolved": sum(c == amb and not r and not e for c, r, e, _ in seen),
        "pending": sum(r and not e and o in world.backlog for _, r, e, o in seen),
        "published_twice": len(distinct) - len(published),
        "redelivered": len(world.events) - len(distinct),
        "extra_orders": len(extra),
        "unrecorded": len(loose) - len(extra),
    }
