"""Joins of 128-bit ids and sequence numbers in numpy, without a Python object per order.

Ids are two 64-bit words. They are numbered once (equal ids get equal numbers), and then every comparison is a look-up
in small integer arrays.
"""

import numpy as np
from numpy.typing import NDArray

from contract.ids import Bools, Words

__all__ = ["Bools", "Words"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def number_ids(hi: Words, lo: Words) -> tuple[Ints, int]:
    """Number ids so that equal ids get equal numbers, in ascending order of the id.

    Args:
        hi: upper words, shape (n,).
        lo: lower words, shape (n,).

    Returns:
        The number of each id, shape (n,), and how many different ids there are.
    """
    if not len(hi):
        return np.empty(0, dtype=np.int64), 0
    # Upper words of random ids are hardly ever equal, so sorting by them alone usually suffices and is twice as fast.
    order = np.argsort(hi)
    same_hi = hi[order[1:]] == hi[order[:-1]]
    if np.any(same_hi & (lo[order[1:]] != lo[order[:-1]])):
        order = np.lexsort((lo, hi))
    first = np.ones(len(hi), dtype=np.bool_)
    first[1:] = (hi[order[1:]] != hi[order[:-1]]) | (lo[order[1:]] != lo[order[:-1]])
    numbers = np.empty(len(hi), dtype=np.int64)
    numbers[order] = np.cumsum(first) - 1
    return numbers, int(first.sum())


def first_in_each(group: NDArray[np.generic], *ties: NDArray[np.generic]) -> Ints:
    """Return the index of one element of each group: the smallest by `ties`, the first of which weighs most.

    Of equal elements it is the first one.
    """
    order = np.lexsort((*reversed(ties), group))
    sorted_group = group[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = sorted_group[1:] != sorted_group[:-1]
    return order[first].astype(np.int64)


def index_of(wanted: Words, ascending: Words) -> Ints:
    """Return the index of each of `wanted` in `ascending` (sorted, without repeats), or -1."""
    if not len(ascending):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[place] == wanted, place, -1).astype(np.int64)


def words(array: NDArray[np.void], field: str) -> Words:
    """Return a 64-bit field of a structured array in the machine's own byte order."""
    return array[field].astype(np.uint64)


def split_ids(identities: NDArray[np.void]) -> tuple[Words, Words]:
    """Return upper and lower words of ids that a ledger holds as 16 bytes each, shape (n,)."""
    pairs = np.frombuffer(identities.tobytes(), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return pairs[:, 0], pairs[:, 1]


def quantile(values: Floats, share: float) -> float | None:
    """Return the smallest value that at least `share` of `values` do not exceed; None without values."""
    if not len(values):
        return None
    rank = max(0, int(np.ceil(share * len(values))) - 1)
    return float(np.partition(values, rank)[rank])
