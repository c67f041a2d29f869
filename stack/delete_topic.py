"""Deletes the topic of a run, on a broker of our own only: what else was published to it goes too."""

from __future__ import annotations

from runlog.facts import TopicStart
from stack.errors import StackError

_ANSWER_S = 10.0


def is_there(bootstrap: str, topic: TopicStart) -> bool:
    """Return whether the run's topic is still there; False also when one of its name was created again since.

    Args:
        bootstrap: `host:port` of the broker.
        topic: of the run, with the id that it had then.

    Raises:
        StackError: the broker did not answer, or the id that the topic had is unknown, so this may be another one.
    """
    from confluent_kafka import KafkaError, KafkaException, TopicCollection
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        asked = client.describe_topics(TopicCollection([topic.name]), request_timeout=_ANSWER_S)
        found = asked[topic.name].result(_ANSWER_S + 1)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return False
        raise StackError(f"Kafka at {bootstrap} did not report topic {topic.name}: {error.args[0].str()}") from None
    except TimeoutError:
        raise StackError(f"Kafka at {bootstrap} did not report topic {topic.name} within {_ANSWER_S:g} s") from None
    if topic.topic_id is None:
        raise StackError(f"topic {topic.name}: the run did not record its id, so it may have been created again since")
    return str(found.topic_id) == topic.topic_id


def delete(bootstrap: str, name: str) -> None:
    """Delete a topic.

    Raises:
        StackError: the broker did not do it.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        client.delete_topics([name], operation_timeout=_ANSWER_S, request_timeout=_ANSWER_S)[name].result(_ANSWER_S + 1)
    except KafkaException as error:
        raise StackError(f"topic {name} was not deleted: {error.args[0].str()}") from None
    except TimeoutError:
        raise StackError(f"topic {name} was not deleted within {_ANSWER_S:g} s") from None
