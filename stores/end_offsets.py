"""Asks for the end offsets of a topic over and over, on one connection that stays."""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from health.kept_kafka import KeptClient
from health.replies import BROKEN, Reply
from stores.kafka_client import KafkaProblem

PARTITIONS_EVERY_S: Final = 1.0
_LEAST_S: Final = 0.005


class EndOffsets:
    """A topic's ends.

    Args:
        client: librdkafka properties.

    Raises:
        KafkaProblem: the client refuses its properties.
    """

    def __init__(self, client: Mapping[str, str], topic: str) -> None:
        self._topic = topic
        self._client = KeptClient(client)
        self._partitions: list[int] = []
        self._partitions_asked = 0.0
        try:
            self._client.open()
        except ValueError as error:
            raise KafkaProblem(str(error)) from None

    def ask(self, timeout_s: float) -> dict[int, int] | Reply:
        """Return the end of each partition; where the broker does not serve, a Reply that says how."""
        deadline = time.monotonic() + timeout_s

        def ends(client: Consumer) -> dict[int, int] | Reply:
            self._refresh_partitions(client, deadline)
            found = {}
            for partition in self._partitions:
                where = TopicPartition(self._topic, partition)
                found[partition] = int(client.get_watermark_offsets(where, timeout=_left(deadline), cached=False)[1])
            return found or Reply(BROKEN, "the topic has no partitions")

        return self._client.ask(ends)

    def reason(self) -> str | None:
        """Return why the client is not served, None when the errors do not say."""
        return self._client.reasons.reason()

    def close(self) -> None:
        self._client.close()

    def _refresh_partitions(self, client: Consumer, deadline: float) -> None:
        """Notice partitions that were added; the known ones serve while there is no answer."""
        if self._partitions and time.monotonic() - self._partitions_asked < PARTITIONS_EVERY_S:
            return
        known = client.list_topics(self._topic, timeout=_left(deadline)).topics.get(self._topic)
        if known is not None and known.error is None:
            self._partitions = sorted(known.partitions)
            self._partitions_asked = time.monotonic()


def _left(deadline: float) -> float:
    return max(_LEAST_S, deadline - time.monotonic())
