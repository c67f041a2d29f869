"""The kinds of violations and doubts that reports list: name, words, file, and which orders are of each."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reconcile.history.joins import Bools, Ints
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import in_order


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Attributes:
        key: its key in the counts.
        word: one of it, in words.
        title: heading of its list.
        path: the file with all of it.
        proven: whether it is a violation; else a doubt about one.
    """

    key: str
    word: str
    title: str
    path: str
    proven: bool = True


LOST: Final = Kind("lost_events", "lost event", "Lost events", "lost-events.csv")
SUSPECTED_LOST: Final = Kind("suspected_lost", "event suspected lost", "Suspected losses", "suspected-lost.csv", False)
KINDS: Final = (
    LOST,
    Kind("phantom_events", "phantom event", "Phantom events", "phantom-events.csv"),
    Kind("lost_orders", "lost order", "Lost orders", "lost-orders.csv"),
    Kind(
        "visible_after_reject",
        "order visible after reject",
        "Orders visible after a reject",
        "visible-after-reject.csv",
    ),
    SUSPECTED_LOST,
    Kind("disputed", "disputed order", "Disputed orders", "disputed-orders.csv", False),
    Kind(
        "suspected_phantom",
        "event suspected to be a phantom",
        "Suspected phantom events",
        "suspected-phantom.csv",
        False,
    ),
    Kind("disputed_phantom", "disputed phantom event", "Disputed phantom events", "disputed-phantom.csv", False),
    Kind("suspected_lost_orders", "order suspected lost", "Suspected lost orders", "suspected-lost-orders.csv", False),
)
"""In the order in which short reports choose what they list."""


def mask_of(judgement: Judgement, kind: Kind) -> Bools:
    """Return which cases of the table are of `kind`."""
    table, sure = judgement.table, judgement.proven
    masks = {
        "lost_events": sure.lost,
        "phantom_events": sure.phantom,
        "lost_orders": sure.lost_order,
        "visible_after_reject": table.visible_after_reject,
        "suspected_lost": table.lost & ~sure.lost,
        "disputed": table.disputed,
        "suspected_phantom": table.phantom & ~sure.phantom,
        "disputed_phantom": table.disputed_phantom,
        "suspected_lost_orders": table.lost_order & ~sure.lost_order,
    }
    return masks[kind.key]


def cases_of(judgement: Judgement, kind: Kind) -> Ints:
    """Return the cases of `kind` by send time, those of equal time by id."""
    return in_order(judgement, np.flatnonzero(mask_of(judgement, kind)))


def ids_of(judgement: Judgement, kind: Kind, most: int) -> list[str]:
    """Return the first order ids of `kind` by send time, at most `most`."""
    cases = cases_of(judgement, kind)[:most]
    return judgement.texts.many(judgement.table.hi[cases], judgement.table.lo[cases])


def first_kind(judgement: Judgement) -> Kind:
    """Return the first kind that there is any of; lost events where there is none."""
    return next((kind for kind in KINDS if judgement.counts[kind.key]), LOST)
