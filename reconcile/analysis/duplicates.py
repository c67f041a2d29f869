"""Duplicate events: every record of an order beyond its first, `redelivered` or `published_twice`.

A record that repeats an event id is a redelivery (a retry of the producer or of a relay), which consumers can filter by
that id. One with a new event id for the same order was published twice, and no consumer can distinguish it from a
second order. So events_raw = events + redelivered + published_twice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconcile.history.joins import Bools, Ints, first_in_each, number_ids, words


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The surplus records.

    Attributes:
        index: indices into the events witness, ascending, shape (n,).
        published_twice: for each whether it has a new event id; else it was redelivered, shape (n,).
    """

    index: Ints
    published_twice: Bools

    @property
    def counts(self) -> dict[str, int]:
        twice = int(self.published_twice.sum())
        return {"redelivered": len(self.index) - twice, "published_twice": twice}


def find_duplicates(events: NDArray[np.void], case_of_event: Ints) -> Duplicates:
    """Find every record beyond the first of its order, in the order of partition and offset.

    Args:
        events: array of EVENT.
        case_of_event: the case that each belongs to, shape (events,).
    """
    if not len(events):
        return Duplicates(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_))
    place = (events["partition"].astype(np.int64), events["offset"].astype(np.int64))
    event_id, count = number_ids(words(events, "event_hi"), words(events, "event_lo"))
    first_of_order, new_id = np.zeros(len(events), dtype=np.bool_), np.zeros(len(events), dtype=np.bool_)
    first_of_order[first_in_each(case_of_event, *place)] = True
    new_id[first_in_each(case_of_event * count + event_id, *place)] = True
    surplus = np.flatnonzero(~first_of_order)
    return Duplicates(surplus.astype(np.int64), new_id[surplus])
