"""The second path through Kafka: a plain consumer from the start offsets, Python's own JSON, sets of texts.

It shares nothing with `reconcile.witnesses.events` but how bounds are asked for and errors reported. It looks only
for the orders it is asked for, and goes on to the end that the topic has now: what comes behind the end that was read
first is later.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from health.kafka_errors import scrub
from reconcile.history.history import EventsWitness, Progress
from reconcile.verify.byte_search import ByteSearch, hex_of
from reconcile.verify.event_reading import OwnReading, Sight
from stores.topic import KafkaProblem, TopicBounds, quiet_client, read_bounds

PATIENCE_S: Final = 30.0
_BATCH: Final = 1000
_STAGE: Final = "events again"


@dataclass(slots=True)
class Found:
    """Order ids by what the topic holds of them.

    Attributes:
        seen: with an event within the range that was read first.
        later: with an event behind its end.
        strict: those of `seen` with one whose value is a JSON object.
        named: without an event by strict JSON, yet named by a record that might be theirs: the first such record.
    """

    seen: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    strict: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)


def events_by_id(
    client: Mapping[str, str],
    topic: str,
    first: EventsWitness,
    wanted: set[str],
    progress: Progress,
    *,
    reading: OwnReading,
    tags: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> Found:
    """Return which of the orders `wanted` (ids as reports show them) have an event.

    Args:
        client: librdkafka properties.
        topic: its name.
        first: the first reading: where it began, and how far it came.
        wanted: order ids.
        progress: called with how many offsets were passed.
        reading: how an event is read.
        tags: order id by the tag of its attempt, as 32 hexadecimal digits; None: orders are not tagged.
        patience_s: seconds without progress after which reading is given up.

    Raises:
        KafkaProblem: the topic could not be read to its present end, or no longer holds what was read first.
    """
    bounds = read_bounds(client, topic)
    begin = {partition: _begin(first, bounds, partition) for partition in bounds.ends}
    found = Found()
    looking = _Looking(reading, wanted, tags or {}, first)
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
            for message in _messages(consumer, begin, bounds, progress, patience_s):
                looking.take(message, found)
        finally:
            consumer.close()
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(f"the second reading failed: {scrub(str(error), client)}") from None
    return found


def _begin(first: EventsWitness, bounds: TopicBounds, partition: int) -> int:
    """Return where to begin, once it is clear that nothing of what was read first is gone."""
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
    patience_s: float,
) -> Iterator[Message]:
    """Yield the records of all partitions up to their ends; give up after `patience_s` without progress."""
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
        if unread and time.monotonic() - last > patience_s:
            where = ", ".join(f"partition {p} at {at[p]} of {bounds.ends[p]}" for p in sorted(unread))
            raise KafkaProblem(f"the second reading waited {patience_s:g} s for records: {where}")


class _Looking:
    """Takes records in, one at a time."""

    def __init__(self, reading: OwnReading, wanted: set[str], tags: Mapping[str, str], first: EventsWitness) -> None:
        self._reading, self._first = reading, first
        self._spelled = {reading.plain(one): one for one in wanted}
        uuids = {digits: order for digits, order in tags.items() if order in wanted}
        uuids |= {digits: one for one in wanted if (digits := hex_of(one)) is not None}
        texts = {} if reading.id_kind == "uuid" else {one: one for one in wanted}
        self._search = ByteSearch(uuids, texts)

    def take(self, message: Message, found: Found) -> None:
        sight = self._reading.sight(message)
        order = self._spelled.get(sight.order) if sight.order is not None else None
        if order is not None:
            within = (message.offset() or 0) < self._first.reached.get(message.partition() or 0, 0)
            (found.seen if within else found.later).add(order)
            if sight.strict and within:
                found.strict.add(order)
        elif sight.order is None and not sight.certain:
            where = f"the record at partition {message.partition()}, offset {message.offset()}"
            for one in self._named(message, sight):
                found.named.setdefault(one, where)

    def _named(self, message: Message, sight: Sight) -> set[str]:
        """Return the orders that a record names which is not their event."""
        if sight.other is not None:
            # The event of another order, unless that is one that is looked for: it only mentions all others.
            order = self._spelled.get(sight.other)
            return set() if order is None else {order}
        headers: Any = message.headers() or []
        key: Any = message.key()
        return self._search.orders_in(key, headers, message.value())
