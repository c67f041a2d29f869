"""How soon a service has recovered: the first delivered order, the pace of acknowledgements, rates of an outage."""

import pytest

from reconcile.analysis.recovery import OutageRates, Recovery
from reconcile.judge.judge import judge
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder


def recovered(builder: RunBuilder) -> Recovery:
    (one,) = judge(builder.history()).recoveries
    return one


def steady() -> RunBuilder:
    """Acknowledged within 20 ms in the baseline; the target is proven back at second 21."""
    return RunBuilder().order(1, 1).order(2, 5)


def dense(*took: float, usual: float = 0.02) -> RunBuilder:
    """Ten orders a second: baseline from 0 to 10, recovery from 21 to 31, `took` for each second of it."""
    builder = RunBuilder()
    for place in range(100):
        builder.order(place, place / 10, took=usual + place % 7 / 1000)
        builder.order(200 + place, 21 + place / 10, took=took[place // 10] + place % 5 / 1000)
    return builder


def test_the_first_delivered_order_sent_after_the_return_counts() -> None:
    builder = steady().order(3, 20.9, appended=21.5, took=0.9)  # sent before it
    builder.order(4, 21.1, event=False).order(5, 21.2, Outcome.AMBIGUOUS).order(6, 21.6, took=0.4).order(
        7, 21.7, took=1
    )
    assert recovered(builder).first_delivered_s == pytest.approx(1.0)


def test_nothing_delivered_after_the_return() -> None:
    assert recovered(steady().order(3, 22, event=False)).first_delivered_s is None


def test_the_recovery_is_counted_from_the_return_and_not_from_the_first_order_after_it() -> None:
    assert recovered(steady().order(3, 22).order(4, 30)).recovery_s == pytest.approx(9.0)


def test_a_recovery_without_orders_takes_no_time() -> None:
    assert recovered(steady()).recovery_s == 0.0


def test_a_second_order_of_one_attempt_is_no_order_of_the_recovery() -> None:
    found = recovered(steady().order(3, 22).stored(50, 3).stored(51, 1).stored(52, None))
    assert (found.baseline_orders, found.recovery_orders) == (2, 1)


def test_as_quick_as_before() -> None:
    found = recovered(dense(*[0.02] * 10))
    assert (found.pace, found.to_baseline_p95_s) == ("as_before", 0.0)
    assert (found.baseline_p95_s, found.recovery_p95_s) == pytest.approx((0.026, 0.024), rel=1e-4)
    assert (found.baseline_orders, found.recovery_orders) == (100, 100)
    assert found.recovery_s == pytest.approx(9.9)


def test_slower_to_the_end() -> None:
    found = recovered(dense(*[0.06] * 10))
    assert (found.pace, found.to_baseline_p95_s) == ("slower", None)


@pytest.mark.parametrize(("orders", "pace"), [(41, "slower"), (40, "unknown")])
def test_a_baseline_of_four_seconds_from_its_first_order_is_enough(orders: int, pace: str) -> None:
    builder = dense(*[0.06] * 10)
    builder.attempts = [one for one in builder.attempts if not T0 + (orders - 0.5) / 10 < one[8] < T0 + 21]
    found = recovered(builder)
    assert (found.baseline_orders, found.pace) == (orders, pace)


def test_slower_at_first() -> None:
    found = recovered(dense(*[0.2] * 5, *[0.02] * 5))
    assert found.pace == "slower_at_first"
    assert found.to_baseline_p95_s == pytest.approx(5, abs=0.1)


def test_a_single_slow_second_may_be_chance() -> None:
    """A service that pauses for a second now and then looks the same, and so does one that is slower."""
    assert recovered(dense(0.2, *[0.02] * 9)).pace == "unknown"


def test_few_orders_prove_nothing() -> None:
    assert recovered(steady().order(3, 21.1).order(4, 30, took=0.5)).pace == "unknown"


def test_what_was_not_acknowledged_is_slower_than_anything() -> None:
    """Quick errors are no quick service."""
    builder = dense(*[0.02] * 10)
    builder.attempts = [
        (*a[:1], Outcome.AMBIGUOUS, 500, a[3], 0, *a[5:]) if a[8] >= T0 + 21 else a for a in builder.attempts
    ]
    found = recovered(builder)
    assert (found.pace, found.recovery_p95_s, found.recovery_orders) == ("slower", None, 100)


def test_unknown_without_baseline_or_return() -> None:
    assert recovered(RunBuilder().order(1, 22)).baseline_p95_s is None
    assert recovered(RunBuilder().order(1, 22)).pace == "unknown"
    never = recovered(steady().order(3, 22).without(m.HEALED))
    assert never.baseline_p95_s == pytest.approx(0.02)
    assert never == Recovery(None, None, None, never.baseline_p95_s, None, 2, 0, 0.0)


def test_a_recovery_ends_where_the_next_outage_begins() -> None:
    builder = steady().order(3, 23, took=0.01).order(4, 27, took=2)
    for at, name in ((25, m.INJECTING), (25.5, m.INJECTED), (26, m.HEALING), (26.5, m.HEALED)):
        builder.marks.append(Mark(T0 + at, name, 1))
    builder.marks.sort(key=lambda mark: mark.at)
    first, second = judge(builder.history()).recoveries
    assert (first.recovery_orders, second.recovery_orders) == (1, 1)
    assert (first.recovery_p95_s, second.recovery_p95_s) == pytest.approx((0.01, 2.0))


def test_rates_within_an_outage() -> None:
    """From the first mark at 10 to the last at 21: eleven seconds."""
    builder = steady().order(3, 10.0, event=False).order(4, 20.99).order(5, 21.0).order(6, 9.99)
    builder.order(7, 15, Outcome.AMBIGUOUS, row=False, event=False).not_sent(8, 16)
    (rates,) = judge(builder.history()).outage_rates
    found = (rates.offered, rates.acknowledged, rates.delivered, rates.lost)
    assert found == pytest.approx((4 / 11, 2 / 11, 1 / 11, 1 / 11))


def test_an_outage_that_never_ended_has_no_rates() -> None:
    (rates,) = judge(steady().without(m.HEALED).history()).outage_rates
    assert rates == OutageRates(None, None, None, None)
