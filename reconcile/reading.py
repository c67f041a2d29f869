"""A topic while it is read: batches of messages go in, the run's events and each partition's position come out.

Pure bookkeeping: it is handed what the client returned, and neither waits nor asks anybody.
"""

from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message
from numpy.typing import NDArray

from contract.attribution import Attribution
from contract.ids import IDS
from contract.run_events import RunBatch, RunEvents
from reconcile.growing import GrowingArray
from reconcile.history import EVENT, ROW, ids_of
from runlog.facts import RunFacts
from stores.topic import TopicBounds


class TopicReading:
    """Takes batches in and knows how far each partition has been read.

    Args:
        facts: start offsets and id of the topic, and the run's key.
        bounds: the topic as it is now.
        attribution: how the run's events are known; None: by their customer ids.
        rows: array of ROW, the run's; None: none are known.

    Attributes:
        begin: offset at which reading begins, by partition.
        reached: offset up to which each partition is read; never beyond its end.
        at_eof: partitions of which the broker last said that nothing readable follows.
        foreign: readable events that are not of the run.
        unreadable: records that count as no event.
        records: readable records that came from within the range.
        trouble: the last error that came in place of a record.
        events: array of EVENT, the events of the run.
        names: of order ids that their bytes do not tell back.
    """

    def __init__(
        self,
        facts: RunFacts,
        bounds: TopicBounds,
        attribution: Attribution | None = None,
        rows: NDArray[np.void] | None = None,
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
        told = np.empty(0, dtype=IDS) if attribution is None else attribution.told
        known = np.unique(np.concatenate([ids_of(self.rows), told]))
        self._events = RunEvents(facts.contract.event, facts.run_key, attribution, known)
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
        """Remember an error that the client told outside of a batch."""
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
        self._advance(partitions, offsets)

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


def _begin(facts: RunFacts, bounds: TopicBounds, partition: int) -> int:
    """Return where to begin: at the run's start, or with all there is where the topic is plainly another one by now."""
    known, told = facts.topic.topic_id, bounds.topic_id
    low, end = bounds.lows[partition], bounds.ends[partition]
    start = facts.topic.starts.get(partition, 0)
    recreated = known is not None and told is not None and known != told
    return low if recreated or start > end else max(start, low)
