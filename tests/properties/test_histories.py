"""A thousand generated runs whose truth is known: the judge must find exactly that, by id.

The truth is generated first: the fate of every order, its send time, the damage of the witnesses. From it the history
is built, and the expected result (lists, cells, duplicates, verdict, exit code) by rules that share no code with the
judge.
"""

import csv
import io
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.event import Why
from reconcile.analysis.truth_table import OUTCOMES
from reconcile.history.history import History
from reconcile.judge.judge import judge
from reconcile.report.csv_lists import csv_texts
from runlog import marks as m
from runlog.outcomes import Failure, Outcome
from tests.property_examples import examples
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id
from tests.saboteur.fates import FATES, HONEST, Answer, Fate
from tests.saboteur.truth import LISTS, Truth, _judge

OUTCOME_OF = {
    Answer.CREATED: Outcome.ACKNOWLEDGED,
    Answer.REFUSED: Outcome.REJECTED,
    Answer.FAILED: Outcome.AMBIGUOUS,
    Answer.CUT: Outcome.AMBIGUOUS,
}
# Damages of a run, and what each makes suspected or vacuous.
DAMAGES = {
    "none": (),
    "drain cut short": ("lost", "phantom"),
    "topic not read": ("lost",),
    "topic re-created": ("lost",),
    "rows not read": ("phantom", "lost order"),
    "never proven back": ("lost",),
    "clock was set": ("vacuous",),
    "fault not proven": ("vacuous",),
}
WHY = {
    "tombstone": Why.TOMBSTONE,
    "other": Why.FILTERED,
    "garbage": Why.UNREADABLE,
    "foreign key": Why.KEY_DIFFERS,
    "another tag": Why.OTHER_TAG,
}
TWINS = 500


@dataclass(frozen=True)
class Run:
    """The truth: fate and send time of each order, the damage, the expectation."""

    orders: tuple[tuple[Fate, float], ...]
    damage: str
    expect: str


@st.composite
def runs(draw: st.DrawFn) -> Run:
    fates = st.one_of(st.just(HONEST), st.sampled_from(FATES))
    times = st.floats(0.1, 30.0).map(lambda at: round(at, 3))
    orders = draw(st.lists(st.tuples(fates, times), max_size=25))
    expect = draw(st.sampled_from(["consistent", "lost-events", "phantom-events", "any"]))
    return Run(tuple(orders), draw(st.sampled_from(sorted(DAMAGES))), expect)


def history_of(run: Run) -> History:
    builder = RunBuilder(facts=facts(expect=run.expect)).calm(100)
    for seq, (fate, at) in enumerate(run.orders):
        outcome = OUTCOME_OF[fate.answer]
        failure = Failure.RESET if fate.answer is Answer.CUT else Failure.NONE
        builder.order(seq, at, outcome, row=fate.row, event=False, failure=failure)
        for record in fate.instead:
            builder.mentioned(seq, WHY[record])
        for order in (seq, seq + TWINS) if fate.twin else (seq,):
            if order != seq and fate.row:
                builder.stored(order, seq)
            for place, number in enumerate(fate.events):
                builder.published(order, seq, max(at, 21.0) + fate.delay + place / 10, order * 10 + number)
    return damaged(builder, run.damage)


def damaged(builder: RunBuilder, damage: str) -> History:
    if damage == "drain cut short":
        builder.mark(m.DRAINED, complete=False, missing=["answers"])
    elif damage == "topic not read":
        builder.events_changes = {"complete": False, "problem": "gone"}
    elif damage == "topic re-created":
        builder.events_changes = {"topic_id": "another"}
    elif damage == "rows not read":
        builder.rows_changes = {"complete": False, "problem": "gone"}
    elif damage == "never proven back":
        builder.mark(m.HEALED, up_edge=None)
    elif damage == "clock was set":
        builder.mark(m.ENDED, wall_step=3.0)
    elif damage == "fault not proven":
        builder.mark(m.INJECTED, down_edge=None)
    return builder.history()


def truth_of(run: Run) -> Truth:
    truth, lists = Truth(), {name: list[str]() for name in LISTS}
    for seq, (fate, _) in enumerate(run.orders):
        _judge(fate, str(order_id(seq)), False, truth, lists)
        if fate.twin:
            _judge(fate, str(order_id(seq + TWINS)), True, truth, lists)
    doubted = DAMAGES[run.damage]
    for name, doubt, suspects in (
        ("lost-events", "lost", "suspected-lost"),
        ("phantom-events", "phantom", "suspected-phantom"),
        ("lost-orders", "lost order", "suspected-lost-orders"),
    ):
        lists[suspects] = lists[name] if doubt in doubted else []
        lists[name] = [] if doubt in doubted else lists[name]
    truth.lists = {name: sorted(ids) for name, ids in lists.items()}
    return truth


def verdict_of(run: Run, truth: Truth) -> tuple[str, int]:
    """Return verdict and exit code. With evidence in doubt: inconclusive; a clean result needs every guard."""
    doubted = set(DAMAGES[run.damage])
    violations = any(
        truth.lists[name] for name in ("lost-events", "phantom-events", "lost-orders", "visible-after-reject")
    )
    disputed = bool(truth.lists["disputed-orders"])
    if doubted - {"vacuous"} or ((doubted or disputed) and not violations):
        return "inconclusive", 3
    verdict = "inconsistent" if violations else "consistent"
    met = {
        "any": True,
        "consistent": not violations,
        "lost-events": bool(truth.lists["lost-events"]),
        "phantom-events": bool(truth.lists["phantom-events"]),
    }[run.expect]
    return verdict, 0 if met else 1


def listed(texts: dict[str, str], name: str) -> list[str]:
    return sorted(row["order_id"] for row in csv.DictReader(io.StringIO(texts[f"{name}.csv"])))


@settings(max_examples=examples(1000), deadline=None)
@given(runs())
def test_the_judge_finds_the_truth(run: Run) -> None:
    history, truth = history_of(run), truth_of(run)
    judgement = judge(history)
    texts = csv_texts(history, judgement)
    assert {name: listed(texts, name) for name in truth.lists} == truth.lists
    cells = {
        (label, cell): judgement.cells[label][cell]
        for label in OUTCOMES.values()
        for cell in judgement.cells[label]
        if judgement.cells[label][cell]
    }
    # The orders that make all guards pass have row and event.
    truth.cells["acknowledged", "row_and_event"] += 6
    assert cells == {cell: number for cell, number in truth.cells.items() if number}
    counts = judgement.counts
    assert (counts["redelivered"], counts["published_twice"]) == (
        truth.duplicates["redelivered"],
        truth.duplicates["published_twice"],
    )
    assert (judgement.ruling.verdict.value, judgement.ruling.exit_code) == verdict_of(run, truth)
    assert all(equation.holds for equation in judgement.equations)
    assert len(judgement.evidence) == len(judgement.lost_cases)


@settings(max_examples=examples(200), deadline=None)
@given(runs())
def test_the_order_of_the_rows_changes_nothing(run: Run) -> None:
    history = history_of(run)
    rows = history.rows.rows[::-1].copy()
    shuffled = replace(history, rows=replace(history.rows, rows=rows))
    one, other = judge(history), judge(shuffled)
    assert csv_texts(history, one) == csv_texts(shuffled, other)
    assert one.counts == other.counts
    assert one.ruling == other.ruling
