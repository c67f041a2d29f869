"""Keeps the part of a long series of probe results that the edges of an outage may need, in bounded memory."""

from collections.abc import Callable, Iterator
from typing import Final

from health.replies import ProbeResult

# 60 s at 20 questions per second; the smallest share of resets is counted on 684.
MOST: Final = 1200


class ProbeHistory:
    """The latest results, and of the streak at their end, however long, its beginning with the result before it.

    A break command may take minutes after the target has gone down: the edge is where that streak began, or where the
    fault did, if a stall was just before it. So a long streak loses its middle.

    Args:
        shows: whether a result shows the effect of the fault.
        most: how many are kept, at least four.
    """

    def __init__(self, shows: Callable[[ProbeResult], bool], most: int = MOST) -> None:
        self._shows = shows
        self._most = most
        self._kept: list[ProbeResult] = []

    def append(self, one: ProbeResult) -> None:
        kept = self._kept
        kept.append(one)
        if len(kept) > self._most:
            last = self._shows(one)
            one_streak = self._shows(kept[0]) != last and all(self._shows(each) == last for each in kept[1:])
            del kept[self._most // 2 if one_streak else 0]

    def __iter__(self) -> Iterator[ProbeResult]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
