"""A run's counts over time, as a picture needs them: few enough points however long the run is."""

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runlog.ledger import RecordKind
from runlog.outcomes import Outcome

MOST_POINTS: Final = 480


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


class SecondSeries:
    """Latencies and orders that were not acknowledged, by the second in which they were sent.

    Args:
        asked: the outcome that the run asks for.
        started_at: epoch seconds of second 0.
    """

    def __init__(self, asked: Outcome, started_at: float) -> None:
        self._asked = asked
        self._started_at = started_at
        self._latencies: list[list[float]] = []
        self._errors: list[int] = []
        self._middle: list[float | None] = []
        self._slow: list[float | None] = []
        self._changed: set[int] = set()

    def take_attempts(self, records: NDArray[np.void]) -> None:
        """Take records of the ledger."""
        done = records[records["kind"] == RecordKind.COMPLETED]
        for sent, completed, outcome in zip(
            done["sent"].tolist(), done["completed"].tolist(), done["outcome"].tolist(), strict=True
        ):
            second = max(0, int(sent - self._started_at))
            while len(self._errors) <= second:
                self._latencies.append([])
                self._errors.append(0)
                self._middle.append(None)
                self._slow.append(None)
            self._latencies[second].append(completed - sent)
            self._errors[second] += outcome not in (self._asked, Outcome.ACKNOWLEDGED)
            self._changed.add(second)

    def values(self) -> tuple[list[float | None], list[float | None], list[int]]:
        """Return median and 95th percentile of the latency in seconds, and errors, each by second."""
        for second in self._changed:
            ranked = sorted(self._latencies[second])
            self._middle[second], self._slow[second] = (
                ranked[max(0, ceil(share * len(ranked)) - 1)] for share in (0.5, 0.95)
            )
        self._changed.clear()
        return self._middle, self._slow, self._errors
