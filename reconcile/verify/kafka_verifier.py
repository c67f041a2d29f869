"""The second path through Kafka: a plain consumer from the start offsets, Python's own JSON, sets of texts.

It shares with `reconcile.witnesses.events` only how bounds are read and errors reported. It looks only for the given
orders, and reads up to the present end of the topic: events behind the end of the first reading are later.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from health.kafka_errors import scrub
from reconcile.history.history import EventsWitness, Progress
from reconcile.verify.byte_search import ByteSearch, hex_of
from reconcile.verify.compare import FoundEvents
from reconcile.verify.event_reading import PlainReader, ReadRecord
from stores.kafka_client import KafkaProblem, quiet_client
from stores.topic import TopicBounds, read_bounds

PATIENCE_S: Final = 30.0
_BATCH: Final = 1000
_STAGE: Final = "events again"


def events_by_id(
    client: Mapping[str, str],
    topic: str,
    first: EventsWitness,
    wanted: set[str],
    progress: Progress,
    *,
    reader: PlainReader,
    tags: Mapping[str, str] | None = None,
) -> FoundEvents:
    """Return which of the orders `wanted` have an event.

    Args:
        client: librdkafka properties.
        first: the first reading: where it began, and how far it got.
        wanted: order ids as reports show them.
        progress: called with how many offsets were read.
        tags: order id by the tag of its attempt, as 32 hexadecimal digits; None: orders are not tagged.

    Raises:
        KafkaProblem: the topic could not be read to its present end, or no longer holds what was read first.
    """
    bounds = read_bounds(client, topic)
    begin = {partition: _begin(first, bounds, partition) for partition in bounds.ends}
    found = FoundEvents()
    matcher = _Matcher(reader, wanted, tags or {}, first)
    settings = {
        "group.id": "reconcile-second-path",
        **quiet_client(client),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": 1,
        "queued.max.messages.kbytes": 16384,
    }
    try:
        consumer = Consumer(settings)
        try:
            consumer.assign([TopicPartition(topic, p, at) for p, at in begin.items() if at < bounds.ends[p]])
            for message in _messages(consumer, begin, bounds, progress):
                matcher.add(message, found)
        finally:
            consumer.close()
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(f"the second reading failed: {scrub(str(error), client)}") from None
    return found


def _begin(first: EventsWitness, bounds: TopicBounds, partition: int) -> int:
    """Return where to begin, after checking that the range of the first reading is still there."""
    wanted = max(first.starts.get(partition, 0), first.lows.get(partition, 0))
    reached = first.reached.get(partition, 0)
    if first.topic_id and bounds.topic_id and first.topic_id != bounds.topic_id:
        raise KafkaProblem("the topic was deleted and created again since it was read")
    if bounds.lows[partition] > wanted and reached > wanted:
        raise KafkaProblem(f"the log of partition {partition} has lost its beginning since it was read")
    if bounds.ends[partition] < reached:
        raise KafkaProblem(f"the log of partition {partition} is shorter than when it was read")
    return max(wanted, bounds.lows[partition])


def _messages(
    consumer: Consumer,
    begin: dict[int, int],
    bounds: TopicBounds,
    progress: Progress,
) -> Iterator[Message]:
    """Yield the records of all partitions up to their ends; give up after `PATIENCE_S` without progress."""
    at = dict(begin)
    unread = {partition for partition, end in bounds.ends.items() if begin[partition] < end}
    total, last = sum(max(0, bounds.ends[p] - begin[p]) for p in unread), time.monotonic()
    while unread:
        for message in consumer.consume(_BATCH, timeout=0.2):
            partition, offset, error = message.partition(), message.offset(), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
                    raise KafkaException(error)
                continue
            if partition is None or offset is None:
                continue
            last = time.monotonic()
            if error is None:
                if offset < bounds.ends[partition]:
                    yield message
                offset += 1
            at[partition] = max(at[partition], offset)
            if at[partition] >= bounds.ends[partition]:
                unread.discard(partition)
        progress(_STAGE, sum(min(at[p], bounds.ends[p]) - begin[p] for p in at if bounds.ends[p] > begin[p]), total)
        if unread and time.monotonic() - last > PATIENCE_S:
            where = ", ".join(f"partition {p} at {at[p]} of {bounds.ends[p]}" for p in sorted(unread))
            raise KafkaProblem(f"the second reading timed out after {PATIENCE_S:g} s without a record: {where}")


class _Matcher:
    """Sorts records into found events, one at a time."""

    def __init__(self, reader: PlainReader, wanted: set[str], tags: Mapping[str, str], first: EventsWitness) -> None:
        self._reader, self._first = reader, first
        self._spelled = {reader.normalized(one): one for one in wanted}
        uuids = {digits: order for digits, order in tags.items() if order in wanted}
        uuids |= {digits: one for one in wanted if (digits := hex_of(one)) is not None}
        texts = {} if reader.id_kind == "uuid" else {one: one for one in wanted}
        self._search = ByteSearch(uuids, texts)

    def add(self, message: Message, found: FoundEvents) -> None:
        record = self._reader.read(message)
        order = self._spelled.get(record.order) if record.order is not None else None
        if order is not None:
            within = (message.offset() or 0) < self._first.reached.get(message.partition() or 0, 0)
            (found.seen if within else found.later).add(order)
            if record.strict and within:
                found.strict.add(order)
        elif record.order is None and not record.certain:
            where = f"the record at partition {message.partition()}, offset {message.offset()}"
            for one in self._named(message, record):
                found.named.setdefault(one, where)

    def _named(self, message: Message, record: ReadRecord) -> set[str]:
        """Return the orders that a record names without being their event."""
        if record.other is not None:
            # It is the event of one order, and only mentions all others.
            order = self._spelled.get(record.other)
            return set() if order is None else {order}
        headers: Any = message.headers() or []
        key: Any = message.key()
        return self._search.orders_in(key, headers, message.value())
