"""Records that were not taken for events of the run, looked at again: do they name orders of the run all the same?

An option that says wrongly where an event has its order id makes every event unreadable, and every order seem lost; one
that says wrongly where its customer id is makes it foreign. So a sample of all such records is kept, with everything in
them that could be an order id, and set against the rows without an event.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from contract.ids import IDS, among
from contract.order_id import IdKind, encode_order_id
from contract.place import Place
from reconcile.event_value import UNREADABLE
from reconcile.history import Misfits, ids_of

MOST: Final = 1000
"""Records that are kept at most."""
_LEAVES: Final = 50
_LONGEST: Final = 128
_TOLD: Final = 5
_DECODE: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class MisfitSample:
    """Keeps every n-th record that it is handed, n growing, so that at most MOST are kept; counts all of them.

    Attributes:
        kind: of the order ids.
        unreadable, untagged: see `reconcile.history.Misfits`; counted by the one who hands the records in.
        total: records handed in.
    """

    kind: IdKind
    unreadable: int = 0
    untagged: int = 0
    total: int = 0
    _every: int = 1
    _kept: list[dict[Place, bytes]] = field(default_factory=list)

    def add(self, record: Message) -> None:
        """Take a record in that is no event of the run."""
        if self.total % self._every == 0:
            self._kept.append(_ids_in(self.kind, record))
            if len(self._kept) > MOST:
                self._kept = self._kept[::2]
                self._every *= 2
        self.total += 1

    def against(self, rows: NDArray[np.void], events: NDArray[np.void]) -> Misfits:
        """Return what the records say of orders that have a row (array of ROW) and no event (array of EVENT)."""
        known = np.unique(ids_of(rows))
        lost = known[~among(known, np.unique(ids_of(events)))]
        told = [(record, place, identity) for record, ids in enumerate(self._kept) for place, identity in ids.items()]
        hits = among(np.frombuffer(b"".join(identity for *_, identity in told), dtype=IDS), lost).tolist()
        naming = [(record, str(place)) for (record, place, _), hit in zip(told, hits, strict=True) if hit]
        places = Counter(place for _, place in naming)
        first = sorted(places.items(), key=lambda one: (-one[1], one[0]))[:_TOLD]
        return Misfits(
            total=self.total,
            unreadable=self.unreadable,
            untagged=self.untagged,
            looked_at=len(self._kept),
            naming=len({record for record, _ in naming}),
            places=dict(first),
        )


def _ids_in(kind: IdKind, record: Message) -> dict[Place, bytes]:
    """Return all that could be an order id in a record, by its place."""
    told: dict[Place, object] = {Place("key"): record.key()}
    headers: Any = record.headers() or ()
    told |= {Place("header", name): value for name, value in headers}
    with suppress(*UNREADABLE):
        _leaves(_DECODE(record.value() or b""), "", told)
    ids = {}
    for place, value in list(told.items())[:_LEAVES]:
        if isinstance(value, str | bytes) and len(value) > _LONGEST:
            continue
        identity = encode_order_id(kind, value)
        if identity is not None:
            ids[place] = identity
    return ids


def _leaves(members: dict[str, Any], path: str, told: dict[Place, object]) -> None:
    """Add every member that is no object, by its path."""
    for name, value in members.items():
        if len(told) > _LEAVES:
            return
        if isinstance(value, dict):
            _leaves(value, f"{path}{name}.", told)
        elif not isinstance(value, list):
            told[Place("value", path + name)] = value
