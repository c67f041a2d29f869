"""Changes to a calm run that trip a guard, or nearly."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from contract.event import Why
from health.replies import HANGING, KEPT, How, ProbeResult
from reconcile.history.history import History
from runlog import marks as m
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts

Change = Callable[[RunBuilder], object]


def answer_at(at: float) -> Change:
    def change(builder: RunBuilder) -> None:
        kept = [seen for seen in builder.monitor() if abs(seen.asked - T0 - at) > 0.01]
        ends = {0: START_OFFSET + 2}
        builder.observations = sorted([*kept, Observation(T0 + at, T0 + at + 0.004, ends)], key=lambda seen: seen.asked)

    return change


def unanswered_at(at: float, count: int) -> Change:
    """Leave `count` questions in a row unanswered from second `at` on."""

    def change(builder: RunBuilder) -> None:
        seen = builder.monitor()
        first = round(at * 10)
        for place in range(first, first + count):
            seen[place] = Observation(seen[place].asked, seen[place].asked + 0.054, None, "no answer")
        builder.observations = seen

    return change


def hanging_at(at: float, count: int, last: How = HANGING) -> Change:
    """Let `count` questions in a row on each connection hang from second `at` on, the last one end as `last`."""

    def change(builder: RunBuilder) -> None:
        unanswered_at(at, count)(builder)
        seen = builder.history().probe_results
        failed = [one.asked for one in seen if not one.ok and one.asked - T0 < at + count / 10]
        hows = {**dict.fromkeys(failed, HANGING), failed[-1]: last}
        builder.probe_results = [replace(one, how=hows.get(one.asked, one.how)) for one in seen]

    return change


def hanging_then_refused(builder: RunBuilder) -> None:
    """Let three questions in a row hang, and later in the baseline have five refused."""
    hanging_at(2.0, 3)(builder)
    builder.probe_results = [
        replace(one, how="refused") if 6.0 <= one.asked - T0 < 6.45 else one for one in builder.probe_results or []
    ]


def long_hangs(count: int) -> Change:
    """Let `count` questions in a row on the kept connection hang from second 3 on, 3.2 s in all."""

    def change(builder: RunBuilder) -> None:
        begin, each = T0 + 3.0, 3.2 / count
        hangs = [ProbeResult(begin + k * each, begin + (k + 1) * each, KEPT, HANGING) for k in range(count)]
        seen = builder.history().probe_results
        others = [one for one in seen if one.connection != KEPT or not begin <= one.asked < begin + 3.2]
        builder.probe_results = sorted([*others, *hangs], key=lambda one: one.asked)

    return change


def one_lost(builder: RunBuilder) -> None:
    builder.order(7, 12, event=False)


def end_that_fell(builder: RunBuilder) -> None:
    """Let the end of the topic be observed once below where it was before, and above it again."""
    seen = builder.monitor()
    seen[50] = replace(seen[50], ends={0: START_OFFSET + 1})
    seen[51] = replace(seen[51], ends={0: START_OFFSET})
    builder.observations = seen


def mentioned(number: int, why: Why = Why.NO_ID, *, event: bool = False) -> Change:
    """Store an order, and let a record name it that is not its event."""
    return lambda builder: builder.order(number, 5, event=event).mentioned(number, why)


def down_edge_at(at: float) -> Change:
    return lambda builder: builder.mark(m.INJECTED, down_edge=[T0 + at - 0.1, T0 + at])


def delayed(count: int, of: int, by: float) -> Change:
    """Send `of` more orders in the baseline, the first `count` of them `by` seconds after they were due."""

    def change(builder: RunBuilder) -> None:
        for seq in range(of):
            builder.order(seq, 2 + seq / 100)
        for place, attempt in enumerate(builder.attempts):
            if attempt[6] < count:
                late = (*attempt[:7], attempt[7] - by, *attempt[8:])
                builder.attempts[place] = late

    return change


def unsent(count: int, sent: int, at: float) -> Change:
    def change(builder: RunBuilder) -> None:
        for seq in range(count):
            builder.not_sent(seq, at)
        for seq in range(count, count + sent):
            builder.order(seq, at, row=False, event=False, outcome=Outcome.REJECTED)

    return change


def set_to(**attributes: object) -> Change:
    def change(builder: RunBuilder) -> None:
        for name, value in attributes.items():
            setattr(builder, name, value)

    return change


def both(*changes: Change) -> Change:
    return lambda builder: [change(builder) for change in changes]


def drop_phase(first: float, last: float) -> Change:
    """Turn the acknowledgements of a stretch into errors."""

    def change(builder: RunBuilder) -> None:
        builder.attempts = [
            (*a[:1], Outcome.AMBIGUOUS, 500, *a[3:]) if first <= a[8] - T0 < last else a for a in builder.attempts
        ]

    return change


def lost_and_read_at(second: float) -> Change:
    """Lose one event and take the end of the topic at this second; the last answer comes at 28.02."""

    def change(builder: RunBuilder) -> None:
        builder.order(7, 12, event=False)
        builder.events_changes["read_at"] = T0 + second

    return change


def nothing(builder: RunBuilder) -> None:
    """Leave the run as it is."""


def worker_lost(builder: RunBuilder) -> None:
    builder.facts = facts(workers=2)
    builder.mark_late(m.WORKER_LOST, 12)


def twice_the_same_row(history: History) -> History:
    rows = history.rows
    return replace(history, rows=replace(rows, rows=np.concatenate([rows.rows, rows.rows[:1]])))
