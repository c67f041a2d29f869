"""Which zone the times of a column without zone are in, told from orders whose events carry a time. Pure.

An order's row and its event are made within moments of each other, and zones differ by whole quarters of an hour. So
where enough pairs agree on one quarter of an hour, that is the zone's offset at present; daylight saving may have
shifted older rows by an hour, which whoever uses it must allow for.
"""

from collections import Counter
from typing import Final

QUARTER_S: Final = 900
LEAST_PAIRS: Final = 5
LEAST_SHARE: Final = 0.9
# Rows that are further than this from a whole quarter belong to no pair: their event was late.
NEAR_S: Final = 300.0
LARGEST_S: Final = 14 * 3600


def offset_of(pairs: list[tuple[float, float]]) -> int | None:
    """Return the offset from UTC in seconds, None when it cannot be told.

    Args:
        pairs: time of the row, taken for UTC, and time of its event's record; epoch seconds.
    """
    votes: Counter[int] = Counter()
    for row, event in pairs:
        quarters = round((row - event) / QUARTER_S)
        if abs(row - event - quarters * QUARTER_S) <= NEAR_S and abs(quarters * QUARTER_S) <= LARGEST_S:
            votes[quarters * QUARTER_S] += 1
    if not votes:
        return None
    offset, count = votes.most_common(1)[0]
    return offset if count >= LEAST_PAIRS and count >= LEAST_SHARE * len(pairs) else None


def offset_text(offset: int) -> str:
    """Return an offset as people write it, for example `UTC+02:00`."""
    hours, rest = divmod(abs(offset), 3600)
    return f"UTC{'-' if offset < 0 else '+'}{hours:02d}:{rest // 60:02d}"
