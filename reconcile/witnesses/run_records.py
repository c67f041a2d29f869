"""Records of the topic go in by batches; the run's events, and what the other records mention, come out. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.attribution import ACKNOWLEDGED_ONLY, EXCLUSIVE, Attribution
from contract.event import Why
from contract.ids import IDS, among
from contract.run_events import NO_SEQUENCE, RunBatch, RunEvents
from reconcile.history.history import EVENT, ROW, ids_of, rows_of
from reconcile.witnesses.growable_array import GrowableArray
from reconcile.witnesses.mentions import Mentions
from runlog.facts import RunFacts
from stores.topic_reader import Message, columns_of, record_of


class RunRecords:
    """Takes records in.

    Args:
        facts: the run's key, and what its events look like.
        attribution: how the run's events are attributed to it; None: by their customer ids.
        rows: array of ROW, the run's; None: none are known.
        names: texts of the rows' order ids that cannot be decoded from their bytes.

    Attributes:
        unreadable: records that count as no event.
        events: array of EVENT, the events of the run.
    """

    def __init__(
        self,
        facts: RunFacts,
        attribution: Attribution | None = None,
        rows: NDArray[np.void] | None = None,
        names: Mapping[bytes, str] | None = None,
    ) -> None:
        self.records = self.foreign = self.unreadable = 0
        self.events = GrowableArray(EVENT)
        rows = np.empty(0, dtype=ROW) if rows is None else rows
        acknowledged = np.empty(0, dtype=IDS) if attribution is None else attribution.acknowledged
        self._known = np.unique(np.concatenate([ids_of(rows), acknowledged])).astype(IDS)
        self._events = RunEvents(facts.contract.event, facts.run_key, attribution, self._known)
        self._attribution = facts.attribution
        # A row of an acknowledged order may be found later on, when the table is asked for its id.
        wanted = np.concatenate([rows, _rows_of(attribution, np.unique(ids_of(rows)))])
        texts = {**(names or {}), **({} if attribution is None else attribution.names)}
        self.mentions = Mentions(facts.contract.event, facts.run_key, facts.attribution, wanted, texts)

    @property
    def names(self) -> dict[bytes, str]:
        """Texts of the events' order ids that cannot be decoded from their bytes."""
        return self._events.names

    def take(self, records: list[Message]) -> None:
        partitions = np.array([record.partition() for record in records], dtype=np.int32)
        offsets = np.array([record.offset() for record in records], dtype=np.int64)
        read = self._events.batch(*columns_of(records, headers=self._events.needs_headers))
        fresh = self.events.extend(len(read.where))
        fresh["hi"], fresh["lo"] = read.orders["hi"], read.orders["lo"]
        fresh["event_hi"], fresh["event_lo"] = read.events["hi"], read.events["lo"]
        fresh["seq"] = read.sequences
        fresh["partition"], fresh["offset"] = partitions[read.where], offsets[read.where]
        self.records += len(records)
        self.foreign += read.foreign
        self.unreadable += len(read.rejected_at)
        at, why = self._rejected(read)
        if len(at):
            rejected = [record_of(records[place]) for place in at.tolist()]
            self.mentions.take(rejected, why, partitions[at].astype(np.int64), offsets[at])

    def _rejected(self, read: RunBatch) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        """Return the positions of records that count as no event of the run, and why.

        Left out are events that carry the tag of other traffic: they are of another order, whatever they mention.
        Without tags that is never known: an event of an order that is not known may have its id elsewhere.
        """
        others = {Why.OTHER_TAG: read.other_tag_at, Why.NO_TAG: read.no_tag_at}
        if self._attribution == ACKNOWLEDGED_ONLY:
            others[Why.NO_TAG] = read.foreign_at
        elif self._attribution == EXCLUSIVE:
            others[Why.NO_TAG] = read.where[~among(read.orders, self._known)]
        parts = [(read.rejected_at, read.why), *((at, np.full(len(at), why)) for why, at in others.items())]
        return np.concatenate([at for at, _ in parts]), np.concatenate([why for _, why in parts]).astype(np.uint8)


def _rows_of(attribution: Attribution | None, known: NDArray[np.void]) -> NDArray[np.void]:
    """Return what would be the rows of acknowledged orders that are not among the `known` (IDS, ascending)."""
    ids = np.empty(0, dtype=IDS) if attribution is None else attribution.acknowledged
    rows = rows_of(ids, NO_SEQUENCE)
    if attribution is not None and attribution.sequences is not None:
        rows["seq"] = attribution.sequences
    return rows[~among(ids, known)]
