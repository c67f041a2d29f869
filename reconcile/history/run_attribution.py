"""The attribution of a recorded run: its check orders and the ids that answers returned."""

import numpy as np
from numpy.typing import NDArray

from contract.attribution import Attribution
from contract.ids import IdReader, pack_ids
from reconcile.history.joins import split_ids
from runlog import marks as m
from runlog.facts import RunFacts
from runlog.ledger import Ledger
from runlog.marks import Mark


def attribution_of(
    facts: RunFacts, ledger: Ledger, marks: list[Mark], names: dict[bytes, str] | None = None
) -> Attribution:
    """Return how orders are attributed to a run; `names`: texts of returned ids that cannot be decoded."""
    own = check_orders(facts, marks)
    answered = ledger.attempts[ledger.attempts["has_id"] != 0]
    acknowledged, first = np.unique(pack_ids(*split_ids(answered["order_id"])), return_index=True)
    sequences = answered["seq"][first].astype(np.uint64)
    return Attribution(facts.attribution, own, acknowledged, names or {}, sequences)


def check_orders(facts: RunFacts, marks: list[Mark]) -> NDArray[np.void]:
    """Return the ids of the harness's own orders as an array of IDS, ascending, each once."""
    texts = [text for mark in marks if mark.name == m.DRAINED for text in mark.detail.get("own_orders") or ()]
    if facts.check_order is not None:
        texts.append(facts.check_order.order_id)
    own, valid = IdReader(facts.contract.id_kind).parse(texts)
    return np.unique(own[valid])
