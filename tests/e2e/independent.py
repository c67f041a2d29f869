"""A reading of PostgreSQL and Kafka that shares no code with the reconciler: row by row, record by record."""

import json
import time
import uuid
from dataclasses import dataclass

import psycopg
from confluent_kafka import Consumer, TopicPartition


@dataclass(frozen=True)
class Counted:
    """Order ids by witness."""

    rows: set[str]
    events: set[str]

    @property
    def lost(self) -> set[str]:
        return self.rows - self.events

    @property
    def phantom(self) -> set[str]:
        return self.events - self.rows


def count_run(database_url: str, bootstrap: str, topic: str, run_key: str) -> Counted:
    """Return what both stores hold of the run whose customer ids start with `run_key` (16 hex digits)."""
    prefix = f"{run_key[:8]}-{run_key[8:12]}-{run_key[12:16]}-"
    with psycopg.connect(database_url) as connection:
        query = "SELECT id, customer_id FROM orders"
        rows = {str(order) for order, customer in connection.execute(query) if str(customer).startswith(prefix)}
    return Counted(rows, _events(bootstrap, topic, prefix))


def _events(bootstrap: str, topic: str, prefix: str) -> set[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"count-{uuid.uuid4()}"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    found: set[str] = set()
    read = dict.fromkeys(partitions, 0)
    deadline = time.monotonic() + 60
    while any(read[p] < ends[p] for p in partitions):
        assert time.monotonic() < deadline, f"read {read} of {ends} within 60 s"
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        partition, offset, value = message.partition(), message.offset(), message.value()
        assert partition is not None
        assert offset is not None
        assert value is not None
        read[partition] = offset + 1
        event = json.loads(value)
        if event["customerId"].startswith(prefix):
            found.add(event["orderId"])
    consumer.close()
    return found
