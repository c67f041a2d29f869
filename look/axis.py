"""Where moments and values lie in a picture, and which of them its axes name."""

import math
from dataclasses import dataclass
from typing import Final

_TIME_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from 0 to `highest` to pixels from `begin` to `end`; what lies outside goes to the edge."""

    highest: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        share = min(max(value / self.highest, 0.0), 1.0) if self.highest > 0 else 0.0
        return round(self.begin + (self.end - self.begin) * share, 1)


def time_ticks(seconds: float, most: int) -> list[float]:
    """Return the moments that the time axis names, at most `most` + 1, the first of them 0."""
    step = next((step for step in _TIME_STEPS if seconds / step <= most), 3600.0 * math.ceil(seconds / 3600 / most))
    return [round(step * number, 1) for number in range(int(seconds / step) + 1)]


def top_of(highest: float) -> float:
    """Return the upper end of an axis that holds values up to `highest`: 1, 2 or 5 times a power of ten, or 4 or 8."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * digit for digit in (1, 2, 4, 5, 8, 10) if highest <= power * digit * (1 + 1e-9))
