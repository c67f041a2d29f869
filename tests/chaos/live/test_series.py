"""Counts over time: on straight lines between what was seen, few points in a long run, latencies by second."""

from typing import Any

import numpy as np

from chaos.live.series import MOST_POINTS, GapSeries, SecondSeries
from runlog.ledger import FIELDS, NO_ID, RecordKind
from runlog.outcomes import Outcome


def test_moments_between_two_counts_lie_on_a_line() -> None:
    series = GapSeries(step_s=1.0)
    series.add(0.5, 5, 5, 0)
    series.add(2.5, 25, 15, 4)
    assert (series.answered, series.with_event, series.waiting) == ([0, 10, 20], [0, 7, 12], [0, 1, 3])
    series.add(2.4, 99, 99, 99)  # no time passed: nothing to add
    assert series.answered == [0, 10, 20]


def test_a_long_run_keeps_every_second_moment() -> None:
    series = GapSeries(step_s=1.0)
    for second in range(1, 2001):
        series.add(float(second), 10 * second, 5 * second, 0)
    assert len(series.answered) <= MOST_POINTS
    assert series.answered[:3] == [0, 10 * series.step_s, 20 * series.step_s]
    assert len(series.answered) == len(series.with_event) == len(series.waiting)


def completed(sent: float, took: float, outcome: Outcome = Outcome.ACKNOWLEDGED) -> tuple[Any, ...]:
    return (RecordKind.COMPLETED, outcome, 201, 1, 0, 0, 0, sent, sent, sent + took, NO_ID)


def test_latencies_and_errors_are_those_of_the_second_of_the_send() -> None:
    series = SecondSeries(Outcome.ACKNOWLEDGED, started_at=100.0)
    records = [completed(100.2 + k / 100, (k + 1) / 100) for k in range(20)]
    records += [completed(102.1, 5.0, Outcome.AMBIGUOUS)]
    series.take_attempts(np.array(records, dtype=np.dtype(FIELDS)))
    middle, slow, errors = series.values()
    assert [None if one is None else round(one, 3) for one in middle] == [0.1, None, 5.0]
    assert [None if one is None else round(one, 3) for one in slow] == [0.19, None, 5.0]
    assert errors == [0, 0, 1]
    series.take_attempts(np.array([completed(100.9, 9.0)] * 40, dtype=np.dtype(FIELDS)))
    assert series.values()[0][0] == 9.0
