"""Reads a range of a topic to its proven end, in batches of messages.

Ends are high watermarks (`stores.topic.read_bounds`). A partition is done when its position is proven to have reached
its end: by a record, or by the broker's word that nothing readable follows (offsets have holes where transactions left
markers). What is not proven within the patience is not guessed: the reader says where it stopped.
Settings and shape of the loop are measured: a small queue, and a fetcher that must not sleep.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contract.event import KafkaRecord
from health.kafka_errors import scrub
from stores.kafka_client import KafkaProblem, make_consumer

__all__ = ["Message", "TopicRange", "TopicReader", "TopicTail", "columns_of", "record_of"]

PATIENCE_S: Final = 30.0
_BATCH: Final = 2000
# A call returns when its batch is full or this time is over, also at the very end.
_POLL_S: Final = 0.02
_TUNING: Final[Mapping[str, str | int | float | bool]] = {
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # An offset that is gone must be an error, not silently skipped.
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    # With the default of 1000 ms the fetcher sleeps a second whenever Python lags behind: 2 to 5 times slower.
    "fetch.queue.backoff.ms": 1,
    "queued.min.messages": 1_000_000,
    "queued.max.messages.kbytes": 16_384,
    "fetch.max.bytes": 4_000_000,
    "fetch.wait.max.ms": 20,
    "fetch.error.backoff.ms": 100,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
}
# What is fetched ahead of a few records only costs memory.
_FEW: Final = 2_000
_TUNING_FOR_FEW: Final = {
    **_TUNING,
    "queued.max.messages.kbytes": 256,
    "fetch.max.bytes": 1_000_000,
    "fetch.message.max.bytes": 100_000,
}
_HOPELESS: Final = frozenset(
    (
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
    )
)


@dataclass(frozen=True, slots=True)
class TopicRange:
    """What of a topic is read.

    Attributes:
        begin: first offset by partition.
        ends: by partition the offset after the last one, for the same partitions.
    """

    topic: str
    begin: dict[int, int]
    ends: dict[int, int]

    @property
    def wanted(self) -> int:
        """Offsets in it."""
        return sum(max(0, end - self.begin[partition]) for partition, end in self.ends.items())


class TopicReader:
    """One pass over a range.

    Args:
        client: librdkafka properties.
        patience_s: seconds without progress after which reading is given up.

    Attributes:
        reached: offset up to which each partition has been read; never beyond its end.
    """

    def __init__(self, client: Mapping[str, str], wanted: TopicRange, *, patience_s: float = PATIENCE_S) -> None:
        self._client, self._wanted, self._patience_s = client, wanted, patience_s
        self.reached = dict(wanted.begin)
        self._unread = {partition for partition, end in wanted.ends.items() if wanted.begin[partition] < end}
        self._assigned = len(self._unread)
        # Partitions of which the broker last said that nothing readable follows.
        self._at_eof: set[int] = set()
        self._trouble: KafkaError | None = None

    @property
    def wanted(self) -> int:
        """Offsets to read in all."""
        return self._wanted.wanted

    @property
    def done(self) -> int:
        return sum(self.reached.values()) - sum(self._wanted.begin.values())

    def batches(self, progress: Callable[[int, int], None]) -> Iterator[list[Message]]:
        """Yield all readable records of the range; within a partition in order.

        Args:
            progress: called with the offsets read so far and those wanted in all, whenever reading went on.

        Raises:
            KafkaProblem: the end was not reached; says where reading stopped, and why.
        """
        if not self._unread:
            return
        tuning = _TUNING if self._wanted.wanted > _FEW else _TUNING_FOR_FEW
        consumer = make_consumer(self._client, {**fitted(tuning, self._client), "error_cb": self._note_error})
        try:
            yield from self._read(consumer, progress)
        except KafkaException as error:
            raise self._stopped(f"the client gave up: {self._scrubbed(error.args[0])}") from None
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, progress: Callable[[int, int], None]) -> Iterator[list[Message]]:
        topic, begin = self._wanted.topic, self._wanted.begin
        consumer.assign([TopicPartition(topic, partition, begin[partition]) for partition in self._unread])
        done, since = 0, time.monotonic()
        while self._unread:
            reading = set(self._unread)
            records = self._take(consumer.consume(_BATCH, timeout=_POLL_S))
            if records:
                yield records
            if self.done > done:
                done, since = self.done, time.monotonic()
                progress(done, self._wanted.wanted)
            if finished := reading - self._unread:
                # Later records of these would only take the line away from the other partitions.
                consumer.pause([TopicPartition(topic, partition) for partition in finished])
            if self._unread:
                self._check(time.monotonic() - since)

    def _check(self, waited_s: float) -> None:
        trouble = self._trouble
        if trouble is not None and (trouble.fatal() or trouble.code() in _HOPELESS):
            raise self._stopped(self._scrubbed(trouble))
        if waited_s > self._patience_s:
            why = f"no progress for {self._patience_s:g} s"
            if self._at_eof >= self._unread:
                why += "; the broker holds the rest back, as it does while a transaction is open"
            elif trouble is not None:
                why += f"; {self._scrubbed(trouble)}"
            raise self._stopped(why)

    def _take(self, messages: list[Message]) -> list[Message]:
        """Return the records of the range among messages, and note positions and errors."""
        records = [message for message in messages if message.error() is None]
        ends, last = self._wanted.ends, self._last_offsets(records)
        within = records
        if any(offset >= ends[partition] for partition, offset in last.items()):
            # Others go on writing: what came after the end is no part of this reading.
            within = [one for one in records if (one.offset() or 0) < ends[one.partition() or 0]]
        for partition, offset in last.items():
            self._at_eof.discard(partition)
            self._reach(partition, offset + 1)
        if len(records) < len(messages):
            for message in messages:
                if error := message.error():
                    self._take_error(message, error)
        return within

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

    def _take_error(self, message: Message, error: KafkaError) -> None:
        partition, offset = message.partition(), message.offset()
        if error.code() != KafkaError._PARTITION_EOF:
            self._note_error(error)
        elif partition in self.reached and offset is not None:
            self._reach(partition, offset)
            self._at_eof.add(partition)

    def _note_error(self, error: KafkaError) -> None:
        self._trouble = error

    def _reach(self, partition: int, position: int) -> None:
        end = self._wanted.ends[partition]
        self.reached[partition] = max(self.reached[partition], min(position, end))
        if self.reached[partition] >= end:
            self._unread.discard(partition)

    def _stopped(self, why: str) -> KafkaProblem:
        places = ", ".join(
            f"partition {partition} reached offset {self.reached[partition]} of {self._wanted.ends[partition]}"
            for partition in sorted(self._unread)
        )
        return KafkaProblem(f"topic {self._wanted.topic} was not read to its end: {places}: {why}")

    def _scrubbed(self, error: KafkaError) -> str:
        return scrub(error.str(), self._client)


class TopicTail:
    """Reads on from given offsets, as records come. Errors are passed over: a reader that gets nothing asks why.

    Args:
        client: librdkafka properties.
        begin: first offset by partition; one that retention has removed is replaced by the first that is left.

    Attributes:
        reached: offset up to which each partition has been read, control records included.

    Raises:
        KafkaProblem: the client refuses its properties.
    """

    def __init__(self, client: Mapping[str, str], topic: str, begin: Mapping[int, int]) -> None:
        self.reached = dict(begin)
        self._consumer = make_consumer(client, {**fitted(_TUNING, client), "auto.offset.reset": "earliest"})
        self._consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in begin.items()])

    def read(self, timeout_s: float) -> list[Message]:
        """Return the next records; none when none comes in time."""
        records = []
        for message in self._consumer.consume(_BATCH, timeout=timeout_s):
            error, partition, offset = message.error(), message.partition(), message.offset()
            if error is None:
                records.append(message)
            if partition is None or offset is None or offset < 0:
                continue
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                self.reached[partition] = offset + (error is None)
        return records

    def close(self) -> None:
        self._consumer.close()


def fitted(tuning: Mapping[str, Any], client: Mapping[str, str]) -> dict[str, Any]:
    """Return `tuning` with a `fetch.max.bytes` that is no smaller than the client's own `message.max.bytes`.

    librdkafka refuses a smaller one. A value that is no number is left to it, too.
    """
    largest = client.get("message.max.bytes", "")
    least = int(largest) if largest.isdecimal() else 0
    return {**tuning, "fetch.max.bytes": max(tuning["fetch.max.bytes"], least)}


def record_of(message: Message) -> KafkaRecord:
    """Return a message as the record that an event contract reads."""
    headers: Any = message.headers() or ()
    return KafkaRecord(message.key(), message.value(), headers)


def columns_of(messages: list[Message], *, headers: bool) -> tuple[list[bytes | None], list[bytes | None], list[Any]]:
    """Return values, keys and headers of messages, as `contract.reading` takes them.

    Args:
        headers: whether headers are needed; else there are none.
    """
    named: list[Any] = [message.headers() for message in messages] if headers else []
    return [message.value() for message in messages], [message.key() for message in messages], named
