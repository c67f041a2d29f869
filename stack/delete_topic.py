"""Deletes the topic of a run, on a broker of our own only: what else was published to it goes too."""

from runlog.facts import TopicStart
from stack.errors import StackError
from stores.kafka_client import KafkaProblem, NoSuchTopic
from stores.topic import delete_topic, read_bounds


def is_there(bootstrap: str, topic: TopicStart) -> bool:
    """Return whether the run's topic is still there; False also when one of its name was created again since.

    Args:
        bootstrap: `host:port` of the broker.
        topic: of the run, with the id that it had then.

    Raises:
        StackError: the broker did not answer, or the id that the topic had is unknown, so this may be another one.
    """
    try:
        found = read_bounds({"bootstrap.servers": bootstrap}, topic.name, tries=1)
    except NoSuchTopic:
        return False
    except KafkaProblem as problem:
        raise StackError(f"topic {topic.name} cannot be deleted: {problem}") from None
    if topic.topic_id is None:
        raise StackError(f"topic {topic.name}: the run did not record its id, so it may have been created again since")
    return found.topic_id == topic.topic_id


def delete(bootstrap: str, name: str) -> None:
    """Delete a topic.

    Raises:
        StackError: the broker did not do it.
    """
    try:
        delete_topic({"bootstrap.servers": bootstrap}, name)
    except KafkaProblem as problem:
        raise StackError(str(problem)) from None
