"""Simulated outboxes whose relay retries with doubling pauses: correct for every seed, only late. Pure."""

import random
from dataclasses import dataclass

from contract.publish_horizon import Interval

APPEND_S = 0.02


@dataclass(frozen=True)
class Relay:
    """One way to retry. Seconds.

    Attributes:
        first, longest: pause after the first failure, and the longest one.
        attempt: how long a failing attempt takes.
        each: each event has its own pauses; else one pause delays all events.
        batch: how many events one attempt publishes if one pause delays all.
    """

    first: float
    longest: float
    attempt: float
    each: bool
    batch: int

    @classmethod
    def drawn(cls, source: random.Random) -> "Relay":
        return cls(
            first=source.uniform(0.1, 1.0),
            longest=source.choice([5.0, 60.0, 1e9]),
            attempt=source.choice([0.0, 0.05, 0.5, 1.0]),
            each=source.random() < 0.5,
            batch=source.choice([1, 10, 500]),
        )

    def appended(self, stored: list[float], outages: list[Interval]) -> list[float]:
        """Return when the event of each order is appended, given when the orders were stored, ascending."""
        if self.each:
            return [self._published(at, outages) for at in stored]
        found: list[float] = []
        now = 0.0
        while len(found) < len(stored):
            now = self._published(max(now, stored[len(found)]), outages)
            ready = [at for at in stored[len(found) :] if at <= now][: self.batch]
            found += [now] * max(1, len(ready))
        return found

    def _published(self, now: float, outages: list[Interval]) -> float:
        """Return when an attempt first succeeds, the first of which begins at `now`."""
        pause = self.first
        while any(begin <= now < end for begin, end in outages):
            now += self.attempt + pause
            pause = min(2 * pause, self.longest)
        return now + APPEND_S
