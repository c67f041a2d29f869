"""Where a topic begins and ends, asked once before it is read: partitions, low and high watermarks, topic id.

Ends are asked for as "read uncommitted", so that they are true high watermarks: a consumer that reads committed records
only would otherwise be told the last stable offset, and an open transaction would pass for the end of the log.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient

# The package offers both names at `confluent_kafka.admin` too, but not in a way that a strict type checker accepts.
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.admin._topic import TopicDescription

from health.kafka_errors import connection_reason, refused_properties, scrub

TRIES: Final = 3
ANSWER_S: Final = 4.0
PAUSE_S: Final = 0.5
# What librdkafka says for the all-zero id of a broker that has none (Kafka before 2.8).
_NO_TOPIC_ID: Final = str(Uuid(0, 0))
_NO_ANSWER: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})


class KafkaProblem(Exception):
    """The topic cannot be read; the message is one line without secrets."""


class NoSuchTopic(KafkaProblem):
    """The broker answered, and has no topic of this name."""


@dataclass(frozen=True, slots=True)
class TopicBounds:
    """A topic at one moment.

    Attributes:
        topic_id: the broker's id of it as text; None when it does not tell.
        lows: first offset that each partition still holds.
        ends: high watermark of each partition: the offset after its last record.
    """

    topic_id: str | None
    lows: dict[int, int]
    ends: dict[int, int]


def quiet_client(client: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """Return client properties that keep librdkafka from writing to stderr: what matters reaches us as an error."""
    return {**client, "log_level": 0}


def read_bounds(client: Mapping[str, str], topic: str) -> TopicBounds:
    """Ask the broker for the bounds of `topic`; bounded by about 30 s even if nothing answers.

    Args:
        client: librdkafka properties; `bootstrap.servers` and whatever authentication needs.
        topic: name; it is never created by asking.

    Raises:
        KafkaProblem: no answer after `TRIES` tries; NoSuchTopic: it does not exist.
    """
    aside: list[tuple[str, str]] = []
    properties: dict[str, Any] = {**quiet_client(client)}
    properties["error_cb"] = lambda error: aside.append((error.name(), error.str()))
    try:
        admin = AdminClient(properties)
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(refused_properties(error, client)) from None
    for attempt in range(TRIES):
        try:
            return _ask(admin, topic)
        except KafkaException as error:
            if attempt + 1 == TRIES:
                admin.poll(0)  # hands over what was told on the side: it says why
                raise _explain(error, topic, client, aside) from None
        # Right after a restart a broker may not know its own topics yet.
        time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def held_back(client: Mapping[str, str], topic: str) -> dict[int, int]:
    """Return by partition the first offset that an open transaction keeps from readers of committed records.

    Bounded by about 15 s; partitions without an open transaction are left out.

    Raises:
        KafkaException, TimeoutError: no answer.
    """
    admin = AdminClient(quiet_client(client))
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
    partitions = [TopicPartition(topic, one.id) for one in described[topic].result(ANSWER_S + 1).partitions]
    # In this order: a record that comes in between is no transaction.
    ends = _offsets(admin, partitions, OffsetSpec.latest)
    stable = _offsets(admin, partitions, OffsetSpec.latest, IsolationLevel.READ_COMMITTED)
    return {partition: offset for partition, offset in sorted(stable.items()) if offset < ends[partition]}


def held_back_words(held: Mapping[int, int]) -> str:
    """Return in words what `held_back` found; empty when nothing is held back."""
    places = ", ".join(f"offset {offset} of partition {partition}" for partition, offset in held.items())
    return f"an open transaction holds back what comes from {places} on" if places else ""


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """What the broker reports of a topic's configuration, as far as it decides what becomes of a record.

    Attributes:
        compacted: later records may remove earlier ones; None when that is unknown.
        write_caching: the broker acknowledges records that it holds in memory only, so that a kill may lose them
            (Redpanda); False for a broker without such a setting (Apache Kafka hands each record to the kernel first);
            None when that is unknown.
        problem: why something is unknown, in words that follow "unknown:"; None when all is known.
    """

    compacted: bool | None
    write_caching: bool | None = None
    problem: str | None = None


def topic_settings(client: Mapping[str, str], topic: str) -> TopicSettings:
    """Ask the broker for the configuration of `topic`; bounded by about 5 s, no answer is no error."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        # The client must outlive its answer.
        admin = AdminClient(quiet_client(client))
        found = admin.describe_configs([resource], request_timeout=ANSWER_S)[resource].result(ANSWER_S + 1)
    except KafkaException as error:
        return TopicSettings(None, None, _settings_problem(error, topic, client))
    except TimeoutError:
        return TopicSettings(None, None, f"the broker did not answer for the configuration of topic {topic}")
    return settings_in({name: str(entry.value) for name, entry in found.items()}, topic)


def settings_in(found: Mapping[str, str], topic: str) -> TopicSettings:
    """Return what the configuration of `topic`, values by name, says."""
    if "cleanup.policy" not in found:
        # A broker that reports nothing at all reports nothing of write caching either.
        return TopicSettings(None, None, f"the broker does not report cleanup.policy of topic {topic}")
    return TopicSettings("compact" in found["cleanup.policy"], found.get("write.caching", "false").lower() == "true")


def _settings_problem(error: KafkaException, topic: str, client: Mapping[str, str]) -> str:
    cause = error.args[0]
    if isinstance(cause, KafkaError) and cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return f"the Kafka user lacks the permission DescribeConfigs on topic {topic}"
    return f"the broker did not report the configuration of topic {topic}: {scrub(str(cause), client)}"


def _ask(admin: AdminClient, topic: str) -> TopicBounds:
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
    description: TopicDescription = described[topic].result(ANSWER_S + 1)
    partitions = [TopicPartition(topic, partition.id) for partition in description.partitions]
    return TopicBounds(
        topic_id=topic_id_of(description),
        lows=_offsets(admin, partitions, OffsetSpec.earliest),
        ends=_offsets(admin, partitions, OffsetSpec.latest),
    )


def topic_id_of(description: TopicDescription) -> str | None:
    """Return the broker's id of a topic as text, None where the broker has none (before KIP-516)."""
    topic_id = str(description.topic_id)
    return topic_id if topic_id not in {_NO_TOPIC_ID, "None"} else None


def _offsets(
    admin: AdminClient,
    partitions: list[TopicPartition],
    spec: Callable[[], Any],
    isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
) -> dict[int, int]:
    answers: dict[TopicPartition, Future[Any]] = admin.list_offsets(
        {partition: spec() for partition in partitions},
        isolation_level=isolation,
        request_timeout=ANSWER_S,
    )
    return {partition.partition: answer.result(ANSWER_S + 1).offset for partition, answer in answers.items()}


def _explain(
    error: KafkaException, topic: str, client: Mapping[str, str], aside: list[tuple[str, str]]
) -> KafkaProblem:
    cause = error.args[0]
    if not isinstance(cause, KafkaError):
        return KafkaProblem(f"the broker did not report the bounds of topic {topic}: {scrub(str(cause), client)}")
    if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return NoSuchTopic(f"topic {topic} does not exist on the broker")
    if cause.code() in _NO_ANSWER:
        where = client.get("bootstrap.servers", "the broker")
        if why := connection_reason(aside, client):
            return KafkaProblem(f"no connection to the Kafka broker at {where}: {why}")
        return KafkaProblem(f"no Kafka broker answered at {where}; is --kafka-bootstrap right, and the broker up?")
    return KafkaProblem(f"the broker did not report the bounds of topic {topic}: {scrub(cause.str(), client)}")
