"""Counts over time: on straight lines between what was seen, few points in a long run, latencies by second."""

from typing import Any

import numpy as np
import pytest

from chaos.live.series import MOST_POINTS, GapSeries, LatencySeries
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
    series = LatencySeries(Outcome.ACKNOWLEDGED, started_at=100.0)
    records = [completed(100.2 + k / 100, (k + 1) / 100) for k in range(20)]
    records += [completed(102.1, 5.0, Outcome.AMBIGUOUS)]
    series.take_attempts(np.array(records, dtype=np.dtype(FIELDS)))
    middle, slow, errors = series.values()
    assert middle == [pytest.approx(0.1, rel=0.01), None, pytest.approx(5.0, rel=0.01)]
    assert slow == [pytest.approx(0.19, rel=0.01), None, pytest.approx(5.0, rel=0.01)]
    assert errors == [0, 0, 1]
    series.take_attempts(np.array([completed(100.9, 9.0)] * 40, dtype=np.dtype(FIELDS)))
    assert series.values()[0][0] == pytest.approx(9.0, rel=0.01)


def test_a_long_run_has_longer_steps_of_latencies() -> None:
    series = LatencySeries(Outcome.ACKNOWLEDGED, started_at=100.0)
    sent = [100.5, 101.5, 102.5, 100.0 + 3 * MOST_POINTS]
    records = [completed(at, 0.1 * (place + 1), Outcome.AMBIGUOUS) for place, at in enumerate(sent)]
    for record in records:
        series.take_attempts(np.array([record], dtype=np.dtype(FIELDS)))
    middle, slow, errors = series.values()
    assert series.step_s == 4.0
    assert len(errors) == 3 * MOST_POINTS // 4 + 1 == len(middle)
    assert (errors[0], sum(errors)) == (3, 4)
    assert [middle[0], slow[0]] == pytest.approx([0.2, 0.3], rel=0.01)
    assert middle[-1] == pytest.approx(0.4, rel=0.01)


@pytest.mark.parametrize("took", [0.0, -1.0, 1e-5, 86_400.0])
def test_a_latency_outside_the_intervals_is_that_of_the_nearest(took: float) -> None:
    series = LatencySeries(Outcome.ACKNOWLEDGED, started_at=100.0)
    series.take_attempts(np.array([completed(100.2, took)], dtype=np.dtype(FIELDS)))
    (middle,), _, _ = series.values()
    assert middle == pytest.approx(min(max(took, 1e-4), 920.0), rel=0.03)
