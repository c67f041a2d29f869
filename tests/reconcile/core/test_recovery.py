"""How soon a service is itself again: the first whole order, latencies back at the baseline's, rates of an outage."""

import pytest

from reconcile.judge import judge
from reconcile.lateness.recovery import OutageRates, Recovery
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.story import T0, Story


def recovered(story: Story) -> Recovery:
    (one,) = judge(story.history()).recoveries
    return one


def steady() -> Story:
    """Answers within 20 ms in the baseline; the target is proven back at second 21."""
    return Story().order(1, 1).order(2, 5)


def test_the_first_whole_order_sent_after_the_return_counts() -> None:
    story = steady().order(3, 20.9, appended=21.5, took=0.9)  # sent before it
    story.order(4, 21.1, event=False).order(5, 21.2, Outcome.AMBIGUOUS).order(6, 21.6, took=0.4).order(7, 21.7, took=1)
    assert recovered(story).first_delivered_s == pytest.approx(1.0)


def test_nothing_whole_after_the_return() -> None:
    assert recovered(steady().order(3, 22, event=False)).first_delivered_s is None


def test_latencies_must_stay_at_the_baseline() -> None:
    story = steady().order(3, 21.1, took=0.9).order(4, 22.1).order(5, 23.1, took=0.03).order(6, 24.1).order(7, 26.1)
    found = recovered(story)
    assert found.baseline_p95_s == pytest.approx(0.02)
    assert found.to_baseline_p95_s == 3.0


def test_as_quick_as_the_baseline_to_the_moment() -> None:
    """Times that are exact in binary: one second is as quick as the baseline, to the last bit; the next is not."""
    story = Story().order(1, 1, took=0.25).order(3, 21.5, took=0.5).order(4, 22.5, took=0.25).order(5, 24.5, took=0.125)
    assert recovered(story).to_baseline_p95_s == 1.0
    assert recovered(story.order(6, 25.5, took=0.25 + 2**-10)).to_baseline_p95_s is None


def test_at_once_as_quick_as_before() -> None:
    assert recovered(steady().order(3, 21.1).order(4, 25)).to_baseline_p95_s == 0.0


def test_never_as_quick_as_before() -> None:
    assert recovered(steady().order(3, 21.1).order(4, 30, took=0.5)).to_baseline_p95_s is None


def test_a_request_without_an_answer_is_slow() -> None:
    assert recovered(steady().order(3, 21.1).unanswered(4, 22.1).order(5, 23.2)).to_baseline_p95_s == 2.0


def test_unknown_without_baseline_or_return() -> None:
    assert recovered(Story().order(1, 22)).baseline_p95_s is None
    assert recovered(Story().order(1, 22)).to_baseline_p95_s is None
    never = recovered(steady().order(3, 22).without(m.HEALED))
    assert (never.first_delivered_s, never.to_baseline_p95_s) == (None, None)
    assert never.baseline_p95_s == pytest.approx(0.02)


def test_a_recovery_ends_where_the_next_outage_begins() -> None:
    story = steady().order(3, 23, took=0.01).order(4, 27, took=2)
    for at, name in ((25, m.INJECTING), (25.5, m.INJECTED), (26, m.HEALING), (26.5, m.HEALED)):
        story.marks.append(Mark(T0 + at, name, 1))
    story.marks.sort(key=lambda mark: mark.at)
    first, second = judge(story.history()).recoveries
    assert (first.to_baseline_p95_s, second.to_baseline_p95_s) == (2.0, None)


def test_rates_within_an_outage() -> None:
    """From the first mark at 10 to the last at 21: eleven seconds."""
    story = steady().order(3, 10.0, event=False).order(4, 20.99).order(5, 21.0).order(6, 9.99)
    story.order(7, 15, Outcome.AMBIGUOUS, row=False, event=False).not_sent(8, 16)
    (rates,) = judge(story.history()).outage_rates
    found = (rates.offered, rates.acknowledged, rates.delivered, rates.lost)
    assert found == pytest.approx((4 / 11, 2 / 11, 1 / 11, 1 / 11))


def test_an_outage_that_never_ended_has_no_rates() -> None:
    (rates,) = judge(steady().without(m.HEALED).history()).outage_rates
    assert rates == OutageRates(None, None, None, None)
