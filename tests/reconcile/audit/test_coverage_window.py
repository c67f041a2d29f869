"""From when on an audit judges: inferred time zones, coverage windows, samples, the fate of one row."""

import pytest

from reconcile.audit.coverage_window import CoverageWindow, choose_window
from reconcile.audit.recheck import exclusion_of
from reconcile.audit.sampling import sample_ranges
from reconcile.audit.time_zone_inference import offset_of, offset_text
from stores.topic import TopicBounds

HOUR = 3600.0


@pytest.mark.parametrize(
    ("pairs", "offset"),
    [
        ([(0.2, 0.0)] * 5, 0),
        ([(2 * HOUR - 0.5, 0.0)] * 5, 7200),
        ([(-3.5 * HOUR, 0.0)] * 9, -12600),
        ([(-3.5 * HOUR, 0.0)] * 9 + [(0.0, 0.0)], None),  # an event an hour and more before its row
        ([(0.0, 0.0)] * 4, None),
        ([], None),
        ([(0.0, 400.0)] * 9, None),  # neither here nor there
        ([(20 * HOUR, 0.0)] * 9, None),
        # Whatever lies below was late: a backlog of minutes, orders published again after a day.
        ([(2 * HOUR, 0.0)] * 5 + [(2 * HOUR, delay) for delay in (70.0, 840.0, 900.0, 9 * HOUR, 24 * HOUR)] * 9, 7200),
        ([(0.0, 840.0)] * 9, None),  # all of them a quarter of an hour late: no time zone is UTC-00:15
        ([(0.0, 900.0)] * 9, None),
        ([(0.0, 61.0)] * 9, None),
        ([(0.0, 59.0)] * 9, 0),
        # Half of them an hour late, or from before the clocks were set back: either may be.
        ([(0.0, 0.0)] * 5 + [(0.0, HOUR)] * 5, None),
        ([(0.0, 0.0)] * 5 + [(0.0, HOUR)] * 4, 0),
        ([(10.5 * HOUR, 0.0)] * 5 + [(10.5 * HOUR, HOUR / 2)] * 5, None),
        ([(0.0, 0.0)] * 5 + [(0.0, 2 * HOUR)] * 5, 0),
    ],
)
def test_the_time_zone_is_known_only_when_pairs_agree(pairs: list[tuple[float, float]], offset: int | None) -> None:
    assert offset_of(pairs) == offset


def test_offsets_as_text() -> None:
    assert [offset_text(offset) for offset in (0, 7200, -12600)] == ["UTC+00:00", "UTC+02:00", "UTC-03:30"]


def bounds(*lows: int) -> TopicBounds:
    return TopicBounds("t", dict(enumerate(lows)), {partition: low + 10 for partition, low in enumerate(lows)})


@pytest.mark.parametrize(
    ("lows", "first", "since", "judged_from"),
    [
        ((0, 0), {0: 1000.0, 1: 2000.0}, None, 1300.0),  # the topic's own beginning, with a margin
        ((0, 0), {0: 1000.0}, 100.0, 100.0),  # asked for, and the log is whole
        ((0, 5), {0: 1000.0, 1: 2000.0}, None, 2300.0),  # what partition 1 holds, with a margin
        ((0, 5), {0: 1000.0, 1: 2000.0}, 2100.0, 2300.0),
        ((0, 5), {0: 1000.0, 1: 2000.0}, 2400.0, 2400.0),
        ((3, 5), {0: 3000.0, 1: 2000.0}, None, 3300.0),  # the worst of them
        ((0, 5), {0: 1000.0}, None, float("inf")),  # partition 1 has let everything go
        ((0, 0), {}, None, float("inf")),
    ],
)
def test_from_when_on_rows_are_judged(
    lows: tuple[int, ...], first: dict[int, float], since: float | None, judged_from: float
) -> None:
    assert choose_window(bounds(*lows), first, since, 300.0, []).judged_from == judged_from


def test_from_the_oldest_row_on_whose_event_is_there() -> None:
    """By the database's own clock alone, where a record at the topic's beginning has a row."""
    rows = [1100.0, 1200.0]
    assert choose_window(bounds(0, 0), {0: 1000.0}, None, 300.0, rows).judged_from == 1100.0
    assert choose_window(bounds(0, 0), {0: 1000.0}, 50.0, 300.0, rows).judged_from == 50.0


def test_a_producer_with_a_wrong_clock_does_not_decide_what_a_cut_topic_holds() -> None:
    rows = [1100.0, 1200.0]
    assert choose_window(bounds(0, 5), {1: 1000.0}, None, 300.0, rows).judged_from == 1500.0
    assert choose_window(bounds(0, 5), {1: 4000.0}, None, 300.0, rows).judged_from == 4300.0
    assert choose_window(bounds(0, 5), {1: 1000.0}, 900.0, 300.0, rows).judged_from == 1500.0


@pytest.mark.parametrize(
    ("ends", "ranges"),
    [
        ({0: 0}, []),
        ({0: 40}, [(0, 40)]),
        ({0: 130}, [(0, 100), (100, 130)]),
        ({0: 1100}, [(0, 100), (250, 350), (500, 600), (750, 850), (1000, 1100)]),
    ],
)
def test_where_samples_are_taken(ends: dict[int, int], ranges: list[tuple[int, int]]) -> None:
    found = sample_ranges("t", dict.fromkeys(ends, 0), ends, 5)
    assert [(one.begin[0], one.ends[0]) for one in found] == ranges
    assert [(one.begin[0], one.ends[0]) for one in sample_ranges("t", {0: 0}, ends, 1)] == ranges[:1]


@pytest.mark.parametrize(
    ("at", "exclusion"),
    [
        (None, "unjudged"),
        (941.0, "young"),
        (940.0, None),
        (100.0, None),
        (99.9, "unjudged"),
        (1060.0, "young"),
        (1060.1, "future"),
    ],
)
def test_the_fate_of_a_row_without_an_event(at: float | None, exclusion: str | None) -> None:
    assert exclusion_of(at, 1000.0, 60.0, CoverageWindow(100.0, None)) == exclusion
    assert exclusion_of(1.0, 1000.0, 60.0, CoverageWindow(None, None)) is None
