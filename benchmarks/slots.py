"""How even a stream of arrivals is: its rate, and how many fall into each slot of 100 ms. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SLOT_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Spread:
    """Arrivals within a window.

    Attributes:
        rate: arrivals per second.
        deviation: standard deviation of the arrivals per slot (all slots, empty ones included).
        fewest: arrivals in the emptiest slot.
        most: arrivals in the fullest slot.
        slots: how many arrivals each slot of `SLOT_S` seconds got, in order.
    """

    rate: float
    deviation: float
    fewest: int
    most: int
    slots: tuple[int, ...]


def spread(arrivals: Iterable[float], begin: float, seconds: float) -> Spread:
    """Count the arrivals in [begin, begin + seconds).

    Args:
        arrivals: times in seconds, in any order; those outside the window do not count.
        begin: when the window begins, in seconds of the same clock.
        seconds: its length, a whole number of slots.

    Raises:
        ValueError: the window is no whole number of slots, at least one.
    """
    count = round(seconds / SLOT_S)
    if count < 1 or not math.isclose(count * SLOT_S, seconds):
        raise ValueError(f"a window of {seconds:g} s is no whole number of slots of {SLOT_S:g} s")
    slots = [0] * count
    for at in arrivals:
        # Rounded to the nanosecond first: 0.3 / 0.1 is a little less than 3.
        index = math.floor(round((at - begin) / SLOT_S, 8))
        if 0 <= index < count:
            slots[index] += 1
    return Spread(sum(slots) / seconds, statistics.pstdev(slots), min(slots), max(slots), tuple(slots))
