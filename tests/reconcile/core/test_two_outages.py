"""A run with two outages: what belongs to which, and what an unproven one leaves of the other.

The first: injection at 10, down from 10.4 to 20.8, proven back at 21; the second at 23, 23.4 to 25.8, 26. Reach is 8 s.
"""

import numpy as np
import pytest

from reconcile.analysis.failure_window import FailureWindow, failure_windows
from reconcile.analysis.lost_causes import LostCause
from reconcile.analysis.recovery import Recovery
from reconcile.judge.judge import Judgement, judge
from runlog import marks as m
from runlog.outages import read_outages
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder
from tests.reconcile.core.run_changes import again, fewer_marks


def steady() -> RunBuilder:
    return RunBuilder().order(1001, 1).order(1002, 5)


def causes(builder: RunBuilder) -> list[LostCause]:
    return [one.cause for one in judge(builder.history()).evidence]


def lose(*at: float, took: float = 0.02) -> RunBuilder:
    builder = again(steady())
    builder.events_changes["read_at"] = T0 + 40
    for seq, moment in enumerate(at):
        builder.order(seq, moment, event=False, took=took)
    return builder


@pytest.mark.parametrize(
    ("at", "cause"),
    [
        (1.99, LostCause.OUTSIDE_OUTAGES),
        (2.0, LostCause.SENT_NEAR_OUTAGE),
        (22.0, LostCause.SENT_NEAR_OUTAGE),
        (33.5, LostCause.SENT_NEAR_OUTAGE),
        (34.0, LostCause.SENT_NEAR_OUTAGE),
        (34.01, LostCause.OUTSIDE_OUTAGES),
    ],
)
def test_near_either_of_them(at: float, cause: LostCause) -> None:
    assert causes(lose(at)) == [cause]


def test_under_way_at_either_break() -> None:
    assert causes(lose(10.3, 23.3, took=0.25)) == [LostCause.IN_FLIGHT_AT_BREAK] * 2


@pytest.mark.parametrize(
    ("at", "took", "under_way"), [(10.125, 0.25, True), (10.125, 0.125, False), (10.25, 0.25, True), (10.375, 1, False)]
)
def test_under_way_to_the_moment(at: float, took: float, under_way: bool) -> None:
    """The first failure came at 10.375: sent before it, and not answered before it."""
    builder = steady().order(1, at, event=False, took=took).mark(m.INJECTED, down_edge=[T0 + 10.25, T0 + 10.375])
    assert [one.in_flight for one in judge(builder.history()).evidence] == [under_way]


def test_a_window_for_each() -> None:
    judgement = judge(lose(2.0, 9.0, 12.0, 21.0, 21.5, 22.5, 24.0, 25.5, 34.0, 34.5).history())
    first, second = judgement.windows
    assert (first.lost, first.before, first.after, first.first_sent_at, first.last_sent_at) == (
        5,
        2,
        1,
        T0 + 2,
        T0 + 21.5,
    )
    assert (first.sent, second.sent) == (6, 4)
    assert [first.lead_s, first.tail_s] == pytest.approx([8.4, 0.7])
    assert (second.lost, second.before, second.after) == (4, 1, 1)
    assert [second.lead_s, second.tail_s] == pytest.approx([0.9, 8.2])
    assert judgement.lost_outside == 1


def test_only_the_second_lost_something() -> None:
    first, second = judge(lose(24.0).history()).windows
    assert first == FailureWindow(None, None, None, None, 0, 0, 0, 0, 0)
    assert (second.lost, second.sent, second.density) == (1, 1, 1.0)


def test_recoveries_when_the_first_was_never_proven_back() -> None:
    builder = again(steady()).order(1, 27, took=0.01).order(2, 22, took=0.01)
    fewer_marks(builder, 0, m.HEALED)
    first, second = judge(builder.history()).recoveries
    assert (first.first_delivered_s, first.pace) == (None, None)
    assert second.first_delivered_s == pytest.approx(1.01)
    assert second.pace == "unknown"
    assert first.baseline_p95_s == second.baseline_p95_s == pytest.approx(0.02)


def test_a_recovery_begins_with_the_proof_and_ends_before_the_next_outage() -> None:
    """Times are exact in binary: sent at the very moment of `healed`, and at that of the next `injecting`."""
    builder = again(RunBuilder().order(1, 1, took=0.25))
    builder.order(2, 21, took=0.25).order(3, 23, took=0.125).order(4, 26, event=False, took=0.5)
    first, second = judge(builder.history()).recoveries
    assert first == Recovery(0.25, "unknown", None, 0.25, 0.25, 1, 1, 0.0)
    assert second == Recovery(None, "unknown", None, 0.25, 0.5, 1, 1, 0.0)
    late_one = again(RunBuilder().order(1, 1, took=0.25)).order(3, 23, took=0.125)
    assert judge(late_one.history()).recoveries[0].recovery_orders == 0


def rates(judgement: Judgement) -> list[tuple[float | None, ...]]:
    return [(one.offered, one.acknowledged, one.delivered, one.lost) for one in judgement.outage_rates]


def test_rates_of_each() -> None:
    builder = (
        lose(10.0, 24.0).order(90, 23.0).order(91, 26.0).order(92, 25.0, Outcome.AMBIGUOUS, row=False, event=False)
    )
    first, second = rates(judge(builder.history()))
    assert first == pytest.approx((1 / 11, 1 / 11, 0, 1 / 11))
    assert second == pytest.approx((3 / 3, 2 / 3, 1 / 3, 1 / 3))


def test_rates_when_the_first_never_ended() -> None:
    builder = lose(24.0)
    fewer_marks(builder, 0, m.HEALED)
    first, second = rates(judge(builder.history()))
    assert first == (None, None, None, None)
    # What was lost is only suspected: the first return was never proven.
    assert second == pytest.approx((1 / 3, 1 / 3, 0, 0))


def test_rates_of_an_outage_without_length_and_of_a_short_one() -> None:
    builder = steady().order(1, 10, event=False)
    for name in (m.INJECTING, m.INJECTED, m.HEALING, m.HEALED):
        builder.marks = [
            mark if mark.name != name else type(mark)(T0 + 10, name, 0, mark.detail) for mark in builder.marks
        ]
    assert rates(judge(builder.history())) == [(None, None, None, None)]
    builder.marks = [
        mark if mark.name != m.HEALED else type(mark)(T0 + 10.5, m.HEALED, 0, mark.detail) for mark in builder.marks
    ]
    assert rates(judge(builder.history())) == [(2.0, 2.0, 0.0, 2.0)]


def test_a_second_order_of_one_attempt_is_in_no_rate() -> None:
    builder = steady().order(1, 12).stored(60, 1).published(60, 1).stored(61, 1)
    ((offered, acknowledged, delivered, lost),) = rates(judge(builder.history()))
    assert (offered, acknowledged, delivered, lost) == pytest.approx((1 / 11, 1 / 11, 1 / 11, 0))


def late(builder: RunBuilder) -> tuple[int, int]:
    counts = judge(builder.history()).counts
    return counts["late_events"], counts["late_undecided"]


def test_late_after_either() -> None:
    assert late(again(steady().order(1, 12, appended=20.85).order(2, 24, appended=25.85))) == (2, 0)


def test_an_unproven_absence_does_not_take_the_proof_of_the_other_away() -> None:
    builder = again(steady().order(1, 23.4, appended=25.85))
    builder.marks = [
        type(mark)(mark.at, mark.name, 0, {"healed_by": "harness"})
        if mark.outage == 0 and mark.name == m.HEALED
        else mark
        for mark in builder.marks
    ]
    assert late(builder) == (1, 0)


def test_within_the_one_is_nearer_than_just_after_the_other() -> None:
    outages = read_outages(again(RunBuilder()).marks)
    (first, second), outside, _ = failure_windows(*(T0 + np.array([22.2, 23.1]),) * 2, np.ones(2, bool), outages, 3.0)
    assert (first.lost, second.lost, outside) == (0, 2, 0)
    (first, second), outside, _ = failure_windows(*(T0 + np.array([21.4]),) * 2, np.ones(1, bool), outages, 0.5)
    assert (first.lost, second.lost, outside) == (1, 0, 0)
