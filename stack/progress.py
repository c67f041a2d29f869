"""Progress of a long call: a callback, and a stopwatch that calls it."""

import time
from collections.abc import Callable

# (step, state, seconds that the step took, or None while it goes on)
Progress = Callable[[str, str, float | None], None]


def silent(step: str, state: str, seconds: float | None) -> None:
    """Report nothing."""


class Stopwatch:
    """Reports the begin of a step (if `begin` is given), and its end with the duration."""

    def __init__(self, progress: Progress, step: str, begin: str = "") -> None:
        self._progress = progress
        self._step = step
        self._begun = time.monotonic()
        if begin:
            progress(step, begin, None)

    def done(self, state: str) -> None:
        """Report that the step has reached `state`."""
        self._progress(self._step, state, time.monotonic() - self._begun)
