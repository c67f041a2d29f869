"""Short questions to Kafka that preflight and drain ask: where the topic ends now, and whether one event is there.

librdkafka's calls do not yield to gevent, so each question runs in gevent's pool of native threads; failures come back
as values, because an exception in there would be printed over the user's terminal.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import gevent
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from runlog.facts import TopicStart
from runlog.kafkareason import connection_reason, refused_properties, refused_reason, scrub

Answer = TypeVar("Answer")
Aside = dict[str, Callable[[KafkaError], None]]
QUIET: Final = {"log_level": "0"}
POLL_S: Final = 0.1


class TopicError(Exception):
    """Kafka did not tell; the message is one sentence."""


def topic_ends(client: dict[str, str], topic: str, timeout_s: float) -> TopicStart | None:
    """Return the topic's id and the next offset of each partition; None when there is no such topic.

    Args:
        client: librdkafka properties.
        topic: its name.
        timeout_s: bound in seconds.

    Raises:
        TopicError: no answer in time.
    """
    return _native(client, lambda aside: _topic_ends({**client, **aside}, topic, timeout_s))


def find_event(client: dict[str, str], start: TopicStart, key: str, timeout_s: float) -> bool:
    """Return whether a record with the key `key` (case ignored) and a value comes at or after `start`.

    Args:
        client: librdkafka properties.
        start: topic and offsets to read from.
        key: the order id as text.
        timeout_s: how long to wait for it, seconds.

    Raises:
        TopicError: Kafka failed.
    """
    return _native(client, lambda aside: _find_event({**client, **aside}, start, key.lower().encode(), timeout_s))


def _native(client: dict[str, str], ask: Callable[[Aside], Answer]) -> Answer:
    """Ask in a native thread; `ask` is given what to add to its client so that the reason of a failure comes out."""
    told: list[tuple[str, str]] = []

    def guarded() -> tuple[Answer | None, str | None]:
        try:
            answer = ask({"error_cb": lambda error: told.append((error.name(), error.str()))})
            # "Not there" is no answer of a broker that lets nobody in.
            return answer, None if answer else refused_reason(told, client)
        except KafkaException as error:
            said = error.args[0].str()
            if error.args[0].code() == KafkaError._INVALID_ARG:
                said = refused_properties(said, client)
        except TimeoutError:
            said = "no answer in time"
        except (ValueError, TypeError) as error:
            said = refused_properties(error, client)
        return None, connection_reason(told, client) or scrub(said, client)

    answer, problem = gevent.get_hub().threadpool.apply(guarded)
    if problem is not None:
        raise TopicError(f"Kafka did not answer: {problem}")
    return answer  # type: ignore[no-any-return]


def _topic_ends(client: dict[str, Any], topic: str, timeout_s: float) -> TopicStart | None:
    consumer = Consumer({**QUIET, **client, "group.id": "preflight", "enable.auto.commit": "false"})
    try:
        known = consumer.list_topics(topic, timeout=timeout_s).topics.get(topic)
        if known is None or known.error is not None or not known.partitions:
            return None
        ends = {
            partition: int(
                consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s, cached=False)[1]
            )
            for partition in sorted(known.partitions)
        }
    except KafkaException:
        consumer.poll(0)  # hands over what was told on the side: it says why
        raise
    finally:
        consumer.close()
    return TopicStart(topic, _topic_id(client, topic, timeout_s), ends)


def _topic_id(client: dict[str, Any], topic: str, timeout_s: float) -> str | None:
    """Return the broker's id of the topic; brokers before topic ids (KIP-516) do not tell one."""
    admin = AdminClient({**QUIET, **client})
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic].result(timeout_s)
    identity = described.topic_id
    return str(identity) if identity is not None else None


def _find_event(client: dict[str, Any], start: TopicStart, key: bytes, timeout_s: float) -> bool:
    consumer = Consumer({**QUIET, **client, "group.id": "preflight", "enable.auto.commit": "false"})
    try:
        consumer.assign([TopicPartition(start.name, partition, at) for partition, at in start.starts.items()])
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=POLL_S):
                if message.error() is None and message.value() is not None and (message.key() or b"").lower() == key:
                    return True
    finally:
        consumer.close()
    return False
