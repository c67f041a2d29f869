"""The second path through Kafka: a plain consumer from the start offsets, Python's own JSON, sets of texts.

It shares nothing with `reconcile.events` but how bounds and errors are told. It looks only for the orders it is asked
for, and goes on to the end that the topic has now: what lies behind the end that was read first came later.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from health.kafka_errors import scrub
from reconcile.confirm.kafkadescribed import Described
from reconcile.history import EventsWitness, Progress
from stores.topic import KafkaProblem, TopicBounds, quiet_client, read_bounds

PATIENCE_S: Final = 30.0
_BATCH: Final = 1000
_STAGE: Final = "events again"


@dataclass(slots=True)
class Found:
    """Order ids with an event, by where it lies: within the range that was read first, or behind its end."""

    seen: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)


def events_by_id(
    client: Mapping[str, str],
    topic: str,
    first: EventsWitness,
    wanted: set[str],
    progress: Progress,
    *,
    described: Described,
    patience_s: float = PATIENCE_S,
) -> Found:
    """Return which of the orders `wanted` (ids as reports show them) have an event.

    Args:
        client: librdkafka properties.
        topic: its name.
        first: the first reading: where it began, and how far it came.
        wanted: order ids.
        progress: told how many offsets were passed.
        described: where events have the id of their order.
        patience_s: seconds without progress after which reading is given up.

    Raises:
        KafkaProblem: the topic could not be read to its present end, or no longer holds what was read first.
    """
    bounds = read_bounds(client, topic)
    begin = {partition: _begin(first, bounds, partition) for partition in bounds.ends}
    found = Found()
    spelled = {described.plain(one): one for one in wanted}
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
                if (order := spelled.get(described.order_of(message))) is not None:
                    _sort_in(message, first, order, found)
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
        raise KafkaProblem("the topic was deleted and made anew since it was read")
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
            raise KafkaProblem(f"the second reading waited {patience_s:g} s in vain for records: {where}")


def _sort_in(message: Message, first: EventsWitness, order: str, found: Found) -> None:
    within = (message.offset() or 0) < first.reached.get(message.partition() or 0, 0)
    (found.seen if within else found.later).add(order)
