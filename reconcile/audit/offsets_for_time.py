"""Times of records, as far as they serve: where in the log a moment lies, and how old its beginning is.

Record timestamps are the producer's (or the broker's) and prove nothing about an order; they only choose where reading
begins and from when on rows can be judged, each time with a margin on the safe side.
"""

from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from health.kafka_errors import scrub
from reconcile.audit.log_reader import TUNING, LogRange, drain
from stores.topic import KafkaProblem, TopicBounds, quiet_client

LOOKED_AT: Final = 200
ANSWER_S: Final = 10.0


def offsets_from(client: Mapping[str, str], topic: str, bounds: TopicBounds, epoch: float) -> dict[int, int]:
    """Return by partition the first offset whose record is not older than `epoch` (seconds); its end when none is.

    Raises:
        KafkaProblem: the broker did not tell.
    """
    at = int(epoch * 1000)
    consumer = Consumer({**quiet_client(client), **TUNING})
    try:
        asked = [TopicPartition(topic, partition, max(0, at)) for partition in bounds.ends]
        told = consumer.offsets_for_times(asked, timeout=ANSWER_S)
    except KafkaException as error:
        raise KafkaProblem(f"the broker did not report offsets by time: {scrub(str(error), client)}") from None
    finally:
        consumer.close()
    found = {one.partition: one.offset for one in told}
    return {
        partition: min(end, max(bounds.lows[partition], found[partition] if found[partition] >= 0 else end))
        for partition, end in bounds.ends.items()
    }


def first_times(client: Mapping[str, str], topic: str, bounds: TopicBounds) -> dict[int, float]:
    """Return epoch seconds of the newest among the first records of each partition that has any.

    Raises:
        KafkaProblem: they could not be read.
    """
    times: dict[int, float] = {}

    def take(records: list[Message]) -> None:
        for record in records:
            partition, stamp = record.partition() or 0, record.timestamp()[1] / 1000
            times[partition] = (
                max(stamp, times.get(partition, stamp))
                if bounds.lows[partition]
                else min(stamp, times.get(partition, stamp))
            )

    ends = {p: min(end, bounds.lows[p] + LOOKED_AT) for p, end in bounds.ends.items()}
    drain(client, LogRange(topic, dict(bounds.lows), ends), take, lambda *_: None)
    return times
