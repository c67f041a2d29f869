"""Which ids two large collections do not share, found without sorting: sums by bucket, then the ids of unequal ones.

Each id is mixed to an odd 64-bit number whose upper bits choose a bucket of about 64 ids. A bucket whose sums of
numbers agree on both sides holds the same ids (but for a chance of 2**-63 a bucket, provided that ids are not chosen to
collide); only the ids of unequal buckets are compared one by one. Beside the ids it needs a few bits an order. Pure.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS
from reconcile.history.joins import Bools, Words, number_ids, words

_CHUNK: Final = 2**16
_A_BUCKET: Final = 6  # bits: 64 ids
_FACTOR_HI: Final = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_LO: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT: Final = np.uint64(32)
_ONE: Final = np.uint64(1)


@dataclass(frozen=True, slots=True)
class IdDifference:
    """The ids that only one side has; arrays of IDS, each id once, in ascending order.

    Attributes:
        repeated: ids with more than one event.
        surplus: records beyond the first of their id.
        rows, events: how many different ids each side has.
    """

    only_rows: NDArray[np.void]
    only_events: NDArray[np.void]
    repeated: NDArray[np.void]
    surplus: int
    rows: int
    events: int


def id_difference(rows: NDArray[np.void], events: NDArray[np.void]) -> IdDifference:
    """Compare the ids of rows and of events (arrays of IDS in any order, with repeats)."""
    bits = max(1, int(max(len(rows), len(events), 2)).bit_length() - _A_BUCKET)
    total = np.zeros(1 << bits, dtype=np.uint64)
    for side, apply in ((rows, np.add), (events, np.subtract)):
        for at in range(0, len(side), _CHUNK):
            mixed = _mix(side[at : at + _CHUNK])
            apply.at(total, mixed >> np.uint64(64 - bits), mixed)
    unequal = total != 0
    return _exact(_inside(rows, unequal, bits), _inside(events, unequal, bits), len(rows), len(events))


def _mix(ids: NDArray[np.void]) -> Words:
    """Return one 64-bit number an id, all of whose bits depend on both halves; never 0, which no sum would show."""
    mixed = words(ids, "hi") * _FACTOR_HI
    mixed ^= words(ids, "lo") * _FACTOR_LO
    mixed ^= mixed >> _SHIFT
    mixed *= _FACTOR_HI
    mixed ^= mixed >> _SHIFT
    mixed *= _FACTOR_LO
    mixed |= _ONE
    return mixed


def _inside(ids: NDArray[np.void], unequal: Bools, bits: int) -> NDArray[np.void]:
    parts = [np.empty(0, dtype=IDS)]
    for at in range(0, len(ids), _CHUNK):
        chunk = ids[at : at + _CHUNK]
        parts.append(chunk[unequal[_mix(chunk) >> np.uint64(64 - bits)]])
    return np.concatenate(parts)


def _exact(rows: NDArray[np.void], events: NDArray[np.void], all_rows: int, all_events: int) -> IdDifference:
    both = np.concatenate([rows, events])
    numbers, count = number_ids(words(both, "hi"), words(both, "lo"))
    of_rows = np.bincount(numbers[: len(rows)], minlength=count)
    of_events = np.bincount(numbers[len(rows) :], minlength=count)
    ids = np.empty(count, dtype=IDS)
    ids[numbers] = both
    surplus = int((of_events - (of_events > 0)).sum())
    again = int((of_rows - (of_rows > 0)).sum())
    return IdDifference(
        only_rows=ids[(of_rows > 0) & (of_events == 0)],
        only_events=ids[(of_events > 0) & (of_rows == 0)],
        repeated=ids[of_events > 1],
        surplus=surplus,
        rows=all_rows - again,
        events=all_events - surplus,
    )
