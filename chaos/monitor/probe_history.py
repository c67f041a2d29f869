"""Keeps the part of a long series of probe results that the edges of an outage may need, in bounded memory."""

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from health.state import Question

_Question = TypeVar("_Question", bound=Question)
# 30 s at 20 questions per second.
MOST: Final = 600


class ProbeHistory(Generic[_Question]):
    """The latest results, and of the streak at their end, however long, its beginning with the result before it.

    A break command may take minutes after the target has gone down: the edge is where that streak began.

    Args:
        most: how many are kept, at least four.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: list[_Question] = []

    def append(self, one: _Question) -> None:
        """Take the next result."""
        kept = self._kept
        kept.append(one)
        if len(kept) > self._most:
            one_streak = kept[0].ok != one.ok and all(each.ok == one.ok for each in kept[1:])
            del kept[2 if one_streak else 0]

    def __iter__(self) -> Iterator[_Question]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
