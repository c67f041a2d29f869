"""Orders whose event a known backlog, an outbox table, still holds: these are pending, not lost."""

import numpy as np
from numpy.typing import NDArray

from contract.contract import Contract
from contract.event import KafkaRecord
from contract.ids import IDS, IdReader, among
from contract.order_id import IdKind
from contract.place import Place
from reconcile.witnesses.record_scalars import identities
from stores.outbox import waiting_texts
from stores.postgres import Snapshot


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


def ids_within(kind: IdKind, texts: list[str], padded: bool = False) -> NDArray[np.void]:
    """Return IDS of all that the texts of an outbox may mean: an id as it is, or with something before or after
    it (`urn:uuid:...`, `Order-17`); `padded`: blanks at the end mean nothing."""
    ids, valid = IdReader(kind, padded).parse(texts)
    # Any text is a text id, `Order-17` as well.
    odd = range(len(texts)) if kind is IdKind.TEXT else np.flatnonzero(~valid).tolist()
    records = (KafkaRecord(texts[at].encode("utf-8", "surrogatepass"), None) for at in odd)
    named = b"".join(identity for one in records for identity in identities(kind, one, Place("key")))
    return np.concatenate([ids[valid], np.frombuffer(named, dtype=IDS)]).astype(IDS)
