"""Topics of the tests on a real broker."""

import time
import uuid

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TIMEOUT_S = 20.0


def make_topic(client: dict[str, str], partitions: int) -> str:
    """Create an empty topic and return its name once every partition has its leader.

    Args:
        client: properties as librdkafka names them.
    """
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({**client})
    admin.create_topics([NewTopic(name, num_partitions=partitions)])[name].result(TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        known = admin.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions
        if len(known) == partitions and all(partition.leader >= 0 for partition in known.values()):
            return name
        if time.monotonic() > deadline:
            raise TimeoutError(f"topic {name}: its {partitions} partitions had no leader in {TIMEOUT_S:g} s")
        time.sleep(0.05)
