"""Checks that this machine can reach the addresses at which brokers advertise themselves.

A broker that answers at `bootstrap.servers` names in its metadata where each partition is served. Where these
advertised addresses do not resolve or do not answer from here (a name that only containers know, a port that is not
published), every later question times out without a reason.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka.admin._metadata import ClusterMetadata

from stores.kafka_client import KafkaProblem, admin_client

TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a broker advertises itself to its clients."""

    broker: int
    host: str
    port: int


def advertised(client: Mapping[str, Any], topic: str, timeout_s: float) -> list[Listener]:
    """Return the listeners of the brokers that lead partitions of `topic`; of all brokers without such a topic.

    Args:
        client: librdkafka properties.
        topic: name; it is not created by asking.
        timeout_s: bound in seconds; blocks in C.

    Raises:
        KafkaProblem: no answer.
    """
    known = _metadata(client, timeout_s)
    leaders = {one.leader for one in known.topics[topic].partitions.values()} if topic in known.topics else set()
    wanted = leaders & known.brokers.keys() or known.brokers.keys()
    return [Listener(n, str(known.brokers[n].host), int(known.brokers[n].port)) for n in sorted(wanted)]


def _metadata(client: Mapping[str, Any], timeout_s: float) -> ClusterMetadata:
    """Return the metadata; asked for up to TRIES times.

    librdkafka may have moved its first connection to the advertised address before the question goes out; where that
    takes no connection, only a new client asks at `bootstrap.servers` again.
    """
    for _ in range(TRIES - 1):
        with suppress(KafkaProblem):
            return _ask(client, timeout_s / TRIES)
    return _ask(client, timeout_s / TRIES)


def _ask(client: Mapping[str, Any], timeout_s: float) -> ClusterMetadata:
    with admin_client(client, "the broker did not report its metadata") as admin:
        return admin.list_topics(timeout=timeout_s)


def unreachable(listeners: list[Listener], bootstrap: str, timeout_s: float) -> str | None:
    """Return one sentence on the first listener that takes no connection from here, None when all do.

    Args:
        bootstrap: the address at which Kafka answered, for the sentence.
        timeout_s: bound for all of them, seconds.
    """
    deadline = time.monotonic() + timeout_s
    for one in listeners:
        try:
            left = max(0.1, deadline - time.monotonic())
            socket.create_connection((one.host, one.port), timeout=left).close()
        except OSError as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
            return (
                f"Kafka at {bootstrap} advertises its broker {one.broker} as {one.host}:{one.port}, which cannot be "
                f"reached from here ({why}); give the broker a listener that advertises an address which this "
                "machine can reach, and ask it at that listener's port"
            )
    return None
