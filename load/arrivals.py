"""Open-loop arrivals: order number k falls due at start + k / rate, however the orders before it were answered.

A closed loop (a user waits for its answer, then sends again) thins the load while the service hangs, which is when it
matters. Here the schedule is absolute: a late sender catches up, and arrivals that were not sent are counted. Pure: all
times are arguments, in seconds of one clock.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

# An arrival that is not sent within this time is counted as not sent, instead of joining a burst later.
LATEST_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One order that falls due.

    Attributes:
        seq: its number in the run, from 0.
        due: when, in seconds of the schedule's clock.
    """

    seq: int
    due: float


class ArrivalSchedule:
    """The arrivals of one run; any number of senders share it.

    Args:
        rate: orders per second, above 0.
        start: when order 0 falls due, in seconds.

    Raises:
        ValueError: the rate is no number above 0.
    """

    def __init__(self, rate: float, start: float) -> None:
        if not 0 < rate < math.inf:
            raise ValueError(f"rate {rate}: orders per second must be a number above 0")
        self._rate = rate
        self._start = start
        self._next = 0
        self._held: dict[int, Arrival] = {}
        self._last_sent = -math.inf
        self._closed_at: float | None = None

    def due_at(self, seq: int) -> float:
        """Return when order number `seq` falls due, in seconds."""
        return self._start + seq / self._rate

    def take(self) -> Arrival | None:
        """Return the next arrival, for one sender; None once the schedule is closed before it."""
        arrival = Arrival(self._next, self.due_at(self._next))
        if self._closed_at is not None and arrival.due >= self._closed_at:
            return None
        self._next += 1
        self._held[arrival.seq] = arrival
        return arrival

    def claim(self, arrival: Arrival) -> bool:
        """Record that `arrival` is now sent; False if it must not be: the schedule was closed since then."""
        if self._held.pop(arrival.seq, None) is None:
            return False
        self._last_sent = max(self._last_sent, arrival.due)
        return True

    def close(self, at: float) -> list[Arrival]:
        """End the schedule at `at` (seconds), and return the arrivals that fell due and were not sent, in order.

        What was sent did fall due: the end is never before the last of it, even if its sender woke too early.
        """
        if self._closed_at is not None:
            return []
        end = self._closed_at = max(at, math.nextafter(self._last_sent, math.inf))
        left = [arrival for arrival in self._held.values() if arrival.due < end]
        self._held.clear()
        while (due := self.due_at(self._next)) < end:
            left.append(Arrival(self._next, due))
            self._next += 1
        return sorted(left, key=lambda arrival: arrival.seq)

    @property
    def due(self) -> int:
        """How many arrivals fell due until the schedule was closed; of an open one, how many were taken."""
        if self._closed_at is None:
            return self._next
        # Arrivals taken early, whose due time is past the end, never fell due.
        return bisect_left(range(self._next), self._closed_at, key=self.due_at)


def is_too_late(arrival: Arrival, now: float) -> bool:
    """Return whether `arrival` is so late that sending it would only add to a burst."""
    return now - arrival.due > LATEST_S
