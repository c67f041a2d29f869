"""Short questions to Kafka that preflight and drain ask: which topics there are, and where one ends.

librdkafka's calls do not yield to gevent, so each question runs in gevent's pool of native threads; failures come back
as values, because an exception in there would be printed over the user's terminal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import gevent
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from health.kafka_errors import connection_reason, refused_properties, refused_reason, scrub
from runlog.facts import TopicStart
from stores.listeners import advertised, unreachable
from stores.topic import held_back

Answer = TypeVar("Answer")
Aside = dict[str, Callable[[KafkaError], None]]
QUIET: Final = {"log_level": "0"}
POLL_S: Final = 0.1
# The broker's word that there is no such topic, or that it is just being created; any other error proves neither.
_NO_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.LEADER_NOT_AVAILABLE}
)


class TopicError(Exception):
    """Kafka did not answer the question; the message is one sentence."""


def topic_ends(client: dict[str, str], topic: str, timeout_s: float) -> TopicStart | None:
    """Return the topic's id and the next offset of each partition; None when there is no such topic.

    Args:
        client: librdkafka properties.
        topic: its name.
        timeout_s: bound in seconds.

    Raises:
        TopicError: no answer in time.
    """
    return native(client, lambda aside: _topic_ends({**client, **aside}, topic, timeout_s))


@dataclass(frozen=True, slots=True)
class TopicService:
    """Whether producers can write to a topic and consumers read all of it; None: not asked.

    Attributes:
        led: every partition has a leader.
        open_transaction: a transaction is open that holds records back.
    """

    led: bool
    open_transaction: bool | None


def topic_service(client: dict[str, str], topic: str, timeout_s: float) -> TopicService:
    """Return whether a topic's partitions are led and free of open transactions.

    Raises:
        TopicError: no answer in time, or there is no such topic.
    """
    return native(client, lambda aside: _topic_service({**client, **aside}, topic, timeout_s))


def topic_names(client: dict[str, str], timeout_s: float) -> list[str]:
    """Return the names of the topics that the client may see, Kafka's own left out.

    Raises:
        TopicError: no answer in time.
    """
    return native(client, lambda aside: _topic_names({**client, **aside}, timeout_s))


def check_listeners(client: dict[str, str], topic: str, timeout_s: float) -> str:
    """Connect to each broker that serves `topic` where the metadata sends clients, and return their addresses.

    Raises:
        TopicError: no answer, or one of them takes no connection from here; says which and what to do.
    """
    listeners = native(client, lambda aside: advertised({**client, **aside}, topic, timeout_s))
    problem = unreachable(listeners, client["bootstrap.servers"], timeout_s)
    if problem is not None:
        raise TopicError(problem)
    return ", ".join(f"{one.host}:{one.port}" for one in listeners)


def native(client: dict[str, str], ask: Callable[[Aside], Answer]) -> Answer:
    """Ask in a native thread; `ask` is given what to add to its client so that the reason of a failure comes out."""
    aside: list[tuple[str, str]] = []

    def guarded() -> tuple[Answer | None, str | None]:
        try:
            answer = ask({"error_cb": lambda error: aside.append((error.name(), error.str()))})
            # "Not there" is no answer of a broker that refuses its clients.
            return answer, None if answer else refused_reason(aside, client)
        except KafkaException as error:
            said = error.args[0].str()
            if error.args[0].code() == KafkaError._INVALID_ARG:
                said = refused_properties(said, client)
        except TimeoutError:
            said = "no answer in time"
        except (ValueError, TypeError) as error:
            said = refused_properties(error, client)
        return None, connection_reason(aside, client) or scrub(said, client)

    answer, problem = gevent.get_hub().threadpool.apply(guarded)
    if problem is not None:
        raise TopicError(f"Kafka did not answer: {problem}")
    return answer  # type: ignore[no-any-return]


def _topic_ends(client: dict[str, Any], topic: str, timeout_s: float) -> TopicStart | None:
    consumer = Consumer({**QUIET, **client, "group.id": "preflight", "enable.auto.commit": "false"})
    try:
        known = consumer.list_topics(topic, timeout=timeout_s).topics.get(topic)
        if known is None or not (known.error or known.partitions):
            return None
        if known.error is not None:
            if known.error.code() in _NO_TOPIC:
                return None
            raise KafkaException(known.error)
        ends = {
            partition: int(
                consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s, cached=False)[1]
            )
            for partition in sorted(known.partitions)
        }
    except KafkaException:
        consumer.poll(0)  # hands over errors that were noted meanwhile: they say why
        raise
    finally:
        consumer.close()
    return TopicStart(topic, _topic_id(client, topic, timeout_s), ends)


def _topic_id(client: dict[str, Any], topic: str, timeout_s: float) -> str | None:
    """Return the broker's id of the topic; brokers before topic ids (KIP-516) have none."""
    admin = AdminClient({**QUIET, **client})
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic].result(timeout_s)
    identity = described.topic_id
    return str(identity) if identity is not None else None


def _topic_service(client: dict[str, Any], topic: str, timeout_s: float) -> TopicService:
    admin = AdminClient({**QUIET, **client})
    # Describing a topic never creates it.
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic].result(timeout_s)
    if any(partition.leader is None for partition in described.partitions):
        return TopicService(False, None)
    return TopicService(True, bool(held_back(client, topic)))


def _topic_names(client: dict[str, Any], timeout_s: float) -> list[str]:
    topics = AdminClient({**QUIET, **client}).list_topics(timeout=timeout_s).topics
    return sorted(name for name in topics if not name.startswith("_"))
