"""A run's counts over time, as a picture needs them: few enough points however long the run is."""

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runlog.ledger import RecordKind
from runlog.outcomes import Outcome

MOST_POINTS: Final = 480
# Latencies from 0.1 ms to a quarter of an hour, in intervals 2 % wide.
_LEAST_S: Final = 1e-4
_WIDTH: Final = 1.02
_INTERVALS: Final = 810


class GapSeries:
    """Cumulative counts at moments `step_s` apart; every second one goes when there are too many.

    Attributes:
        answered, with_event, waiting: the counts at 0, `step_s`, 2 `step_s`, ... seconds since the start.
    """

    def __init__(self, step_s: float = 0.25) -> None:
        self.step_s = step_s
        self.answered, self.with_event, self.waiting = [0], [0], [0]
        self._last: tuple[float, tuple[int, int, int]] = (0.0, (0, 0, 0))

    def add(self, second: float, answered: int, with_event: int, waiting: int) -> None:
        """Add the counts of a moment; those between it and the last one lie on straight lines."""
        (before, old), new = self._last, (answered, with_event, waiting)
        if second <= before:
            return
        for place in range(len(self.answered), int(second / self.step_s) + 1):
            share = (place * self.step_s - before) / (second - before)
            for series, first, last in zip((self.answered, self.with_event, self.waiting), old, new, strict=True):
                series.append(first + int((last - first) * share))
        self._last = second, new
        while len(self.answered) > MOST_POINTS:
            self.step_s *= 2
            self.answered, self.with_event, self.waiting = self.answered[::2], self.with_event[::2], self.waiting[::2]


class LatencySeries:
    """Latencies and orders that were not acknowledged, by the step of time in which they were sent.

    Latencies are kept as counts in intervals 2 % wide, so that a long run needs no more room than a short one. Steps
    are merged in pairs when there are too many.

    Args:
        asked: the outcome that the run asks for.
        started_at: epoch seconds of second 0.

    Attributes:
        step_s: length of a step in seconds.
    """

    def __init__(self, asked: Outcome, started_at: float) -> None:
        self.step_s = 1.0
        self._asked = asked
        self._started_at = started_at
        self._latencies = np.zeros((MOST_POINTS, _INTERVALS), dtype=np.uint32)
        self._errors = np.zeros(MOST_POINTS, dtype=np.int64)
        self._length = 0

    def take_attempts(self, records: NDArray[np.void]) -> None:
        """Take records of the ledger."""
        done = records[records["kind"] == RecordKind.COMPLETED]
        if not len(done):
            return
        seconds = np.maximum(done["sent"] - self._started_at, 0.0)
        while seconds.max() >= self.step_s * MOST_POINTS:
            self._merge()
        steps = (seconds / self.step_s).astype(np.int64)
        self._length = max(self._length, int(steps.max()) + 1)
        latency = np.maximum(done["completed"] - done["sent"], _LEAST_S)
        interval = np.minimum(np.log(latency / _LEAST_S) / log(_WIDTH), _INTERVALS - 1).astype(np.int64)
        np.add.at(self._latencies, (steps, interval), 1)
        np.add.at(self._errors, steps[~np.isin(done["outcome"], (self._asked, Outcome.ACKNOWLEDGED))], 1)

    def values(self) -> tuple[list[float | None], list[float | None], list[int]]:
        """Return median and 95th percentile of the latency in seconds, and errors, each by step."""
        reached = self._latencies[: self._length].cumsum(axis=1, dtype=np.int64)
        return _quantiles(reached, 0.5), _quantiles(reached, 0.95), self._errors[: self._length].tolist()

    def _merge(self) -> None:
        half = MOST_POINTS // 2
        self._latencies[:half] = self._latencies[::2] + self._latencies[1::2]
        self._errors[:half] = self._errors[::2] + self._errors[1::2]
        self._latencies[half:], self._errors[half:] = 0, 0
        self._length, self.step_s = (self._length + 1) // 2, 2 * self.step_s


def _quantiles(reached: NDArray[np.int64], share: float) -> list[float | None]:
    """Return a quantile of each row of cumulative counts: the middle of its interval; None where nothing is counted."""
    total = reached[:, -1]
    place = (reached < np.maximum(np.ceil(share * total), 1)[:, None]).sum(axis=1)
    middle = _LEAST_S * _WIDTH ** (place + 0.5)
    return [seconds if count else None for seconds, count in zip(middle.tolist(), total.tolist(), strict=True)]
