"""The attribution of a recorded run: its check orders and the ids that answers returned."""

import numpy as np
from numpy.typing import NDArray

from contract.attribution import Attribution
from contract.ids import IDS, IdReader
from reconcile.joins import Words, split_ids
from runlog import marks as m
from runlog.facts import RunFacts
from runlog.ledger import Ledger
from runlog.marks import Mark


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


def _pairs(hi: Words, lo: Words) -> NDArray[np.void]:
    ids = np.empty(len(hi), dtype=IDS)
    ids["hi"], ids["lo"] = hi, lo
    return ids
