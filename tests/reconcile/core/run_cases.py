"""Runs that have one thing wrong, or nearly, in addition to those of `test_guards.CASES`; each with a title."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from health.replies import CONNECTIONS
from runlog import marks as m
from runlog.marks import Mark
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from tests.reconcile.core.probed import probed, probes
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts
from tests.reconcile.core.test_guards import CASES, Case, both, delayed, set_to, unanswered_at, unsent

Change = Callable[[RunBuilder], object]


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


RUN_CASES: list[tuple[str, Change]] = [
    *((f"{name}, wrong {number}", fires) for number, (name, _, fires, _) in numbered(CASES)),
    *((f"{name}, nearly {number}", nearly) for number, (name, _, _, nearly) in numbered(CASES)),
    ("two outages", second()),
    ("two outages planned, one held", set_to(facts=facts(options={"outages": "2"}))),
    ("three planned, none healed", both(set_to(facts=facts(options={"outages": "3"})), lambda s: s.without(m.HEALING))),
    ("second outage never proven down", second(lambda s: fewer_marks(s, 1, m.INJECTED))),
    ("second outage never proven back", second(lambda s: fewer_marks(s, 1, m.HEALED))),
    ("neither proven back", second(lambda s: s.without(m.HEALED))),
    ("first proven back without its edge", second(lambda s: s.mark(m.HEALED, up_edge=None))),
    ("broker answers in the second", second(answered(24.0))),
    ("broker answers in both", second(answered(15.0, 15.5, 24.0))),
    ("no probe in the second", second(asked_only(23.45, 25.0))),
    ("broker down before the second fault", second(lambda s: s.marks.append(early_second()))),
    ("broker down from the start", unanswered_at(0.0, 100)),
    ("no baseline mark, and it was down", both(lambda s: s.without(m.BASELINE), unanswered_at(3.0, 5))),
    ("down twice, the second time longer", both(unanswered_at(2.0, 2), unanswered_at(6.0, 7))),
    ("down up to the moment of the fault", away(9.7, 9.8, 9.95, until=10.0)),
    ("down for a quarter of a second", away(3.0, 3.1, 3.2, until=3.25)),
    ("down for a little less", away(3.0, 3.1, 3.2, until=3.249)),
    ("answers at the very edges of the proof", answers((10.4375, 10.5), (19.9375, 20.0))),
    ("answers just within", answers((10.4375, 10.5625), (19.875, 19.9375))),
    ("one order due in the outage", lambda s: keep(s, 1000, 1002, 1004)),
    ("exactly 98 of 100 sent", unsent(2, 96, 5)),
    ("exactly 95 of 100 on time", delayed(5, 98, 0.3)),
    ("94 of 100 on time", delayed(6, 98, 0.3)),
    ("nothing sent in the outage", silent_outage),
    ("exactly nine in ten sent in the outage", unsent(10, 88, 15)),
    ("one fewer than nine in ten", unsent(11, 88, 15)),
    ("half of the baseline unsent, half of the recovery", both(unsent(5, 5, 5), unsent_later)),
    ("three arrivals skipped", set_to(ledger_changes={"missing": 3})),
    ("nothing fell due", set_to(attempts=[])),
    ("one acknowledgement before, one after", lambda s: keep(s, 1000, 1002, 1003, 1005)),
    ("no acknowledgement after", lambda s: keep(s, 1000, 1002, 1003)),
    ("drain cut short for reasons not stated", cut_short()),
    ("drain cut short, and nothing more is stated", detail_only(m.DRAINED, {"complete": False})),
    ("drain cut short for two reasons", cut_short(missing=["answers to 3 requests", "the monitor to follow"])),
    ("two drains, the last one whole", lambda s: s.marks.insert(8, Mark(T0 + 32, m.DRAINED, None, {}))),
    (
        "records of two partitions unread",
        set_to(events_changes={"ends": {0: 112, 3: 20, 2: 30}, "reached": {0: 112, 3: 15}}),
    ),
    ("the only record of a partition unread", lone_record),
    ("one partition read of three", more_partitions),
    ("partitions deleted from and cut off", shortened),
    ("nothing of the topic read", set_to(events_changes={"ends": {}, "reached": {}})),
    ("a partition seen only by the monitor", grown),
    ("topic without an id at the start", without_topic_id),
    ("topic without an id, a partition came", lambda s: without_ids(s, 0, 0, 2)),
    ("topic without an id, a partition came and fell", lambda s: without_ids(s, 3, 2, 2)),
    ("topic compacted, offsets not counted", uncounted(compacted=True)),
    ("topic perhaps compacted, offsets not counted", uncounted(compacted=None)),
    ("topic re-created", set_to(events_changes={"topic_id": "topic-2"})),
    ("one row", lambda s: keep(s, 1000)),
    (
        "ledger with everything wrong",
        both(set_to(ledger_changes={"closed": False, "missing": 2, "torn_bytes": 9}), lambda s: s.stored(7, 7)),
    ),
    ("one damaged record in the ledger", set_to(ledger_changes={"damaged": 1})),
    ("two damaged records in the ledger", set_to(ledger_changes={"damaged": 2})),
    ("load stopped while healing failed", lambda s: s.mark_late(m.LOAD_STOPPED, 20.5)),
    ("two orders in no ledger", lambda s: s.stored(7, 7).stored(8, 8)),
    ("two of three workers lost", workers(3, 12, 13)),
    ("one worker lost of two", workers(2, 12)),
    ("four records under other customers", other_customers),
    ("three events in the outbox", outbox(7, 8, 9)),
    ("one event in the outbox", outbox(7)),
    ("clock set back", lambda s: s.mark(m.ENDED, wall_step=-1.25)),
    ("clock moved by next to nothing", lambda s: s.mark(m.ENDED, wall_step=-0.0004)),
    ("clock not a number", lambda s: s.mark(m.ENDED, wall_step=float("nan"))),
    ("run ended by a failure", trouble(m.FAILED, reason="no disk", exit_code=2)),
    ("run interrupted, no reason", trouble(m.INTERRUPTED, exit_code=130)),
    (
        "interrupted, then failed",
        both(trouble(m.INTERRUPTED, reason="SIGINT", exit_code=130), trouble(m.FAILED, reason="x")),
    ),
    ("no phase after the outage", lambda s: s.without(m.RECOVERY, m.DRAIN, m.DRAINED, m.ENDED, m.BASELINE)),
    ("exclusive", set_to(facts=facts(attribution="exclusive"))),
    ("inferred", set_to(facts=facts(attribution="inferred"))),
    ("exclusive, ambiguous attempts explain two of three", exclusive(3)),
    ("exclusive, lost and recovered ones explain none", both(exclusive(3), losses(1, 5), recovered(6))),
    ("exclusive, ambiguous attempts explain all", exclusive(1)),
    ("control", control),
    ("control, and the baseline alone", both(control, lambda s: keep(s.without(m.RECOVERY), 1000, 1001))),
    ("control, with a loss", both(control, losses(1))),
    ("no outage began, nothing fell due in one", both(silent_outage, without_outage)),
    ("no outage began", without_outage),
    ("phantom-event", set_to(facts=facts(scenario="phantom-event"))),
    ("one lost", losses(1)),
    ("two lost", losses(2)),
    ("two lost without an acknowledgement", orders(1, 2, outcome=Outcome.AMBIGUOUS, event=False)),
    ("one of three acknowledged", both(losses(1), orders(3, 4, outcome=Outcome.AMBIGUOUS, event=False))),
    ("two phantoms", orders(1, 2, outcome=Outcome.AMBIGUOUS, row=False)),
    ("two lost orders", orders(1, 2, row=False, event=False)),
    ("two visible after a refusal", orders(1, 2, outcome=Outcome.REJECTED)),
    ("published twice does not matter", lambda s: s.order(1, 5).published(1, 1, 5.5, event=77)),
    ("published twice matters", strict(1)),
    ("two published twice matter", strict(2)),
    ("nothing late", both(lambda s: keep(s, 1000, 1001, 1004, 1005), unsent(0, 3, 15))),
    ("pending is kept by the outbox", both(outbox(7), lambda s: s.mark(m.ENDED, wall_step=0.0))),
    ("all in doubt", both(losses(2), lambda s: s.order(5, 13, row=False), without_database, cut_short())),
    ("one of each in doubt", both(losses(1), lambda s: s.order(5, 13, row=False), without_database, without_kafka)),
    ("rows in doubt, and no fault", both(without_database, lambda s: s.without(m.INJECTED))),
    ("loss, and a guard of no account", both(losses(1), lambda s: s.mark(m.ENDED, wall_step=2.0))),
    ("asked on both connections", on_both()),
    ("database asked on both connections", on_both(target="database")),
    ("service cut off from the broker", on_both(fault="partition")),
    ("a new connection is answered", on_both(probes("new", 15, 15.3, "answered"), target="service")),
    ("both are answered", on_both(probes("new", 16, 16.1, "answered"), probes("kept", 15, 15.1, "answered"))),
    ("both are answered in two outages", second(on_both(*twice_down()), on_both_answered(), planned_twice)),
    ("no probe on a new connection", on_both(probes("new", 10.5, 20, None))),
    ("no probe at all", on_both(set_to(probe_results=[]))),
    ("down for new connections before", on_both(probes("new", 3, 4, "hanging"))),
    ("down for a kept connection before", on_both(probes("kept", 3, 4, "hanging"), target="database")),
    ("never down for a new connection", on_both(probes("new", 10.8, 21, "answered"))),
    ("never back for a kept connection", on_both(probes("kept", 20.8, 40, "refused"), target="service")),
]
