"""Asks Kafka from Locust's process: librdkafka's calls do not yield to gevent, so each runs in a native thread."""

from collections.abc import Callable
from typing import TypeVar

import gevent

from runlog.facts import TopicStart
from stores.kafka_client import KafkaProblem, NoSuchTopic
from stores.topic import read_bounds

Answer = TypeVar("Answer")


def native(ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns, from a thread of gevent's pool.

    Raises:
        KafkaProblem: Kafka could not be asked.
    """

    def guarded() -> tuple[Answer | None, KafkaProblem | None]:
        try:
            return ask(), None
        except KafkaProblem as problem:
            # As a value: gevent would print an exception in there over the user's terminal.
            return None, problem

    answer, problem = gevent.get_hub().threadpool.apply(guarded)
    if problem is not None:
        raise problem
    return answer  # type: ignore[no-any-return]


def topic_start(client: dict[str, str], topic: str) -> TopicStart | None:
    """Return the topic's id and the next offset of each partition; None when there is no such topic.

    Raises:
        KafkaProblem: no answer.
    """
    try:
        bounds = native(lambda: read_bounds(client, topic, tries=1))
    except NoSuchTopic:
        return None
    return TopicStart(topic, bounds.topic_id, bounds.ends)
