"""The publish horizon: what is known of a publisher decides it, and where nothing is known the longest outage."""

import pytest

from contract.publish_horizon import (
    LEAST_DRAIN_S,
    MARGIN_S,
    Horizon,
    Interval,
    Publisher,
    Source,
    horizon_of,
    longest_drain,
    longest_failure,
)

UNKNOWN = Publisher(ours=False, delivery_s=None, block_s=None, given_s=None, backlog=False)
OURS = Publisher(ours=True, delivery_s=3.0, block_s=1.0, given_s=None, backlog=False)
OUTAGE = [(100.0, 120.0)]


@pytest.mark.parametrize(
    ("publisher", "horizon"),
    [
        (OURS, Horizon(4.0, Source.PRODUCER)),
        (Publisher(True, 3.0, 1.0, None, True), Horizon(0.0, Source.BACKLOG)),
        (Publisher(True, 3.0, 1.0, 90.0, True), Horizon(90.0, Source.GIVEN)),
        (Publisher(False, None, None, 0.0, False), Horizon(0.0, Source.GIVEN)),
        (Publisher(False, None, None, None, True), Horizon(0.0, Source.BACKLOG)),
        (UNKNOWN, Horizon(20.0 + MARGIN_S, Source.OUTAGE)),
        # A producer's limit says nothing of a relay before it.
        (Publisher(False, 3.0, None, None, False), Horizon(20.0 + MARGIN_S, Source.OUTAGE)),
    ],
)
def test_where_the_horizon_comes_from(publisher: Publisher, horizon: Horizon) -> None:
    assert horizon_of(publisher, OUTAGE) == horizon
    assert horizon.known is (horizon.source is not Source.OUTAGE)


def test_without_an_outage_nothing_has_grown_a_pause() -> None:
    assert horizon_of(UNKNOWN, []) == Horizon(0.0, Source.OUTAGE)


@pytest.mark.parametrize(
    ("outages", "longest"),
    [
        ([], 0.0),
        ([(0.0, 5.0)], 5.0),
        ([(0.0, 5.0), (10.0, 12.0)], 5.0),
        ([(0.0, 5.0), (11.0, 31.0)], 20.0),
        # The second begins before a pause as long as the first can be over.
        ([(0.0, 20.0), (25.0, 45.0)], 45.0),
        ([(0.0, 20.0), (39.9, 45.0)], 45.0),
        ([(0.0, 20.0), (40.0, 45.0)], 20.0),
        ([(0.0, 20.0), (25.0, 45.0), (80.0, 90.0)], 90.0),
        ([(0.0, 20.0), (25.0, 45.0), (90.0, 100.0)], 45.0),
    ],
)
def test_outages_that_one_pause_may_bridge_count_as_one(outages: list[Interval], longest: float) -> None:
    assert longest_failure(outages) == longest


def test_each_source_has_its_words() -> None:
    assert Horizon(4.0, Source.PRODUCER).words == "4 s (delivery and block time of the service)"
    assert Horizon(111.5, Source.OUTAGE).words == "111.5 s (as long as the longest outage)"
    assert Horizon(120.0, Source.GIVEN).words == "120 s (--publish-horizon)"
    assert Horizon(0.0, Source.BACKLOG).words == "an empty backlog"


@pytest.mark.parametrize("publisher", [OURS, UNKNOWN, Publisher(False, 120.0, None, None, False)])
@pytest.mark.parametrize("length", [2.0, 110.0, 3600.0])
def test_a_derived_drain_timeout_has_room_for_what_is_awaited(publisher: Publisher, length: float) -> None:
    horizon = horizon_of(publisher, [(0.0, length)])
    longest = longest_drain(publisher, horizon, 10.0, 5.5)
    assert longest >= LEAST_DRAIN_S
    assert longest > 10.0 + 5.5 + (publisher.delivery_s or 0.0) + 2 * horizon.seconds
