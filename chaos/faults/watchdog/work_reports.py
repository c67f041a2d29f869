"""Progress reports during an act, so that a waiting process knows work from silence."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from settings.duration import format_duration

# How often it reports; a line for people is made of every PROGRESS_S.
TICK_S: Final = 1.0
PROGRESS_S: Final = 10.0

Doing = Callable[[str, float], AbstractContextManager[None]]
"""Wraps an act: what is done, in words, and the longest time that it may take in seconds."""


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on.

    Attributes:
        what: in words.
        seconds: for how long by now.
        limit: how long it may take, seconds.
    """

    what: str
    seconds: float
    limit: float

    def sentence(self) -> str:
        """Return it as one sentence for people."""
        return f"{self.what}: for {format_duration(self.seconds)} by now, at most {format_duration(self.limit)}"


class AtWork:
    """Calls `say` every `TICK_S` seconds while something is done within it; nested acts report the innermost.

    Args:
        say: takes the report, in a thread of its own.
    """

    def __init__(self, say: Callable[[Work], None]) -> None:
        self._say = say
        self._acts: list[tuple[str, float, float]] = []

    @contextmanager
    def doing(self, what: str, limit_s: float) -> Iterator[None]:
        """Report `what` while the `with` block goes on."""
        self._acts.append((what, limit_s, time.monotonic()))
        over = threading.Event()
        if len(self._acts) == 1:
            threading.Thread(target=self._report, args=(over,), daemon=True).start()
        try:
            yield
        finally:
            self._acts.pop()
            over.set()

    def _report(self, over: threading.Event) -> None:
        while not over.wait(TICK_S):
            for what, limit_s, begun in self._acts[-1:]:
                self._say(Work(what, time.monotonic() - begun, limit_s))


class Progress:
    """Passes on as a line for people what is reported, at most every `PROGRESS_S` seconds."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._next = PROGRESS_S

    def __call__(self, work: Work) -> None:
        if work.seconds < self._next - PROGRESS_S:
            self._next = PROGRESS_S  # another act
        if work.seconds >= self._next:
            self._next = work.seconds + PROGRESS_S
            self._line(work.sentence())
