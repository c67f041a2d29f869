"""What a broker reports of a topic: its id, where its partitions begin and end, and whether it can be written and read.

Ends are asked for as "read uncommitted", so that they are true high watermarks: a consumer that reads committed records
only would be given the last stable offset instead, and an open transaction would pass for the end of the log.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient

# The package offers both names at `confluent_kafka.admin` too, but not in a way that a strict type checker accepts.
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._topic import TopicDescription

from stores.kafka_client import NoSuchTopic, admin_client

TRIES: Final = 3
ANSWER_S: Final = 4.0
SLOW_S: Final = 10.0
"""Seconds for what takes a broker longer: a search by time, a deletion."""
PAUSE_S: Final = 0.5
# What librdkafka says for the all-zero id of a broker that has none (Kafka before 2.8).
_NO_TOPIC_ID: Final = frozenset({str(Uuid(0, 0)), "None"})
# Answers for a topic that is not there, or is just being created; any other error proves neither.
_NOT_THERE: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.LEADER_NOT_AVAILABLE}
)


@dataclass(frozen=True, slots=True)
class TopicBounds:
    """A topic at one moment.

    Attributes:
        topic_id: the broker's id of it as text; None where the broker has none.
        lows: first offset that each partition still holds.
        ends: high watermark of each partition: the offset after its last record.
    """

    topic_id: str | None
    lows: dict[int, int]
    ends: dict[int, int]


@dataclass(frozen=True, slots=True)
class TopicService:
    """Whether producers can write to a topic and consumers read all of it.

    Attributes:
        led: every partition has a leader.
        open_transaction: an open transaction holds records back; None: not asked, as a leader is missing.
    """

    led: bool
    open_transaction: bool | None


def read_bounds(client: Mapping[str, str], topic: str, *, tries: int | None = None) -> TopicBounds:
    """Return the bounds of `topic`; takes at most about 15 s a try.

    Args:
        client: librdkafka properties; `bootstrap.servers` and whatever authentication needs.
        topic: name; asking never creates it.
        tries: None: TRIES.

    Raises:
        KafkaProblem: no answer; NoSuchTopic: it does not exist.
    """
    with admin_client(client, f"the broker did not report the bounds of topic {topic}") as admin:
        for _ in range((tries or TRIES) - 1):
            with suppress(KafkaException, TimeoutError, NoSuchTopic):
                return _bounds(admin, topic)
            # Right after a restart a broker may not know its own topics yet.
            time.sleep(PAUSE_S)
        return _bounds(admin, topic)


def offsets_at(client: Mapping[str, str], topic: str, partitions: list[int], epoch: float) -> dict[int, int]:
    """Return by partition the first offset whose record is not older than `epoch` (seconds); -1 where none is.

    Raises:
        KafkaProblem: no answer.
    """
    spec = OffsetSpec.for_timestamp(max(0, int(epoch * 1000)))
    with admin_client(client, f"the broker did not report the offsets of topic {topic} by time") as admin:
        return _offsets(admin, _places(topic, partitions), lambda: spec, IsolationLevel.READ_COMMITTED, SLOW_S)


def topic_service(client: Mapping[str, str], topic: str) -> TopicService:
    """Return whether a topic's partitions have leaders and no open transaction.

    Raises:
        KafkaProblem: no answer; NoSuchTopic: it does not exist.
    """
    with admin_client(client, f"the broker did not report the state of topic {topic}") as admin:
        description = _describe(admin, topic)
        if any(partition.leader is None for partition in description.partitions):
            return TopicService(False, None)
        return TopicService(True, bool(_held_back(admin, topic, description)))


def held_back(client: Mapping[str, str], topic: str) -> dict[int, int]:
    """Return by partition the first offset that an open transaction keeps from readers of committed records.

    Partitions without an open transaction are left out.

    Raises:
        KafkaProblem: no answer; NoSuchTopic: it does not exist.
    """
    with admin_client(client, f"the broker did not report the open transactions of topic {topic}") as admin:
        return _held_back(admin, topic, _describe(admin, topic))


def held_back_words(held: Mapping[int, int]) -> str:
    """Return in words what `held_back` found; empty when nothing is held back."""
    places = ", ".join(f"offset {offset} of partition {partition}" for partition, offset in held.items())
    return f"an open transaction holds back what comes from {places} on" if places else ""


def topic_names(client: Mapping[str, str]) -> list[str]:
    """Return the names of the topics that the client may see, without Kafka's own.

    Raises:
        KafkaProblem: no answer.
    """
    with admin_client(client, "the broker did not report its topics") as admin:
        return sorted(name for name in admin.list_topics(timeout=ANSWER_S).topics if not name.startswith("_"))


def delete_topic(client: Mapping[str, str], topic: str) -> None:
    """Delete a topic.

    Raises:
        KafkaProblem: the broker did not do it, or did not say so in time.
    """
    with admin_client(client, f"topic {topic} was not deleted") as admin:
        admin.delete_topics([topic], operation_timeout=SLOW_S, request_timeout=SLOW_S)[topic].result(SLOW_S + 1)


def _bounds(admin: AdminClient, topic: str) -> TopicBounds:
    description = _describe(admin, topic)
    partitions = _places(topic, [one.id for one in description.partitions])
    topic_id = str(description.topic_id)
    return TopicBounds(
        topic_id=None if topic_id in _NO_TOPIC_ID else topic_id,
        lows=_offsets(admin, partitions, OffsetSpec.earliest),
        ends=_offsets(admin, partitions, OffsetSpec.latest),
    )


def _describe(admin: AdminClient, topic: str) -> TopicDescription:
    try:
        asked = admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
        found: TopicDescription = asked[topic].result(ANSWER_S + 1)
    except KafkaException as error:
        if error.args[0].code() in _NOT_THERE:
            raise NoSuchTopic(f"topic {topic} does not exist on the broker") from None
        raise
    return found


def _held_back(admin: AdminClient, topic: str, description: TopicDescription) -> dict[int, int]:
    partitions = _places(topic, [one.id for one in description.partitions])
    # In this order: a record that comes in between is no transaction.
    ends = _offsets(admin, partitions, OffsetSpec.latest)
    stable = _offsets(admin, partitions, OffsetSpec.latest, IsolationLevel.READ_COMMITTED)
    return {partition: offset for partition, offset in sorted(stable.items()) if offset < ends[partition]}


def _places(topic: str, partitions: list[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in partitions]


def _offsets(
    admin: AdminClient,
    partitions: list[TopicPartition],
    spec: Callable[[], Any],
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    answer_s: float | None = None,
) -> dict[int, int]:
    answer_s = answer_s or ANSWER_S
    answers: dict[TopicPartition, Future[Any]] = admin.list_offsets(
        {partition: spec() for partition in partitions}, isolation_level=isolation, request_timeout=answer_s
    )
    return {partition.partition: answer.result(answer_s + 1).offset for partition, answer in answers.items()}
