"""Generated histories with collisions of every kind against the naive table; many brackets against single ones."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.analysis.late_events import append_brackets
from reconcile.judge.judge import judge
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from tests.property_examples import examples
from tests.reconcile.core.plain_reference import AppendTimes, Sent, World, naive_counts
from tests.reconcile.core.run_builder import RunBuilder

# Few ids and few sequence numbers, so that ids repeat in answers, rows have foreign numbers, events repeat.
IDS = st.integers(0, 9)
PROBES = RunBuilder().history().probe_results
SEQS = st.one_of(st.none(), st.integers(0, 7))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    seqs = draw(st.lists(st.integers(0, 6), unique=True, max_size=7))
    sent = []
    for seq in sorted(seqs):
        outcome = draw(st.sampled_from(list(Outcome)))
        must_tell = outcome is Outcome.ACKNOWLEDGED
        sent.append(Sent(seq, outcome, draw(IDS if must_tell else st.one_of(st.none(), IDS))))
    rows = draw(st.dictionaries(IDS, SEQS, max_size=8))
    # All events of one order carry one customer id: that is what an order is.
    of_order = draw(st.dictionaries(IDS, SEQS, max_size=8))
    events = (
        draw(st.lists(st.tuples(st.sampled_from(sorted(of_order)), st.integers(0, 3)), max_size=12)) if of_order else []
    )
    log = [(order, of_order[order], event) for order, event in events]
    return World(sent, rows, log, draw(st.sets(IDS, max_size=3)), draw(st.sets(IDS, max_size=3)))


def builder_of(world: World) -> RunBuilder:
    builder = RunBuilder()
    for attempt in world.sent:
        number = -1 if attempt.answered_id is None else attempt.answered_id
        builder.order(attempt.seq, 1 + attempt.seq, attempt.outcome, row=False, event=False, answered_id=number)
    for order, seq in world.rows.items():
        builder.stored(order, seq)
    for place, (order, seq, event) in enumerate(world.events):
        builder.published(order, seq, 2 + place / 100, event)
    for order in world.mentioned:
        builder.mentioned(order)
    builder.pending, builder.observations, builder.probe_results = sorted(world.backlog), [], PROBES
    return builder


@settings(max_examples=examples(1000), deadline=None)
@given(worlds())
def test_the_table_agrees_with_sets_and_dicts(world: World) -> None:
    judgement = judge(builder_of(world).history())
    expected = naive_counts(world)
    assert {key: judgement.counts[key] for key in expected} == expected
    assert all(equation.holds for equation in judgement.equations)
    cells = sum(sum(row.values()) for row in judgement.cells.values())
    assert cells == len(judgement.table.row)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 1), st.booleans()), max_size=25),
    st.lists(st.integers(0, 30), min_size=1, max_size=10),
)
def test_brackets_agree_with_those_of_one_record(steps: list[tuple[int, float, bool]], offsets: list[int]) -> None:
    end, at, seen = 0, 0.0, []
    for grown, waited, answered in steps:
        end, at = end + grown, at + waited
        seen.append(Observation(at, at + waited / 2, {0: end} if answered else None))
    lower, upper = append_brackets(seen, np.zeros(len(offsets), dtype=np.int32), np.array(offsets, dtype=np.int64))
    one_by_one = [AppendTimes(seen).bracket(0, offset) for offset in offsets]
    nan_as_none = [tuple(None if np.isnan(x) else x for x in pair) for pair in zip(lower, upper, strict=True)]
    assert nan_as_none == one_by_one
