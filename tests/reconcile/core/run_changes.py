"""Changes to a calm run that leave one thing wrong, or nearly: marks, answers, orders, options."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from health.replies import CONNECTIONS
from runlog import marks as m
from runlog.marks import Mark
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from tests.reconcile.core.guard_cases import Case
from tests.reconcile.core.guard_changes import Change, both, set_to
from tests.reconcile.core.probed import probed, probes
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts


def again(builder: RunBuilder) -> RunBuilder:
    """Add a second outage: injection 23, first failure 23.4, proven down 23.5, healing 25, back at 25.9, proven 26."""
    added: list[tuple[float, str, dict[str, Any]]] = [
        (23, m.INJECTING, {}),
        (23.5, m.INJECTED, {"down_edge": [T0 + 23.3, T0 + 23.4]}),
        (25, m.HEALING, {}),
        (26, m.HEALED, {"up_edge": [T0 + 25.8, T0 + 25.9], "healed_by": "harness"}),
    ]
    builder.marks = sorted([*builder.marks, *(Mark(T0 + at, name, 1, detail) for at, name, detail in added)], key=when)
    seen = builder.monitor() if builder.observations is None else builder.observations
    builder.observations = [
        Observation(one.asked, one.answered + 0.05, None, "no answer") if 23.35 < one.asked - T0 < 25.85 else one
        for one in seen
    ]
    return builder


def when(mark: Mark) -> float:
    return mark.at


def fewer_marks(builder: RunBuilder, outage: int, *names: str) -> None:
    builder.marks = [mark for mark in builder.marks if mark.outage != outage or mark.name not in names]


def second(*changes: Change) -> Change:
    """Apply changes to a run with two planned outages."""
    planned = set_to(facts=facts(options={"outages": "2"}))
    return both(planned, again, *changes)


def answers(*times: tuple[float, float]) -> Change:
    """Add answered questions, each asked and answered at given seconds."""

    def change(builder: RunBuilder) -> None:
        more = [Observation(T0 + asked, T0 + answered, {0: START_OFFSET + 2}) for asked, answered in times]
        kept = builder.monitor() if builder.observations is None else builder.observations
        builder.observations = sorted([*kept, *more], key=lambda seen: seen.asked)

    return change


def answered(*at: float) -> Change:
    """Add questions that were answered at once."""
    return answers(*((asked, asked + 0.004) for asked in at))


def away(*asked: float, until: float) -> Change:
    """Leave questions unanswered, the last of them until second `until`; nothing else is asked meanwhile."""

    def change(builder: RunBuilder) -> None:
        given_up = [*(at + 0.05 for at in asked[:-1]), until]
        silent = [Observation(T0 + at, T0 + end, None, "no answer") for at, end in zip(asked, given_up, strict=True)]
        others = [seen for seen in builder.monitor() if not asked[0] - 0.05 < seen.asked - T0 < until + 0.05]
        builder.observations = sorted([*others, *silent], key=lambda seen: seen.asked)

    return change


def asked_only(begin: float, end: float) -> Change:
    def change(builder: RunBuilder) -> None:
        kept = builder.monitor() if builder.observations is None else builder.observations
        builder.observations = [seen for seen in kept if not begin < seen.asked - T0 < end]

    return change


def orders(*seqs: int, outcome: Outcome = Outcome.ACKNOWLEDGED, row: bool = True, event: bool = True) -> Change:
    def change(builder: RunBuilder) -> None:
        for seq in seqs:
            builder.order(seq, 12, outcome, row=row, event=event)

    return change


def detail_only(name: str, detail: dict[str, Any]) -> Change:
    def change(builder: RunBuilder) -> None:
        builder.marks = [replace(mark, detail=detail) if mark.name == name else mark for mark in builder.marks]

    return change


def lone_record(builder: RunBuilder) -> None:
    builder.events_changes = {"ends": {0: START_OFFSET + 6, 1: 1}, "reached": {0: START_OFFSET + 6}}


def without_outage(builder: RunBuilder) -> None:
    builder.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)


def silent_outage(builder: RunBuilder) -> None:
    builder.attempts = [attempt for attempt in builder.attempts if not 10 < attempt[8] - T0 < 21]


def without_topic_id(builder: RunBuilder) -> None:
    builder.facts = facts(topic=replace(builder.facts.topic, topic_id=None))


def losses(count: int, first: int = 1) -> Change:
    return lambda builder: [builder.order(first + place, 12 + place / 10, event=False) for place in range(count)]


def cut_short(**detail: object) -> Change:
    return lambda builder: builder.mark(m.DRAINED, **{"complete": False, "missing": [], **detail})


def trouble(name: str, **detail: object) -> Change:
    return lambda builder: builder.marks.append(Mark(T0 + 33.8, name, None, detail))


def workers(count: int, *lost_at: float) -> Change:
    def change(builder: RunBuilder) -> None:
        builder.facts = facts(workers=count)
        for at in lost_at:
            builder.mark_late(m.WORKER_LOST, at)

    return change


def other_customers(builder: RunBuilder) -> None:
    builder.stored(7, None).stored(8, None).published(9, None).stored(10, 10).published(10, 11)
    builder.elsewhere = [9]


def outbox(*pending: int) -> Change:
    def change(builder: RunBuilder) -> None:
        builder.facts, builder.pending = facts(outbox_table="outbox"), list(pending)
        for seq in pending:
            builder.order(seq, 5, event=False)

    return change


def without_database(builder: RunBuilder) -> None:
    builder.rows_changes = {"complete": False, "problem": "it went away"}


def without_kafka(builder: RunBuilder) -> None:
    builder.events_changes = {"complete": False, "problem": "it went away"}


def early_second() -> Mark:
    """The second outage again, now first seen to fail before its fault was injected."""
    return Mark(T0 + 23.5, m.INJECTED, 1, {"down_edge": [T0 + 22.7, T0 + 22.875]})


def unsent_later(builder: RunBuilder) -> None:
    for seq in range(50, 55):
        builder.not_sent(seq, 25)
    for seq in range(55, 60):
        builder.order(seq, 25, Outcome.REJECTED, row=False, event=False)


def keep(builder: RunBuilder, *seqs: int) -> None:
    """Keep only what belongs to these sequence numbers."""
    builder.attempts = [attempt for attempt in builder.attempts if attempt[6] in seqs]
    builder.rows = [row for row in builder.rows if row[1] in seqs]
    builder.events = [event for event in builder.events if event[1] in seqs]


def more_partitions(builder: RunBuilder) -> None:
    builder.facts = facts(topic=replace(builder.facts.topic, starts={0: START_OFFSET, 2: 0, 1: 0}))


def shortened(builder: RunBuilder) -> None:
    builder.facts = facts(topic=replace(builder.facts.topic, starts={0: START_OFFSET, 2: 5, 1: 5, 3: 5, 4: 0}))
    ends = {0: START_OFFSET + 6, 1: 9, 2: 9, 3: 9, 4: 9}
    builder.events_changes = {"ends": ends, "reached": ends, "lows": {0: START_OFFSET, 1: 6, 2: 7, 3: 5}}


def grown(builder: RunBuilder) -> None:
    seen = builder.monitor()
    seen[300] = replace(seen[300], ends={0: START_OFFSET + 6, 4: 3, 5: 2, 6: 0})
    seen[301] = replace(seen[301], ends={0: START_OFFSET + 6, 4: 2, 5: 2, 6: 0})
    builder.observations = seen
    ends = {0: START_OFFSET + 6, 4: 2, 5: 2, 6: 0}
    builder.events_changes = {"ends": ends, "reached": ends}


def without_ids(builder: RunBuilder, *ends: int) -> None:
    """Lose an event in a topic without an id, in which a partition that is new has these ends."""
    losses(1)(builder)
    seen = builder.monitor()
    for place, end in enumerate(ends):
        seen[300 + place] = replace(seen[300 + place], ends={0: START_OFFSET + 6, 4: end})
    final = {0: START_OFFSET + 6, 4: max(ends)}
    builder.observations = seen
    builder.events_changes = {"topic_id": None, "ends": final, "reached": final}


def uncounted(*, compacted: bool | None) -> Change:
    return both(losses(1), set_to(events_changes={"compacted": compacted, "skipped": None}))


def exclusive(count: int) -> Change:
    def change(builder: RunBuilder) -> None:
        builder.facts = facts(attribution="exclusive")
        orders(1, 2, outcome=Outcome.AMBIGUOUS, row=False, event=False)(builder)
        for number in range(40, 40 + count):
            builder.stored(number, None).published(number, None)

    return change


def recovered(*seqs: int) -> Change:
    return orders(*seqs, outcome=Outcome.AMBIGUOUS)


def control(builder: RunBuilder) -> None:
    builder.facts = facts(scenario="control")
    builder.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)


def strict(count: int) -> Change:
    def change(builder: RunBuilder) -> None:
        builder.facts = facts(fail_on_duplicates=True)
        for seq in range(count):
            builder.order(seq, 5).published(seq, seq, 5.5, event=70 + seq)

    return change


def on_both(*changes: Change, target: str = "broker", fault: str = "stop") -> Change:
    """Let the target be probed on a kept connection and on new ones, then apply changes."""
    return both(lambda s: probed(s, target=target, fault=fault), *changes)


def twice_down() -> list[Change]:
    return [probes(connection, 23.35, 25.85, "refused") for connection in CONNECTIONS]


def on_both_answered() -> Change:
    return both(probes("kept", 15, 15.1, "answered"), probes("new", 24, 24.3, "answered"))


def planned_twice(builder: RunBuilder) -> None:
    builder.facts = replace(builder.facts, options={"outages": "2"})


def numbered(cases: list[Case]) -> Iterator[tuple[int, Case]]:
    """Yield each case with its number among those of its guard, so that the titles of the others stay."""
    numbers: Counter[str] = Counter()
    for case in cases:
        numbers[case[0]] += 1
        yield numbers[case[0]], case
