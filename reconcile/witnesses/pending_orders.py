"""Orders whose event a known backlog, an outbox table, still holds: these are pending, not lost."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.contract import Contract
from contract.event import KafkaRecord
from contract.ids import IDS, IdReader, among
from contract.order_id import IdKind
from contract.place import Place
from reconcile.witnesses.record_scalars import identities
from stores import sql
from stores.postgres import Snapshot
from stores.sql import table_name

_WAITING: Final = "SELECT array_agg(b.aggregateid::text) FROM {outbox} b WHERE b.published_at IS NULL"
# What other services call the creation of an order is not known: any entry of theirs may be its event.
_CREATED: Final = " AND coalesce(to_jsonb(b)->>'type', 'created') ILIKE '%%created%%'"


def waiting_orders(snapshot: Snapshot, contract: Contract, orders: NDArray[np.void]) -> NDArray[np.void]:
    """Return IDS of those of `orders` (array of IDS) whose event the outbox holds, however it spells their ids.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the outbox cannot be read.
    """
    outbox = contract.table.outbox
    if outbox is None:
        return np.empty(0, dtype=IDS)
    waiting = ids_within(contract.id_kind, waiting_texts(snapshot, outbox, reference=contract.event.reference))
    pending: NDArray[np.void] = waiting[among(waiting, np.unique(orders))]
    return pending


def waiting_texts(snapshot: Snapshot, outbox: str, *, reference: bool = False) -> list[str]:
    """Return the ids, as they are written there, of the orders whose event an outbox still holds.

    Args:
        reference: it is that of the reference service, in which only entries of the type `created` are such events.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the outbox cannot be read.
    """
    query = sql.SQL(_WAITING + (_CREATED if reference else "")).format(outbox=table_name(outbox))
    return [text for text in snapshot.value(query, {}) or () if text is not None]


def ids_within(kind: IdKind, texts: list[str], padded: bool = False) -> NDArray[np.void]:
    """Return IDS of all that the texts of an outbox may mean: an id as it is, or with something before or after
    it (`urn:uuid:...`, `Order-17`); `padded`: blanks at the end mean nothing."""
    ids, valid = IdReader(kind, padded).parse(texts)
    # Any text is a text id, `Order-17` as well.
    odd = range(len(texts)) if kind is IdKind.TEXT else np.flatnonzero(~valid).tolist()
    records = (KafkaRecord(texts[at].encode("utf-8", "surrogatepass"), None) for at in odd)
    named = b"".join(identity for one in records for identity in identities(kind, one, Place("key")))
    return np.concatenate([ids[valid], np.frombuffer(named, dtype=IDS)]).astype(IDS)
