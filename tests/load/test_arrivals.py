"""The schedule accounts for every arrival: due is what was sent plus what `close` gave back, however it was used."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.arrivals import LATEST_S, Arrival, ArrivalSchedule, is_too_late

START = 1000.0


def test_due_times_are_absolute() -> None:
    schedule = ArrivalSchedule(50, START)
    assert [schedule.take() for _ in range(3)] == [
        Arrival(0, START),
        Arrival(1, START + 0.02),
        Arrival(2, START + 0.04),
    ]
    # No rounding adds up: a day later the due time is still exact.
    assert schedule.due_at(50 * 86_400) == START + 86_400


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=f"rate {rate}: orders per second must be a number above 0"):
        ArrivalSchedule(rate, START)


def test_an_arrival_is_sent_once() -> None:
    schedule = ArrivalSchedule(10, START)
    arrival = schedule.take()
    assert arrival is not None
    assert schedule.claim(arrival)
    assert not schedule.claim(arrival)


def test_close_gives_back_what_was_due_and_not_sent() -> None:
    schedule = ArrivalSchedule(10, START)
    sent, held, ahead = schedule.take(), schedule.take(), schedule.take()
    assert sent is not None and held is not None and ahead is not None
    schedule.claim(sent)
    left = schedule.close(START + 0.15)
    assert left == [held]  # `ahead` was taken for 0.2 s, which never came
    assert not schedule.claim(held)
    assert not schedule.claim(ahead)
    assert schedule.take() is None
    assert schedule.due == 2


def test_close_counts_arrivals_that_were_not_taken() -> None:
    schedule = ArrivalSchedule(100, START)
    assert [arrival.seq for arrival in schedule.close(START + 0.05)] == [0, 1, 2, 3, 4]
    assert schedule.due == 5


def test_an_end_is_exclusive() -> None:
    schedule = ArrivalSchedule(10, START)
    assert [arrival.seq for arrival in schedule.close(START + 0.1)] == [0]
    assert schedule.due == 1


def test_closing_before_the_start_leaves_nothing_due() -> None:
    schedule = ArrivalSchedule(10, START)
    schedule.take()
    assert schedule.close(START - 1) == []
    assert schedule.due == 0


def test_closing_twice_changes_nothing() -> None:
    schedule = ArrivalSchedule(10, START)
    schedule.close(START + 0.5)
    assert schedule.close(START + 100) == []
    assert schedule.due == 5


def test_what_was_sent_a_little_early_did_fall_due() -> None:
    schedule = ArrivalSchedule(10, START)
    first, second = schedule.take(), schedule.take()
    assert first is not None and second is not None
    schedule.claim(second)  # its sender woke before START + 0.1
    assert schedule.close(START + 0.09) == [first]
    assert schedule.due == 2


def test_an_open_schedule_counts_what_was_taken() -> None:
    schedule = ArrivalSchedule(10, START)
    for _ in range(4):
        schedule.take()
    assert schedule.due == 4


def test_too_late_is_beyond_the_limit() -> None:
    arrival = Arrival(0, START)
    assert not is_too_late(arrival, START)
    assert not is_too_late(arrival, START + LATEST_S)
    assert is_too_late(arrival, START + LATEST_S + 0.001)


@given(
    rate=st.floats(0.1, 5000),
    steps=st.lists(st.tuples(st.sampled_from(["take", "claim"]), st.integers(0, 30)), max_size=120),
    end=st.floats(-1.0, 3.0),
)
def test_due_is_sent_plus_given_back(rate: float, steps: list[tuple[str, int]], end: float) -> None:
    """Any number of senders, in any order, claiming late, never, or ahead of time."""
    schedule = ArrivalSchedule(rate, START)
    taken: list[Arrival] = []
    sent: list[int] = []
    for action, which in steps:
        if action == "take":
            arrival = schedule.take()
            assert arrival is not None
            taken.append(arrival)
        elif taken and schedule.claim(chosen := taken[which % len(taken)]):
            sent.append(chosen.seq)
    left = [arrival.seq for arrival in schedule.close(START + end)]
    late = [arrival.seq for arrival in taken if schedule.claim(arrival)]
    assert late == []
    # Each due arrival is in exactly one of the two, and the numbers have no gap: the ledger can be checked for holes.
    assert sorted([*sent, *left]) == list(range(schedule.due))
    assert left == sorted(left)
    assert all(schedule.due_at(seq) < START + end for seq in range(schedule.due) if seq > max(sent, default=-1))
    assert schedule.due_at(schedule.due) >= START + end
