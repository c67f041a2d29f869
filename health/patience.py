"""How long a question may take: part of what counts as healthy, so it is one rule for all that ask."""

from collections import deque
from statistics import median
from typing import Final

from health.replies import ANSWERED, CONNECTIONS, HANGING, Connection, How

LONGEST_S: Final = 5.0
"""Longest answer that still counts as healthy: in preflight, monitor, watchdog and the check after a run, seconds."""
# A question may take so many times as long as the target usually does, for load and hiccups.
TIMES: Final = 5
REMEMBERED: Final = 15


class Patience:
    """The time limit of one target's questions, from how quickly it has answered so far.

    A service that needs half a second for its health is slow, not down; and a connection that is reopened needs as long
    as a new one. Before its first answer the limit grows with each question that hangs. What hangs later changes
    nothing: an outage is observed as closely as the target answered before it. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._took: dict[Connection, deque[float]] = {c: deque(maxlen=REMEMBERED) for c in CONNECTIONS}
        self._hung = 0

    def limit(self, least: float) -> float:
        """Return how long the next question may take, at least `least` and at most LONGEST_S seconds."""
        usual = [median(list(took)) for took in self._took.values() if took]
        wanted = TIMES * max(usual) if usual else least * 2 ** min(self._hung, REMEMBERED)
        return min(LONGEST_S, max(least, wanted))

    def note(self, connection: Connection, seconds: float, how: How) -> None:
        """Take in what became of a question after `seconds`."""
        if how == ANSWERED:
            self._took[connection].append(seconds)
        elif how == HANGING:
            self._hung += 1
