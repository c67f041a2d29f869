"""The time zone of a time column without one, inferred from orders whose event's record has a time. Pure.

An event is published within moments of its row, or later: an outage, a relay with a backlog or a repair may delay it by
any time, but it never precedes its row. So the time zone is the highest offset that enough pairs agree on; pairs with a
lower one were late. A delay of an hour looks like another time zone, and so does daylight saving: where two such
offsets both have enough pairs, the time zone is unknown.
"""

from collections import Counter
from typing import Final

QUARTER_S: Final = 900
LEAST_PAIRS: Final = 5
# A pair further than this from every offset belongs to a late event. Clocks may differ by as much.
NEAR_S: Final = 60.0
# Offsets that are or were in use (IANA time zone database): whole hours from -12 to +14, and these, in minutes.
_BETWEEN: Final = (-570, -270, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825)
OFFSETS: Final = frozenset([hours * 3600 for hours in range(-12, 15)] + [minutes * 60 for minutes in _BETWEEN])
# By how much daylight saving shifts a time zone: an hour, on Lord Howe Island half of one.
_SHIFTS: Final = frozenset({3600, 1800})


def offset_of(pairs: list[tuple[float, float]]) -> int | None:
    """Return the offset from UTC in seconds, None when it is unknown.

    Args:
        pairs: time of the row, taken for UTC, and time of its event's record; epoch seconds.
    """
    votes: Counter[int] = Counter()
    for row, event in pairs:
        offset = round((row - event) / QUARTER_S) * QUARTER_S
        if abs(row - event - offset) <= NEAR_S and offset in OFFSETS:
            votes[offset] += 1
    supported = sorted(offset for offset, count in votes.items() if count >= LEAST_PAIRS)
    if not supported:
        return None
    highest = supported[-1]
    before_its_row = any(row - event > highest + NEAR_S for row, event in pairs)
    doubtful = any(highest - other in _SHIFTS for other in supported)
    return None if before_its_row or doubtful else highest


def offset_text(offset: int) -> str:
    """Return an offset as people write it, for example `UTC+02:00`."""
    hours, rest = divmod(abs(offset), 3600)
    return f"UTC{'-' if offset < 0 else '+'}{hours:02d}:{rest // 60:02d}"
