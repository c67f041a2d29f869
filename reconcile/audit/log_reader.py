"""The topic as an audit reads it: every id of a range, up to the ends it had at the start; no more is kept.

One consumer without a group in effect (it neither joins nor commits), batches of 1000, a small queue. Ends are true
high watermarks; a partition is done when its position has reached its end, by a record or by the broker's word.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from numpy.typing import NDArray

from contract.event import EventContract, Why
from contract.ids import IDS, IdReader
from contract.order_id import IdKind
from contract.reading import EventBatch, EventReader
from health.kafka_errors import refused_properties, scrub
from reconcile.history.history import Progress
from reconcile.witnesses.gc_pause import no_garbage_collection
from reconcile.witnesses.growable_array import GrowingArray
from stores.topic import KafkaProblem, quiet_client

PATIENCE_S: Final = 30.0
_BATCH: Final = 1000
# A call returns when its batch is full or this time is over, also at the very end.
_POLL_S: Final = 0.02
_STAGE: Final = "events"
TUNING: Final[dict[str, Any]] = {
    "group.id": "reconcile-audit",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    # With the default of 1000 ms the fetcher sleeps a second whenever Python lags behind.
    "fetch.queue.backoff.ms": 1,
    "queued.max.messages.kbytes": 4096,
    "fetch.max.bytes": 4_000_000,
    "queued.min.messages": 1000000,
    "fetch.wait.max.ms": 20,
    "fetch.error.backoff.ms": 100,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
}
# For a look at a few records: what is fetched ahead of them would only cost memory.
FEW: Final = 2_000
_FEW: Final[dict[str, Any]] = {
    "queued.max.messages.kbytes": 256,
    "fetch.max.bytes": 1_000_000,
    "fetch.message.max.bytes": 100_000,
}


@dataclass(frozen=True, slots=True)
class LogRange:
    """What of a topic is read: first offset and end by partition."""

    topic: str
    begin: dict[int, int]
    ends: dict[int, int]

    @property
    def wanted(self) -> int:
        """Offsets in it."""
        return sum(max(0, end - self.begin[partition]) for partition, end in self.ends.items())


@dataclass(frozen=True, slots=True)
class LogIds:
    """What was read.

    Attributes:
        ids: array of IDS, of every event.
        unreadable: how many records were no event.
        doubtful: how many of these are not certainly no event.
        skipped: offsets of the range at which no readable record was; 0 proves that nothing of it was compacted away.
    """

    ids: NDArray[np.void]
    unreadable: int
    skipped: int = 0
    doubtful: int = 0


class LogReader:
    """Reads the order ids of events by the event contract.

    Args:
        contract: of events; the kind of ids is that of the table.
        ids: reader of ids; remembers their texts.
    """

    def __init__(self, contract: EventContract, ids: IdReader) -> None:
        self.contract = replace(contract, id_kind=ids.kind)
        self._events = EventReader(self.contract)
        self._ids = ids
        self._with_headers = contract.needs_headers

    def read(self, records: list[Message]) -> EventBatch:
        """Return what `records` say; their texts are remembered."""
        headers: list[Any] = [record.headers() for record in records] if self._with_headers else []
        values, keys = [record.value() for record in records], [record.key() for record in records]
        batch = self._events.batch(values, keys, headers)
        if self._ids.kind is IdKind.TEXT:
            return replace(batch, orders=self._ids.of_events(batch.texts)[0])
        return batch


def read_log(client: Mapping[str, str], wanted: LogRange, reader: LogReader, progress: Progress) -> LogIds:
    """Read the range.

    Args:
        client: librdkafka properties.
        wanted: the range.
        reader: of events.
        progress: called with how reading goes on.

    Raises:
        KafkaProblem: it could not be read to its end.
    """
    ids, read = GrowingArray(IDS), 0
    rejected = np.zeros(max(Why) + 1, dtype=np.int64)

    def take(records: list[Message]) -> None:
        nonlocal read
        batch = reader.read(records)
        read += len(records)
        ids.extend(len(batch.orders))[:] = batch.orders
        if len(batch.orders) < len(records):
            np.add.at(rejected, batch.why[batch.why != 0], 1)

    drain(client, wanted, take, progress)
    doubtful = int(sum(rejected[why] for why in Why if not why.certain))
    return LogIds(ids.finish(), int(rejected.sum()), wanted.wanted - read, doubtful)


def drain(
    client: Mapping[str, str],
    wanted: LogRange,
    take: Callable[[list[Message]], None],
    progress: Progress,
    *,
    patience_s: float = PATIENCE_S,
) -> dict[int, int]:
    """Hand every record of the range to `take`, in batches, and return where reading stopped by partition.

    Raises:
        KafkaProblem: nothing came for `patience_s` seconds, or the broker says that it never will.
    """
    if not wanted.wanted:
        return dict(wanted.begin)
    try:
        consumer = Consumer({**quiet_client(client), **TUNING, **(_FEW if wanted.wanted <= FEW else {})})
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(refused_properties(error, client)) from None
    try:
        with no_garbage_collection():
            return _Draining(consumer, wanted, take, progress, patience_s).run()
    except KafkaException as error:
        raise KafkaProblem(f"the topic could not be read: {scrub(str(error), client)}") from None
    finally:
        consumer.close()


class _Draining:
    """One pass over a range."""

    def __init__(
        self,
        consumer: Consumer,
        wanted: LogRange,
        take: Callable[[list[Message]], None],
        progress: Progress,
        patience_s: float,
    ) -> None:
        self._consumer, self._wanted, self._take = consumer, wanted, take
        self._progress, self._patience_s = progress, patience_s
        self._at = dict(wanted.begin)
        self._unread = {partition for partition, end in wanted.ends.items() if wanted.begin[partition] < end}
        self._assigned = len(self._unread)

    def run(self) -> dict[int, int]:
        topic, begin = self._wanted.topic, self._wanted.begin
        self._consumer.assign([TopicPartition(topic, partition, begin[partition]) for partition in self._unread])
        last = time.monotonic()
        while self._unread:
            messages = self._consumer.consume(_BATCH, timeout=_POLL_S)
            now = time.monotonic()
            if messages:
                if self._note(messages):
                    last = now
                self._progress(_STAGE, self._done(), self._wanted.wanted)
            if self._unread and now - last > self._patience_s:
                where = ", ".join(
                    f"partition {p} at {self._at[p]} of {self._wanted.ends[p]}" for p in sorted(self._unread)
                )
                raise KafkaProblem(
                    f"timed out after {self._patience_s:g} s waiting for records of topic {topic}: {where}"
                )
        return self._at

    def _note(self, messages: list[Message]) -> bool:
        """Take a batch in; return whether it brought reading on."""
        records = [message for message in messages if message.error() is None]
        before = self._done()
        ends, last = self._wanted.ends, self._last_offsets(records)
        if any(offset >= ends[partition] for partition, offset in last.items()):
            # Others go on writing: what came after the end is no part of this reading.
            records = [one for one in records if (one.offset() or 0) < ends[one.partition() or 0]]
        for partition, offset in last.items():
            self._reach(partition, offset + 1)
        if records:
            self._take(records)
        if len(records) < len(messages):
            for message in messages:
                self._heed(message)
        return self._done() > before

    def _last_offsets(self, records: list[Message]) -> dict[int, int]:
        """Return the last offset of each partition among `records`, which come in order within a partition."""
        last: dict[int, int] = {}
        # As long as every partition is being read, the search may end when each was met. A partition that is done may
        # still have records in the queue, which must not be overlooked.
        enough = self._assigned if len(self._unread) == self._assigned else len(records) + 1
        for record in reversed(records):
            partition = record.partition() or 0
            if partition not in last:
                last[partition] = record.offset() or 0
                if len(last) >= enough:
                    break
        return last

    def _heed(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF and partition is not None and offset is not None:
            self._reach(partition, offset)
        elif error.fatal() or error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            raise KafkaException(error)

    def _reach(self, partition: int, position: int) -> None:
        end = self._wanted.ends[partition]
        self._at[partition] = max(self._at[partition], min(position, end))
        if self._at[partition] >= end and partition in self._unread:
            self._unread.discard(partition)
            self._consumer.pause([TopicPartition(self._wanted.topic, partition)])

    def _done(self) -> int:
        return sum(self._at.values()) - sum(self._wanted.begin.values())
