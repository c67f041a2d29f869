"""An array that grows at its end: a witness of unknown size needs neither a list of chunks nor a second copy."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FIRST: Final = 4096
_GROWTH: Final = 1.5


class GrowableArray:
    """A one-dimensional structured array with room to spare at its end."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._array: NDArray[np.void] = np.empty(_FIRST, dtype=dtype)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def extend(self, count: int) -> NDArray[np.void]:
        """Append `count` elements and return them for filling; the view is only good until the next call."""
        wanted = self._used + count
        if wanted > len(self._array):
            # In place: the allocator moves big blocks by remapping pages, so no second copy exists even for a moment.
            self._array.resize(max(wanted, int(len(self._array) * _GROWTH)), refcheck=False)
        fresh = self._array[self._used : wanted]
        self._used = wanted
        return fresh

    def finish(self) -> NDArray[np.void]:
        """Return the elements as an array of exactly their number; the growable array is empty afterwards."""
        done = self._array
        done.resize(self._used, refcheck=False)
        self._array, self._used = np.empty(0, dtype=done.dtype), 0
        return done
