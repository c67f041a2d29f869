"""What a broker reports of a topic's configuration, as far as it decides what becomes of a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException

# The package offers both names at `confluent_kafka.admin` too, but not in a way that a strict type checker accepts.
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from stores.kafka_client import KafkaProblem, admin_client

ANSWER_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """Settings of a topic.

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
    """Return the settings of `topic`; takes at most about 5 s, and never raises."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        with admin_client(client, f"the broker did not report the configuration of topic {topic}") as admin:
            try:
                found = admin.describe_configs([resource], request_timeout=ANSWER_S)[resource].result(ANSWER_S + 1)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise
                return TopicSettings(
                    None, None, f"the Kafka user lacks the permission DescribeConfigs on topic {topic}"
                )
    except KafkaProblem as problem:
        return TopicSettings(None, None, str(problem))
    return settings_in({name: str(entry.value) for name, entry in found.items()}, topic)


def settings_in(found: Mapping[str, str], topic: str) -> TopicSettings:
    """Return what the configuration of `topic`, values by name, says."""
    if "cleanup.policy" not in found:
        # A broker that reports nothing at all reports nothing of write caching either.
        return TopicSettings(None, None, f"the broker does not report cleanup.policy of topic {topic}")
    return TopicSettings("compact" in found["cleanup.policy"], found.get("write.caching", "false").lower() == "true")
