"""Topics with orders of one run."""

from __future__ import annotations

import uuid

from contract.run_key import RunKey
from tests.conftest import Infra
from tests.reconcile.witnesses.witness_data import Topic, order_created

KEY = RunKey(0x2222222222224222)


def topic_of(infra: Infra, partitions: int = 1) -> Topic:
    return Topic(infra.kafka_bootstrap, infra.new_topic(partitions))


def put_order(topic: Topic, seq: int, partition: int = 0, key: RunKey = KEY, order: uuid.UUID | None = None) -> str:
    order = order or uuid.uuid4()
    topic.put(str(order), order_created(order, key.customer_id(seq)), partition)
    return str(order)
