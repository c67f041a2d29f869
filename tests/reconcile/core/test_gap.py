"""The gap: counted order by order at each moment, red for what never came, amber for what came later or still waits."""

import pytest

from reconcile.analysis.gap import MOST_STEPS, Gap
from reconcile.judge.judge import judge
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder
from tests.reconcile.core.test_phantom_guards import provoked


def gap_of(builder: RunBuilder) -> Gap:
    return judge(builder.history()).gap


def at(gap: Gap, second: float) -> tuple[int, int, int]:
    """Answered, with event, and never, at the last moment not after `second`."""
    place = int(second / gap.step_s + 1e-9)
    return gap.answered[place], gap.with_event[place], gap.never[place]


def test_an_order_is_in_the_gap_from_its_answer_to_its_event() -> None:
    gap = gap_of(RunBuilder().order(1, 12.0, appended=25.0, took=0.5))
    assert at(gap, 12.4) == (0, 0, 0)
    assert at(gap, 12.6) == (1, 0, 0)
    assert at(gap, 24.9) == (1, 0, 0)
    assert at(gap, 25.2) == (1, 1, 0)
    assert max(gap.later) == 1


def test_an_event_that_may_have_come_before_its_answer_did_not_come_later() -> None:
    """The topic's end was asked for before the answer, and again after it."""
    assert max(gap_of(RunBuilder().order(1, 2.0, appended=2.001, took=0.001)).later) == 0
    assert max(gap_of(RunBuilder().order(1, 2.0, appended=2.4, took=0.001)).later) == 1


def test_an_event_before_its_answer_counts_with_the_answer() -> None:
    gap = gap_of(RunBuilder().order(1, 2.0, appended=2.05, took=3.0))
    assert at(gap, 4.9) == (0, 0, 0)
    assert at(gap, 5.1) == (1, 1, 0)


def test_what_never_came_is_red_from_its_answer_on() -> None:
    gap = gap_of(RunBuilder().calm().order(1, 12.0, event=False, took=1.0))
    assert at(gap, 12.9)[2] == 0
    assert at(gap, 13.1)[2] == 1
    assert (gap.answered[-1], gap.with_event[-1], gap.never[-1]) == (7, 6, 1)


def test_what_the_backlog_still_holds_is_not_red() -> None:
    builder = RunBuilder().calm().order(1, 12.0, event=False)
    builder.pending.append(1)
    gap = gap_of(builder)
    assert (gap.answered[-1], gap.with_event[-1], gap.never[-1], gap.pending[-1]) == (7, 6, 0, 1)
    assert max(gap.later) == 2, "the two of the outage, whose events came; not the one that waits"


def test_other_outcomes_and_duplicates_change_nothing() -> None:
    """A difference of totals would be -2 here, where one event is lost."""
    builder = RunBuilder().order(1, 12.0, event=False).order(2, 13.0, Outcome.AMBIGUOUS).published(2, 2)
    gap = gap_of(builder.order(3, 14.0, Outcome.REJECTED).stored(77, None).published(77, None))
    assert (gap.answered[-1], gap.with_event[-1], gap.never[-1]) == (1, 0, 1)


def test_an_event_without_a_proven_time_is_counted_at_the_end_and_said() -> None:
    builder = RunBuilder().order(1, 2.0).order(2, 3.0)
    builder.observations = []
    gap = gap_of(builder)
    assert gap.untimed == 2
    assert gap.with_event[-2:] == [0, 2]
    assert gap_of(RunBuilder().order(1, 2.0)).untimed == 0


def test_events_of_orders_that_were_rolled_back_are_the_gap_of_phantoms() -> None:
    builder = provoked()
    builder.order(9, 5.0, Outcome.PROVOKED, row=False, event=False, answered_id=9)
    gap = gap_of(builder)
    assert (gap.outcome, gap.answered[-1], gap.with_event[-1]) == ("provoked", 4, 3)


def test_lines_never_cross_and_never_fall() -> None:
    builder = RunBuilder().calm()
    for seq in range(40):
        builder.order(seq, 3 + seq / 2, event=seq % 3 != 0, appended=22 + seq / 9, took=0.1 + seq % 5)
    gap = gap_of(builder)
    for line in (gap.answered, gap.with_event, gap.never):
        assert line == sorted(line)
    assert all(a >= e + n for a, e, n in zip(gap.answered, gap.with_event, gap.never, strict=True))


def test_a_run_without_orders_has_a_gap_of_nothing() -> None:
    builder = RunBuilder().without(m.HEALED, m.DRAIN, m.DRAINED)
    gap = gap_of(builder)
    assert (gap.seconds, gap.answered, gap.with_event, gap.never) == (0.0, [0], [0], [0])


@pytest.mark.parametrize(("seconds", "step"), [(33.0, 0.1), (90.0, 0.2), (4_000.0, 10.0), (100_000.0, 100_000 / 480)])
def test_a_long_run_has_longer_steps(seconds: float, step: float) -> None:
    gap = gap_of(RunBuilder().order(1, seconds - 0.02))
    assert gap.step_s == pytest.approx(step, rel=1e-3)
    assert len(gap.answered) <= MOST_STEPS + 2
    assert gap.answered[-1] == 1
