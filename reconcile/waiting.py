"""Orders whose event a known backlog, an outbox table, still holds: these are pending, not lost."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, IdReader, among
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import Snapshot, table_name

_WAITING: Final = "SELECT array_agg(b.aggregateid::text) FROM {outbox} b WHERE b.published_at IS NULL"
# What other services call the creation of an order is not known: any entry of theirs may be its event.
_CREATED: Final = " AND coalesce(to_jsonb(b)->>'type', 'created') ILIKE '%%created%%'"


def waiting_orders(snapshot: Snapshot, facts: RunFacts, orders: NDArray[np.void]) -> NDArray[np.void]:
    """Return IDS of those of `orders` (array of IDS) whose event the outbox holds, however it spells their ids.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the outbox cannot be read.
    """
    if facts.outbox_table is None:
        return np.empty(0, dtype=IDS)
    condition = _CREATED if facts.contract.event.own else ""
    query = sql.SQL(_WAITING + condition).format(outbox=table_name(facts.outbox_table))
    texts = [text for text in snapshot.value(query, {}) or () if text is not None]
    waiting, valid = IdReader(facts.kind).parse(texts)
    waiting = waiting[valid]
    pending: NDArray[np.void] = waiting[among(waiting, np.unique(orders))]
    return pending
