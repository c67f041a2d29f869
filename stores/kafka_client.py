"""Clients of Kafka that write nothing to stderr, and whose failures are one sentence without secrets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from health.kafka_errors import connection_reason, refused_properties, scrub

_NO_ANSWER: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})


class KafkaProblem(Exception):
    """Kafka could not be queried or read; the message is one line without secrets."""


class NoSuchTopic(KafkaProblem):
    """The broker answered, and has no topic of this name."""


def quiet_client(client: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """Return client properties that keep librdkafka from writing to stderr: what matters reaches us as an error."""
    return {**client, "log_level": 0}


@contextmanager
def admin_client(client: Mapping[str, str], failure: str) -> Iterator[AdminClient]:
    """Yield an admin client; a KafkaException or TimeoutError in the `with` becomes a KafkaProblem.

    Args:
        client: librdkafka properties; `bootstrap.servers` and what authentication needs.
        failure: begins the sentence when the broker answers with an error.

    Raises:
        KafkaProblem: see above, or the client refuses its properties.
    """
    reported: list[tuple[str, str]] = []
    properties: dict[str, Any] = {**quiet_client(client)}
    properties["error_cb"] = lambda error: reported.append((error.name(), error.str()))
    try:
        admin = AdminClient(properties)
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(_refused(error, client)) from None
    try:
        yield admin
    except (KafkaException, TimeoutError) as error:
        admin.poll(0)  # calls `error_cb` for the errors noted since the last call: they say why
        if isinstance(error, TimeoutError) or error.args[0].code() in _NO_ANSWER:
            raise KafkaProblem(_no_answer(client, reported)) from None
        raise KafkaProblem(f"{failure}: {scrub(error.args[0].str(), client)}") from None


def make_consumer(client: Mapping[str, str], properties: Mapping[str, Any]) -> Consumer:
    """Return a consumer that neither joins a group nor commits.

    Args:
        client: librdkafka properties.

    Raises:
        KafkaProblem: the client refuses its properties.
    """
    # The client demands a group id; without subscription and commits no group is joined.
    fixed = {"group.id": "harness", "enable.auto.commit": False, "enable.auto.offset.store": False}
    try:
        return Consumer({**quiet_client(client), **fixed, **properties})
    except (KafkaException, ValueError, TypeError) as error:
        raise KafkaProblem(_refused(error, client)) from None


def _refused(error: Exception, client: Mapping[str, str]) -> str:
    return refused_properties(error.args[0].str() if isinstance(error, KafkaException) else error, client)


def _no_answer(client: Mapping[str, str], reported: list[tuple[str, str]]) -> str:
    where = client.get("bootstrap.servers", "the broker")
    if why := connection_reason(reported, client):
        return f"no connection to the Kafka broker at {where}: {why}"
    return f"no Kafka broker answered at {where}; is --kafka-bootstrap right, and the broker up?"
