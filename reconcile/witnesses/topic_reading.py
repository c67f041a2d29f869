"""A topic while it is read: batches of messages go in, the run's events and each partition's position come out.

Pure bookkeeping: it is handed what the client returned, and neither waits nor asks anybody.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message
from numpy.typing import NDArray

from contract.attribution import ACKNOWLEDGED_ONLY, EXCLUSIVE, Attribution
from contract.event import KafkaRecord, Why
from contract.ids import IDS, among
from contract.run_events import NO_SEQUENCE, RunBatch, RunEvents
from reconcile.history.history import EVENT, ROW, ids_of
from reconcile.witnesses.growable_array import GrowingArray
from reconcile.witnesses.mentions import Mentions
from runlog.facts import RunFacts
from stores.topic import TopicBounds


class TopicReading:
    """Takes batches in and knows how far each partition has been read.

    Args:
        facts: start offsets and id of the topic, and the run's key.
        bounds: the topic as it is now.
        attribution: how the run's events are known; None: by their customer ids.
        rows: array of ROW, the run's; None: none are known.
        names: texts of the rows' order ids that cannot be decoded from their bytes.

    Attributes:
        begin: offset at which reading begins, by partition.
        reached: offset up to which each partition is read; never beyond its end.
        at_eof: partitions of which the broker last said that nothing readable follows.
        foreign: readable events that are not of the run.
        unreadable: records that count as no event.
        records: readable records that came from within the range.
        trouble: the last error that came in place of a record.
        events: array of EVENT, the events of the run.
        mentions: what records that are no event of the run name.
        names: of order ids that cannot be decoded from their bytes.
    """

    def __init__(
        self,
        facts: RunFacts,
        bounds: TopicBounds,
        attribution: Attribution | None = None,
        rows: NDArray[np.void] | None = None,
        names: Mapping[bytes, str] | None = None,
    ) -> None:
        self.topic = facts.topic.name
        self.ends = bounds.ends
        self.begin = {partition: _begin(facts, bounds, partition) for partition in bounds.ends}
        self.reached = dict(self.begin)
        self.at_eof: set[int] = set()
        self.foreign = 0
        self.unreadable = 0
        self.records = 0
        self.trouble: KafkaError | None = None
        self.events = GrowingArray(EVENT)
        self.rows = np.empty(0, dtype=ROW) if rows is None else rows
        told = np.empty(0, dtype=IDS) if attribution is None else attribution.acknowledged
        self._known = np.unique(np.concatenate([ids_of(self.rows), told])).astype(IDS)
        self._events = RunEvents(facts.contract.event, facts.run_key, attribution, self._known)
        self._attribution = facts.attribution
        # A row of an acknowledged order may be found later on, when the table is asked for its id.
        sought = np.concatenate([self.rows, _rows_of(attribution, np.unique(ids_of(self.rows)))])
        texts = {**(names or {}), **({} if attribution is None else attribution.names)}
        self.mentions = Mentions(facts.contract.event, facts.run_key, facts.attribution, sought, texts)
        self._with_headers = facts.contract.event.needs_headers
        self._end_of = np.zeros(max(bounds.ends, default=0) + 1, dtype=np.int64)
        for partition, end in bounds.ends.items():
            self._end_of[partition] = end

    @property
    def names(self) -> dict[bytes, str]:
        """See there."""
        return self._events.names

    @property
    def unfinished(self) -> list[int]:
        """Partitions whose end is not reached."""
        return [partition for partition, end in self.ends.items() if self.reached[partition] < end]

    @property
    def done(self) -> int:
        """Offsets read so far."""
        return sum(self.reached[partition] - self.begin[partition] for partition in self.ends)

    @property
    def wanted(self) -> int:
        """Offsets to read in all."""
        return sum(max(0, end - self.begin[partition]) for partition, end in self.ends.items())

    def take(self, messages: list[Message]) -> None:
        """Take in what one call of `consume` returned: records, ends of partitions, errors."""
        records = [message for message in messages if message.error() is None]
        if records:
            self._take_records(records)
        if len(records) < len(messages):
            for message in messages:
                error = message.error()
                if error is not None:
                    self._take_error(message, error)

    def fail(self, error: KafkaError) -> None:
        """Remember an error that the client reported outside of a batch."""
        self.trouble = error

    def _take_records(self, records: list[Message]) -> None:
        partitions = np.array([record.partition() for record in records], dtype=np.int32)
        offsets = np.array([record.offset() for record in records], dtype=np.int64)
        within = offsets < self._end_of[partitions]
        if not within.all():
            # Others go on writing: what came after the watermark is no part of this reading.
            records = [records[index] for index in np.flatnonzero(within)]
            self._advance(partitions[~within], offsets[~within])
            partitions, offsets = partitions[within], offsets[within]
        self.records += len(records)
        read = self._read(records)
        fresh = self.events.extend(len(read.where))
        fresh["hi"], fresh["lo"] = read.orders["hi"], read.orders["lo"]
        fresh["event_hi"], fresh["event_lo"] = read.events["hi"], read.events["lo"]
        fresh["seq"] = read.sequences
        fresh["partition"], fresh["offset"] = partitions[read.where], offsets[read.where]
        self.foreign += read.foreign
        self.unreadable += len(read.rejected_at)
        at, why = self._rejected(read)
        if len(at):
            rejected = [_record(records[place]) for place in at.tolist()]
            self.mentions.take(rejected, why, partitions[at].astype(np.int64), offsets[at])
        self._advance(partitions, offsets)

    def _rejected(self, read: RunBatch) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        """Return the positions of records that count as no event of the run, and why.

        Left out are events that carry the tag of other traffic: they are of another order, whatever they mention.
        Without tags that is never known: an event of an order that is not known may have its id elsewhere.
        """
        others = {Why.OTHER_TAG: read.other_tag_at, Why.NO_TAG: read.untagged_at}
        if self._attribution == ACKNOWLEDGED_ONLY:
            others[Why.NO_TAG] = read.foreign_at
        elif self._attribution == EXCLUSIVE:
            others[Why.NO_TAG] = read.where[~among(read.orders, self._known)]
        parts = [(read.rejected_at, read.why), *((at, np.full(len(at), why)) for why, at in others.items())]
        return np.concatenate([at for at, _ in parts]), np.concatenate([why for _, why in parts]).astype(np.uint8)

    def _read(self, records: list[Message]) -> RunBatch:
        headers: list[Any] = [record.headers() for record in records] if self._with_headers else []
        return self._events.batch([record.value() for record in records], [record.key() for record in records], headers)

    def _advance(self, partitions: NDArray[np.int32], offsets: NDArray[np.int64]) -> None:
        for partition in np.unique(partitions).tolist():
            self._reach(partition, int(offsets[partitions == partition].max()) + 1)
            self.at_eof.discard(partition)

    def _take_error(self, message: Message, error: KafkaError) -> None:
        partition, offset = message.partition(), message.offset()
        if error.code() != KafkaError._PARTITION_EOF:
            self.fail(error)
        elif partition in self.reached and offset is not None:
            self._reach(partition, offset)
            self.at_eof.add(partition)

    def _reach(self, partition: int, position: int) -> None:
        self.reached[partition] = max(self.reached[partition], min(position, self.ends[partition]))


def _rows_of(attribution: Attribution | None, known: NDArray[np.void]) -> NDArray[np.void]:
    """Return what would be the rows of acknowledged orders that are not among the `known` (IDS, ascending)."""
    ids = np.empty(0, dtype=IDS) if attribution is None else attribution.acknowledged
    rows = np.empty(len(ids), dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = ids["hi"], ids["lo"], NO_SEQUENCE
    if attribution is not None and attribution.sequences is not None:
        rows["seq"] = attribution.sequences
    return rows[~among(ids, known)]


def _record(message: Message) -> KafkaRecord:
    headers: Any = message.headers() or ()
    return KafkaRecord(message.key(), message.value(), headers)


def _begin(facts: RunFacts, bounds: TopicBounds, partition: int) -> int:
    """Return where to begin: at the run's start, or with all there is where the topic is plainly another one by now."""
    known, told = facts.topic.topic_id, bounds.topic_id
    low, end = bounds.lows[partition], bounds.ends[partition]
    start = facts.topic.starts.get(partition, 0)
    recreated = known is not None and told is not None and known != told
    return low if recreated or start > end else max(start, low)
