"""The kinds of violations and doubts that reports list: name, words, file, and which orders are of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history.joins import Bools, Floats, Ints, Words
from reconcile.judge.judge import Judgement


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of violation, or of doubt about one.

    Attributes:
        key: its key in the counts.
        word: one of it, in words.
        path: the file with all of it.
        mask: which cases of the truth table are of it.
        doubts: key of the violation that it is a doubt about; None for a violation.
    """

    key: str
    word: str
    title: str
    path: str
    mask: Callable[[Judgement], Bools]
    doubts: str | None = None


LOST: Final = Kind("lost_events", "lost event", "Lost events", "lost-events.csv", lambda j: j.proven.lost)
SUSPECTED_LOST: Final = Kind(
    "suspected_lost", "event suspected lost", "Suspected losses", "suspected-lost.csv",
    lambda j: j.table.lost & ~j.proven.lost, "lost_events",
)  # fmt: skip
KINDS: Final = (
    LOST,
    Kind("phantom_events", "phantom event", "Phantom events", "phantom-events.csv", lambda j: j.proven.phantom),
    Kind("lost_orders", "lost order", "Lost orders", "lost-orders.csv", lambda j: j.proven.lost_order),
    Kind(
        "visible_after_reject", "order visible after reject", "Orders visible after a reject",
        "visible-after-reject.csv", lambda j: j.table.visible_after_reject,
    ),
    SUSPECTED_LOST,
    Kind(
        "disputed", "disputed order", "Disputed orders", "disputed-orders.csv",
        lambda j: j.table.disputed, "lost_events",
    ),
    Kind(
        "suspected_phantom", "event suspected to be a phantom", "Suspected phantom events", "suspected-phantom.csv",
        lambda j: j.table.phantom & ~j.proven.phantom, "phantom_events",
    ),
    Kind(
        "disputed_phantom", "disputed phantom event", "Disputed phantom events", "disputed-phantom.csv",
        lambda j: j.table.disputed_phantom, "phantom_events",
    ),
    Kind(
        "suspected_lost_orders", "order suspected lost", "Suspected lost orders", "suspected-lost-orders.csv",
        lambda j: j.table.lost_order & ~j.proven.lost_order, "lost_orders",
    ),
)  # fmt: skip
"""In the order in which short reports choose what they list."""


def doubts_about(violation: str) -> list[Kind]:
    """Return the kinds of doubt about a violation, named by its key."""
    return [kind for kind in KINDS if kind.doubts == violation]


def sort_keys(judgement: Judgement, cases: NDArray[Any]) -> tuple[Words, Words, Floats]:
    """Return the keys by which `numpy.lexsort` orders cases by send time, those of equal time by id."""
    table = judgement.table
    return table.lo[cases], table.hi[cases], table.sent[cases]


def in_order(judgement: Judgement, cases: NDArray[np.intp]) -> Ints:
    """Return `cases` by send time, those of equal time by id."""
    return cases[np.lexsort(sort_keys(judgement, cases))].astype(np.int64)


def cases_of(judgement: Judgement, kind: Kind) -> Ints:
    """Return the cases of `kind` by send time, those of equal time by id."""
    return in_order(judgement, np.flatnonzero(kind.mask(judgement)))


def first_ids(judgement: Judgement, kind: Kind, most: int) -> list[str]:
    """Return the first order ids of `kind` by send time, at most `most`."""
    cases = cases_of(judgement, kind)[:most]
    return judgement.texts.many(judgement.table.hi[cases], judgement.table.lo[cases])


def first_kind(judgement: Judgement) -> Kind:
    """Return the first kind that has any orders; lost events where none has."""
    return next((kind for kind in KINDS if judgement.counts[kind.key]), LOST)
