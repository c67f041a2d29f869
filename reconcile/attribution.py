"""Which rows and events are those of the run, by the three ways in which a run can be attributed.

`tagged`: the customer id that was sent says so. `exclusive`: nobody else writes, so all rows and events since the start
are, but for the harness's own check orders. `acknowledged-only`: just those whose order id an answer told; an attempt
that was told none stays unresolved, whatever became of it. In the last two a row or event carries no sequence number.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history import IDS
from reconcile.ids import IdReader
from reconcile.joins import Bools, Words, split_ids
from runlog import marks as m
from runlog.facts import RunFacts
from runlog.ledger import Ledger
from runlog.marks import Mark

TAGGED: Final = "tagged"
EXCLUSIVE: Final = "exclusive"
ACKNOWLEDGED_ONLY: Final = "acknowledged-only"


@dataclass(frozen=True, slots=True)
class Attribution:
    """How orders are told to be of the run.

    Attributes:
        kind: TAGGED, EXCLUSIVE or ACKNOWLEDGED_ONLY.
        own: IDS of the harness's own check orders, which are no part of the run.
        told: IDS that answers told, each once, in ascending order.
        names: texts of told ids that their bytes do not tell back.
    """

    kind: str
    own: NDArray[np.void]
    told: NDArray[np.void]
    names: dict[bytes, str] = field(default_factory=dict)

    def of_run(self, ids: NDArray[np.void]) -> Bools:
        """Return which of `ids` (any array with the words `hi` and `lo`) are of the run; not meant for TAGGED."""
        return among(ids, self.told) if self.kind == ACKNOWLEDGED_ONLY else ~among(ids, self.own)


def attribution_of(
    facts: RunFacts, ledger: Ledger, marks: list[Mark], names: dict[bytes, str] | None = None
) -> Attribution:
    """Return how the orders of a run are attributed; `names`: texts of told ids that their bytes do not tell back."""
    texts = [text for mark in marks if mark.name == m.DRAINED for text in mark.detail.get("own_orders") or ()]
    if facts.check_order is not None:
        texts.append(facts.check_order.order_id)
    own, valid = IdReader(facts.kind).parse(texts)
    hi, lo = split_ids(ledger.attempts["order_id"][ledger.attempts["has_id"] != 0])
    return Attribution(facts.attribution, np.unique(own[valid]), np.unique(_pairs(hi, lo)), names or {})


def among(ids: NDArray[np.void], known: NDArray[np.void]) -> Bools:
    """Return which of `ids` (words `hi` and `lo`) are among `known` (IDS, ascending, each once), shape (n,)."""
    found = np.zeros(len(ids), dtype=np.bool_)
    if not len(known) or not len(ids):
        return found
    known_hi, known_lo = known["hi"].astype(np.uint64), known["lo"].astype(np.uint64)
    hi, lo = ids["hi"].astype(np.uint64), ids["lo"].astype(np.uint64)
    begin, end = np.searchsorted(known_hi, hi, side="left"), np.searchsorted(known_hi, hi, side="right")
    single = end - begin == 1
    found[single] = known_lo[begin[single]] == lo[single]
    # Upper words that several known ids share (ids that begin with a time) are rare enough to be looked at one by one.
    for place in np.flatnonzero(end - begin > 1).tolist():
        block = known_lo[begin[place] : end[place]]
        at = int(np.searchsorted(block, lo[place]))
        found[place] = at < len(block) and block[at] == lo[place]
    return found


def _pairs(hi: Words, lo: Words) -> NDArray[np.void]:
    ids = np.empty(len(hi), dtype=IDS)
    ids["hi"], ids["lo"] = hi, lo
    return ids
