"""Deletes the topic of a run, only on a broker of our own: the events of others in it are deleted too."""

from runlog.facts import TopicStart
from stack.errors import StackError
from stores.kafka_client import KafkaProblem, NoSuchTopic
from stores.topic import delete_topic, read_bounds


def is_there(bootstrap: str, topic: TopicStart) -> bool:
    """Whether the run's topic still exists; False also for a newer topic of the same name.

    Args:
        bootstrap: `host:port` of the broker.
        topic: of the run, with the id that it had.

    Raises:
        StackError: the broker did not answer, or the run recorded no topic id, so this may be a newer topic.
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
        StackError: the broker did not delete it.
    """
    try:
        delete_topic({"bootstrap.servers": bootstrap}, name)
    except KafkaProblem as problem:
        raise StackError(str(problem)) from None
