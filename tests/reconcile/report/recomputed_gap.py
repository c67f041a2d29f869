"""The gap once more, order by order and moment by moment, and the numbers that a report shows first."""

import math
from collections.abc import Callable
from typing import Final

from runlog import marks as m
from tests.reconcile.report.raw_history import Order
from tests.reconcile.report.raw_run import RawRun, some, took
from tests.reconcile.report.recomputed_late import appended, late
from tests.reconcile.report.recomputed_outages import RECOMPUTED as OUTAGES
from tests.reconcile.report.recomputed_outages import window_of


def _counted(run: RawRun) -> list[Order]:
    outcome = "provoked" if run.raw.history.facts.scenario == "phantom-event" else "acknowledged"
    return [one for one in run.raw.attempts if one.outcome == outcome]


def _came(run: RawRun, order: Order) -> float | None:
    """When it was with its event, since the start; None if when its event came was never seen."""
    history, answered = run.raw.history, order.answered or 0.0
    low, high = appended(run, order)
    if high >= (math.inf if history.events.read_at is None else history.events.read_at):
        return None
    return (max(answered, high) if low > answered else answered) - history.facts.started_at


def in_the_end(run: RawRun) -> list[str]:
    orders = _counted(run)
    what = "rolled back" if run.raw.history.facts.scenario == "phantom-event" else "acknowledged"
    events = sum(one.event for one in orders)
    return [f"in the end: {some(len(orders), 'order')} {what}, {events} of them with their event in Kafka"]


def never_came(run: RawRun) -> list[str]:
    orders = _counted(run)
    if run.raw.history.facts.scenario == "phantom-event":
        count, sure, words = sum(one.event for one in orders), len(run.phantoms), ("phantom", "published")
    else:
        count = sum(not one.event and not one.waiting for one in orders)
        sure = sum(one.acknowledged for one in run.lost) if not run.doubted("lost_events") else 0
        words = ("lost", "without event")
    return [f"{count} {words[count != sure]}" if count else ""]


def waited(run: RawRun) -> list[str]:
    history, orders = run.raw.history, _counted(run)
    if history.facts.scenario == "phantom-event":
        return [""]
    start = history.facts.started_at
    came = {one.seq: _came(run, one) for one in orders if one.event}
    moments = [at for at in came.values() if at is not None] + [one.answered - start for one in orders if one.answered]
    end = max([0.0, *moments, *(mark.at - start for name in (m.DRAIN, m.DRAINED) for mark in run.raw.marks(name))])
    step = next(step for step in (0.1, 0.2, 0.5, 1.0) if end / step <= 480)
    most = 0
    last = math.ceil(end / step)
    for number in range(last + 1):
        later = 0
        for one in orders:
            at = came.get(one.seq)
            answered = number == last or (one.answered or 0.0) - start <= number * step
            there = one.event and (number == last or (at is not None and at <= number * step))
            later += answered and one.event and not there
        most = max(most, later)
    if any(one.event and came[one.seq] is None for one in orders):
        return [""]
    still = sum(one.waiting and not one.event for one in orders)
    return [", ".join([f"up to {most} waited"] * bool(most) + [f"{still} still pending"] * bool(still))]


def untimed(run: RawRun) -> list[str]:
    count = sum(one.event and _came(run, one) is None for one in _counted(run))
    if not count:
        return [""]
    what, who = ("1 event is", "it") if count == 1 else (f"{count} events are", "they")
    return [f"{what} in Kafka by the end of the run; when {who} came is not known"]


def cards(run: RawRun) -> list[str]:
    phantom = run.raw.history.facts.scenario == "phantom-event"
    rows = sum(one.row for one in run.raw.orders)
    events = sum(one.event for one in run.raw.orders)
    kinds = {
        "lost events": (run.split(run.lost, "lost_events"), f"of {some(rows, 'stored order')}", "suspected losses"),
        "phantom events": (
            run.split(run.phantoms, "phantom_events"),
            f"of {some(events, 'order')} with an event",
            "suspected phantom events",
        ),
        "lost orders": (
            run.split(run.lost_orders, "lost_orders"),
            f"of {some(rows, 'stored order')}",
            "suspected lost orders",
        ),
        "orders visible after a reject": ((len(run.visible), 0), f"of {some(rows, 'stored order')}", ""),
    }
    main = "phantom events" if phantom else "lost events"
    doubts = [(title, count) for (_, count), _, title in kinds.values()]
    doubts.insert(1, ("disputed orders", len(run.disputed)))
    lines = []
    for title, ((proven, suspected), of, _) in sorted(kinds.items(), key=lambda item: item[0] != main):
        doubted = suspected + (len(run.disputed) if title == "lost events" else 0)
        if proven or title == main:
            lines.append(f"{title}: {proven}; {'none proven' if doubted and not proven else of}")
    lines += [f"{title}: {count}; not proven, and not ruled out" for title, count in doubts if count]
    return ["\n".join([*lines, *_windows(run), *_late(run), *_rest(run)])]


def _windows(run: RawRun) -> list[str]:
    several, downs = len(run.raw.outages()) > 1, OUTAGES["down"](run)
    found = [(number, window_of(run, number)) for number in run.raw.outages()]
    return [
        f"failure window{f' {number + 1}' if several else ''}: {took(window[1] - window[0])}; {down.split(';')[0]}"
        for (number, window), down in zip(found, downs, strict=True)
        if window is not None
    ]


def _late(run: RawRun) -> list[str]:
    delays, _ = late(run)
    if not delays:
        return []
    return [f"late events: {len(delays)}; appended at most {took(max(delays))} after their orders were sent"]


def _rest(run: RawRun) -> list[str]:
    sent = run.raw.attempts
    rolled_back = sum(one.outcome == "provoked" for one in sent)
    errors = some(sum(one.outcome not in {"acknowledged", "provoked"} for one in sent), "error")
    orders = f"in {some(len(sent), 'order')} sent"
    applying = [guard for guard in run.guards if guard.applies]
    unresolved = sum(not one.row and not one.event for one in sent if one.outcome == "ambiguous")
    return [
        *([f"unresolved orders: {unresolved}; no usable answer, and neither row nor event"] if unresolved else []),
        f"the client saw: {f'{rolled_back} rolled back; {orders}; {errors}' if rolled_back else f'{errors}; {orders}'}",
        f"can it be trusted?: {len(applying) - len(run.failed)} of {len(applying)}; guards passed",
    ]


RECOMPUTED: Final[dict[str, Callable[[RawRun], list[str]]]] = {
    "gap in the end": in_the_end,
    "never came": never_came,
    "waited": waited,
    "untimed events": untimed,
    "cards": cards,
}
