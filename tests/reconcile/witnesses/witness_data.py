"""What the tests of the edges have in common: facts of a run, tables with rows, topics with records."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from confluent_kafka import Producer
from numpy.typing import NDArray

from contract.contract import contract_from_texts
from contract.ids import IDS
from contract.run_key import RunKey
from reconcile.history.history import id_text
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts, TopicStart
from runlog.fault_facts import FaultFacts
from stores.topic import read_bounds

CLOCK = AnchoredClock.anchor()


def facts_of(
    run_key: RunKey,
    *,
    topic: str = "order.created",
    starts: dict[int, int] | None = None,
    topic_id: str | None = None,
    orders_table: str = "orders",
    outbox_table: str | None = None,
) -> RunFacts:
    return RunFacts(
        run_id="20261123-073000-4f2a",
        run_key=run_key,
        started_at=CLOCK.epoch,
        clock=CLOCK,
        options={},
        command=[],
        versions={},
        scenario="lost-event",
        stack="embedded",
        rate=20.0,
        baseline_s=1.0,
        outage_s=1.0,
        recovery_s=1.0,
        request_timeout_s=5.0,
        delivery_timeout_s=3.0,
        settle_s=5.0,
        fault=FaultFacts("stop", "stop of the {target}"),
        fault_target="broker",
        expect="consistent",
        expect_source="default",
        attribution="tagged",
        topic=TopicStart(topic, topic_id, starts if starts is not None else {0: 0}),
        contract=contract_from_texts(orders_table=orders_table, outbox_table=outbox_table, reference=True),
    )


def silent(stage: str, done: int, total: int | None) -> None:
    assert done >= 0
    assert total is None or done <= total, stage


def ids_array(ids: Sequence[uuid.UUID]) -> NDArray[np.void]:
    return np.frombuffer(b"".join(identity.bytes for identity in ids), dtype=IDS)


def texts(ids: NDArray[np.void]) -> list[str]:
    return sorted(id_text(int(element["hi"]), int(element["lo"])) for element in ids)


def create_tables(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE orders (id uuid PRIMARY KEY, customer_id uuid NOT NULL)")
        connection.execute("CREATE INDEX ON orders (customer_id)")
        connection.execute("CREATE TABLE outbox (aggregateid text, type text, published_at timestamp)")


def insert_orders(database_url: str, rows: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO orders (id, customer_id) VALUES (%s, %s)", rows)


def order_created(order: object, customer: object, event: object | None = None, **members: Any) -> bytes:
    value = {
        "eventId": str(event or uuid.uuid4()),
        "orderId": str(order),
        "customerId": str(customer),
        "totalAmount": 99.9,
        "items": [{"productId": str(uuid.uuid4()), "quantity": 1, "unitPrice": 99.9}],
        "occurredAt": "2026-11-23T07:30:00.123456Z",
    }
    return json.dumps({**value, **members}).encode()


def await_end(client: dict[str, str], topic: str, end: int, timeout_s: float = 20.0) -> None:
    """Wait until the offsets of all partitions of `topic` add up to `end`."""
    deadline = time.monotonic() + timeout_s
    while (found := sum(read_bounds(client, topic).ends.values())) < end:
        assert time.monotonic() < deadline, f"timed out waiting for {end} offsets of {topic}, there are {found}"
        time.sleep(0.05)


class Topic:
    """A real topic to write to."""

    def __init__(self, bootstrap: str, name: str, **properties: Any) -> None:
        self.name = name
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0, **properties})

    def put(self, key: str | bytes | None, value: bytes | None, partition: int = 0) -> None:
        self.producer.produce(self.name, key=key, value=value, partition=partition)

    def flush(self) -> None:
        assert self.producer.flush(20) == 0
