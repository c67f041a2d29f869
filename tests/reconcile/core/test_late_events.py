"""Late events, the failure window, and where a send lies against the outages."""

import numpy as np
import pytest

from reconcile.analysis.failure_window import failure_windows
from reconcile.analysis.late_events import append_brackets
from reconcile.history.moments import Moment, moments
from reconcile.judge.judge import Judgement, judge
from runlog import marks as m
from runlog.marks import Mark
from runlog.offsets import Observation
from runlog.outages import read_outages
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import DOWN_EDGE, START_OFFSET, T0, UP_EDGE, RunBuilder, usual_marks


def late(builder: RunBuilder) -> tuple[int, int]:
    counts = judge(builder.history()).counts
    return counts["late_events"], counts["late_undecided"]


def test_sent_in_the_outage_and_appended_well_after_it_is_late() -> None:
    judgement = judge(RunBuilder().order(1, 12, appended=22.53).history())
    assert judgement.counts["late_events"] == 1
    assert judgement.counts["delivered"] == 1
    # The answer at 22.6 is the first that shows it; it came 4 ms after the question.
    assert judgement.late.delays()["max_s"] == pytest.approx(22.604 - 12, abs=1e-6)


def test_sent_just_before_the_outage_can_be_late_too() -> None:
    # The last answer before the outage did not show it, the first one after did: it may be of either side.
    assert late(RunBuilder().order(1, 10.35, appended=20.87)) == (0, 1)
    # The first answer after the outage did not show it either.
    assert late(RunBuilder().order(1, 10.35, appended=23)) == (1, 0)
    # Sent when the broker already answered no client: it can only be appended after the outage.
    assert late(RunBuilder().order(1, 10.41, appended=20.87)) == (1, 0)


def test_sent_after_the_return_is_never_late() -> None:
    assert late(RunBuilder().order(1, 20.81, appended=29)) == (0, 0)
    assert late(RunBuilder().order(1, 20.79, appended=29)) == (1, 0)


def test_published_at_once_when_the_broker_is_back_is_late_though_it_was_not_yet_proven_back() -> None:
    judgement = judge(RunBuilder().order(1, 12, appended=20.85).order(2, 5).history())
    assert judgement.counts["late_events"] == 1
    assert judgement.late.delays()["max_s"] == pytest.approx(20.904 - 12, abs=1e-6)


def test_appended_before_the_outage_is_not_late() -> None:
    assert late(RunBuilder().order(1, 9.5, appended=9.6)) == (0, 0)


def test_an_answer_in_between_takes_the_proof_away() -> None:
    builder = RunBuilder().order(1, 10.9, appended=20.87)
    assert late(builder) == (1, 0)
    builder.observations = sorted(
        [*builder.monitor(), Observation(T0 + 11, T0 + 11.004, {0: START_OFFSET})], key=lambda seen: seen.asked
    )
    assert late(builder) == (0, 1)


def test_the_first_event_of_an_order_decides() -> None:
    assert late(RunBuilder().order(1, 5).published(1, 1, 25.0)) == (0, 0)


def test_without_later_observations_the_end_of_reading_bounds_the_delay() -> None:
    builder = RunBuilder().order(1, 12, appended=33.99)
    builder.observations = [seen for seen in builder.monitor() if seen.asked < T0 + 30]
    judgement = judge(builder.history())
    assert judgement.counts["late_events"] == 1
    assert judgement.late.delays()["max_s"] == pytest.approx(35 - 12)


def test_phantoms_and_lost_orders_are_not_late() -> None:
    assert late(RunBuilder().order(1, 12, appended=25, row=False)) == (0, 0)


def test_never_healed_means_nothing_is_late() -> None:
    assert late(RunBuilder().order(1, 12, appended=25).without(m.HEALED)) == (0, 0)


def lose(*at: float) -> Judgement:
    builder = RunBuilder()
    for seq, moment in enumerate(at):
        builder.order(seq, moment, event=False)
    for seq, moment in enumerate((1.0, 12.0, 25.0), 50):
        builder.order(seq, moment, appended=20.87 if moment == 12 else None)
    return judge(builder.history())


def test_window_lead_and_tail() -> None:
    judgement = lose(10.1, 13, 20.2)
    window = judgement.windows[0]
    assert (window.first_sent_at, window.last_sent_at) == (T0 + 10.1, T0 + 20.2)
    assert window.lead_s == pytest.approx(0.3, abs=1e-5)
    assert window.tail_s == pytest.approx(-0.6, abs=1e-5)
    assert (window.lost, window.sent, window.density) == (3, 4, 0.75)
    assert judgement.lost_outside == 0


def test_without_an_outage_every_loss_lies_outside() -> None:
    times, lost = T0 + np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    assert failure_windows(times[:2], times, lost, [], reach=8.0) == ([], 2, 0)


def test_without_an_earlier_probe_only_the_send_time_bounds() -> None:
    builder = RunBuilder().order(1, 9, appended=22)
    builder.observations = [seen for seen in builder.monitor() if seen.asked > T0 + 25]
    assert late(builder) == (0, 1)


def test_losses_just_around_the_outage_belong_to_it() -> None:
    judgement = lose(9.0, 12, 22.0)
    window = judgement.windows[0]
    assert (window.lost, window.before, window.after, judgement.lost_outside) == (3, 1, 1, 0)
    assert window.tail_s is not None and window.tail_s == pytest.approx(T0 + 22 - UP_EDGE[0], abs=1e-5)


def test_losses_far_from_any_outage_are_another_bug() -> None:
    """Request timeout 5 s and delivery timeout 3 s: what lies more than 8 s away is not explained."""
    assert lose(1.9, 12).lost_outside == 1
    assert lose(2.1, 12).lost_outside == 0
    assert lose(28.9, 12).lost_outside == 0
    assert lose(29.1, 12).lost_outside == 1


def test_each_loss_belongs_to_the_nearest_of_two_outages() -> None:
    shifted = [Mark(mark.at + 30, mark.name, 1, mark.detail) for mark in usual_marks() if mark.outage == 0]
    outages = read_outages([*usual_marks(), *shifted])
    lost = T0 + np.array([12.0, 24.0, 36.0, 45.0])
    windows, outside, _ = failure_windows(lost, lost, np.ones(len(lost), np.bool_), outages, reach=8.0)
    assert [window.lost for window in windows] == [2, 2]
    assert outside == 0
    assert [Moment(cause) for cause in moments(lost, outages)] == [Moment.DOWN, Moment.AFTER, Moment.AFTER, Moment.DOWN]


def test_no_loss_is_an_empty_window_and_unproven_edges_are_unknown() -> None:
    window = lose().windows[0]
    assert (window.first_sent_at, window.lead_s, window.lost, window.density) == (None, None, 0, None)
    builder = RunBuilder().order(1, 12, event=False).without(m.INJECTED)
    blind = judge(builder.history()).windows[0]
    assert blind.lead_s is None
    assert blind.tail_s is not None


def test_the_reach_is_included() -> None:
    assert [lose(at, 12).lost_outside for at in (2.0, 29.0, 1.999, 29.001)] == [0, 0, 1, 1]


def test_before_and_after_leave_the_very_marks_out() -> None:
    window = lose(10.0, 21.0).windows[0]
    assert (window.lost, window.before, window.after, window.sent) == (2, 0, 0, 3)


def test_a_loss_of_an_outage_whose_edges_were_never_proven() -> None:
    outages = read_outages([mark for mark in usual_marks() if mark.name not in {m.INJECTED, m.HEALED}])
    lost = T0 + np.array([12.0])
    (window,), _, _ = failure_windows(lost, lost, np.ones(len(lost), np.bool_), outages, reach=8.0)
    assert (window.lost, window.lead_s, window.tail_s) == (1, None, None)


def test_unrecorded_losses_have_no_time_so_no_outage_can_be_ruled_out() -> None:
    judgement = judge(RunBuilder().stored(5, 5).history())
    assert (judgement.lost_outside, judgement.lost_unplaced) == (0, 1)


def test_the_density_of_a_window_counts_orders_not_their_extra_ones() -> None:
    """A second order of an attempt is lost, its own is not: no order sent in the window lost its event."""
    (window,) = judge(RunBuilder().calm().order(1, 12).stored(77, 1).history()).windows
    assert (window.lost, window.sent, window.density) == (1, 2, 0.0)


@pytest.mark.parametrize(
    ("at", "cause"),
    [
        (9.99, Moment.BEFORE),
        (10.0, Moment.STOPPING),
        (10.49, Moment.STOPPING),
        (10.5, Moment.DOWN),
        (19.99, Moment.DOWN),
        (20.0, Moment.STARTING),
        (20.99, Moment.STARTING),
        (21.0, Moment.AFTER),
        (float("nan"), Moment.UNKNOWN),
    ],
)
def test_causes(at: float, cause: Moment) -> None:
    assert Moment(moments(np.array([T0 + at]), read_outages(usual_marks()))[0]) is cause


def test_causes_with_missing_marks_and_without_outage() -> None:
    never_down = read_outages([mark for mark in usual_marks() if mark.name != m.INJECTED])
    never_back = read_outages([mark for mark in usual_marks() if mark.name != m.HEALED])
    assert Moment(moments(np.array([T0 + 15.0]), never_down)[0]) is Moment.STOPPING
    assert Moment(moments(np.array([T0 + 99.0]), never_back)[0]) is Moment.STARTING
    assert Moment(moments(np.array([T0]), [])[0]) is Moment.NO_OUTAGE


def test_ambiguous_orders_can_be_late() -> None:
    judgement = judge(RunBuilder().order(1, 12, Outcome.AMBIGUOUS, appended=25).history())
    assert (judgement.counts["recovered"], judgement.counts["late_events"]) == (1, 1)


def test_sent_as_the_broker_returned_is_not_late() -> None:
    assert late(RunBuilder().order(1, UP_EDGE[0] - T0, appended=29)) == (0, 0)


def test_absence_begins_with_the_first_failure() -> None:
    assert late(RunBuilder().order(1, DOWN_EDGE[1] - T0, appended=20.87)) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "answered", "found"),
    [(10.5, 10.625, (0, 1)), (20.625, 20.75, (0, 1)), (10.4375, 10.5, (1, 0)), (20.75, 20.8125, (1, 0))],
)
def test_an_answer_at_the_very_edge_of_an_absence(asked: float, answered: float, found: tuple[int, int]) -> None:
    """Away from 10.5 to 20.75: asked and answered within, its edges included, it says that the broker was there."""
    builder = RunBuilder().order(1, 10.9, appended=20.87).mark(m.INJECTED, down_edge=[T0 + 10.3, T0 + 10.5])
    builder.mark(m.HEALED, up_edge=[T0 + 20.75, T0 + 20.9])
    builder.probe_results = []
    more = Observation(T0 + asked, T0 + answered, {0: START_OFFSET})
    builder.observations = sorted([*builder.monitor(), more], key=lambda seen: seen.asked)
    assert late(builder) == found


def test_seen_in_the_log_at_the_very_moment_of_the_return_is_not_late() -> None:
    builder = RunBuilder(probe_results=[]).order(1, 9, appended=9.5)
    builder.observations = [
        Observation(T0 + 9.25, T0 + 9.375, {0: START_OFFSET}),
        Observation(T0 + 20.5, UP_EDGE[0], {0: START_OFFSET + 1}),
    ]
    assert late(builder) == (0, 0)
    builder.observations[1] = Observation(T0 + 20.5, UP_EDGE[0] + 0.001, {0: START_OFFSET + 1})
    assert late(builder) == (0, 1)


def test_a_delay_that_nothing_bounds_is_not_known() -> None:
    builder = RunBuilder().order(1, 12, appended=33.99).order(2, 12, appended=22)
    builder.observations = [seen for seen in builder.monitor() if seen.asked < T0 + 30]
    builder.events_changes = {"read_at": None}
    judgement = judge(builder.history())
    assert judgement.counts["late_events"] == 2
    assert judgement.late.delays() == dict.fromkeys(("p50_s", "p95_s", "max_s"), pytest.approx(10.004))


def test_brackets_of_several_partitions() -> None:
    """Of partition 0 nothing was seen; in partition 1 the log ended at 5, then 5, 7 and 8."""
    ends: list[dict[int, int] | None] = [{1: 5}, None, {1: 5}, {1: 7, 2: 1}, {1: 8}]
    seen = [Observation(float(at), at + 0.5, each) for at, each in enumerate(ends)]
    partitions = np.array([0, 1, 1, 1, 1, 1, 2], dtype=np.int32)
    offsets = np.array([3, 4, 5, 6, 7, 8, 0], dtype=np.int64)
    not_before, not_after = append_brackets(seen, partitions, offsets)
    nan = float("nan")
    np.testing.assert_equal(not_before, [nan, nan, 2.0, 2.0, 3.0, 4.0, nan])
    np.testing.assert_equal(not_after, [nan, 0.5, 3.5, 3.5, 4.5, nan, 3.5])


def test_bounds_of_what_is_reported_as_late() -> None:
    late_one = judge(RunBuilder().order(1, 12, appended=22.53).history()).late
    assert (late_one.not_before.tolist(), late_one.not_after.tolist()) == ([T0 + 22.5], [T0 + 22.6 + 0.004])
    unseen = RunBuilder().order(1, 12, event=False)
    assert np.isnan(judge(unseen.history()).late.not_before).all()


def test_healing_that_a_second_watchdog_marks_once_more_began_with_the_first() -> None:
    again = [Mark(T0 + 20.8, m.HEALING, 0), Mark(T0 + 20.9, m.HEALED, 0, {"up_edge": [T0 + 20.8, T0 + 20.85]})]
    (outage,) = read_outages(sorted([*usual_marks(), *again], key=lambda mark: mark.at))
    assert (outage.healing, outage.healed) == (T0 + 20, T0 + 21)
