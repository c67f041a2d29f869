"""Topics of the tests on a real broker."""

import time
import uuid

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TIMEOUT_S = 20.0


def make_topic(client: dict[str, str], partitions: int) -> str:
    """Create an empty topic and return its name once every partition has its leader.

    Args:
        client: properties as librdkafka names them.
    """
    name = f"test-{uuid.uuid4().hex[:12]}"
    create_topic(AdminClient({**client}), NewTopic(name, num_partitions=partitions))
    return name


def create_topic(admin: AdminClient, topic: NewTopic) -> None:
    """Create a topic and wait until every partition has its leader.

    A broker that was started again has a session of 1 s (`stack.kafka`): on a busy machine its controller may have none
    that takes a partition at the moment, which is no error of the test that asks.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            admin.create_topics([topic])[topic.topic].result(TIMEOUT_S)
            break
        except KafkaException as error:
            fenced = error.args[0].code() == KafkaError.INVALID_REPLICATION_FACTOR
            if not fenced or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
    while True:
        known = admin.list_topics(topic.topic, timeout=TIMEOUT_S).topics[topic.topic].partitions
        if len(known) == topic.num_partitions and all(partition.leader >= 0 for partition in known.values()):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"topic {topic.topic}: its partitions had no leader in {TIMEOUT_S:g} s")
        time.sleep(0.05)
