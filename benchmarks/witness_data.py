"""Orders and events in bulk, on the embedded PostgreSQL and Kafka, with known differences.

Rows and events look like the reference service's. One in a thousand rows has no event, one in two thousand events has
no row, one in two thousand comes twice. All follows from the seed, so the right answer is known without reading.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from psycopg import sql

from contract.run_key import RunKey

PARTITIONS: Final = 3
LOST_EVERY: Final = 1000
PHANTOM_EVERY: Final = 2000
TWICE_EVERY: Final = 2000
CHUNK: Final = 100_000
KEY: Final = RunKey.parse("0b5e55ed0b5e4afe")
SEED: Final = 20261124


@dataclass(slots=True)
class WitnessData:
    """What is in the stores.

    Attributes:
        orders: rows.
        table, topic: where.
        lost, phantom, twice: order ids without event, without row, with two events.
        seconds: how long it took to make.
    """

    orders: int
    table: str
    topic: str
    lost: set[str] = field(default_factory=set)
    phantom: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    seconds: float = 0.0


def make_data(database_url: str, bootstrap: str, orders: int) -> WitnessData:
    """Fill a table and a topic of their own with `orders` orders."""
    begun = time.monotonic()
    data = WitnessData(orders, f"orders_{orders}", f"bench-{orders}-{uuid.uuid4().hex[:8]}")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(data.topic, PARTITIONS, 1)])[data.topic].result(30)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 512_000,
        }
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        table = sql.Identifier(data.table)
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        connection.execute(
            sql.SQL(
                "CREATE TABLE {} (id uuid, customer_id uuid NOT NULL, status varchar(20), total numeric(10,2), "
                "created_at timestamp NOT NULL)"
            ).format(table)
        )
        copy = sql.SQL("COPY {} (id, customer_id, status, total, created_at) FROM STDIN").format(table)
        stamp = connection.execute("SELECT localtimestamp AT TIME ZONE current_setting('timezone') AT TIME ZONE 'UTC'")
        made = stamp.fetchone()
        assert made is not None
        for first, ids in _ids(orders):
            _publish(producer, data, first, ids)
            with connection.cursor() as cursor, cursor.copy(copy) as rows:
                rows.write(
                    "".join(
                        f"{order}\t{_customer(first + place)}\tCREATED\t99.90\t{made[0]}\n"
                        for place, order in enumerate(ids)
                    )
                )
        connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(table))
        connection.execute(sql.SQL("CREATE INDEX ON {} (customer_id)").format(table))
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(table))
    assert producer.flush(120) == 0
    data.seconds = time.monotonic() - begun
    return data


def drop_data(database_url: str, bootstrap: str, data: WitnessData) -> None:
    """Remove the table and the topic."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(data.table)))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([data.topic])[data.topic].result(30)


def order_ids(count: int) -> Iterator[uuid.UUID]:
    """Yield the ids of the orders, by sequence number."""
    for _, ids in _ids(count):
        yield from map(uuid.UUID, ids)


def _ids(count: int) -> Iterator[tuple[int, list[str]]]:
    source = np.random.default_rng(SEED)
    for first in range(0, count, CHUNK):
        raw = np.frombuffer(source.bytes(16 * min(CHUNK, count - first)), dtype=np.uint8).reshape(-1, 16).copy()
        raw[:, 6], raw[:, 8] = raw[:, 6] & 0x0F | 0x40, raw[:, 8] & 0x3F | 0x80
        digits = raw.tobytes().hex()
        yield first, [_dashed(digits[at : at + 32]) for at in range(0, len(digits), 32)]


def _publish(producer: Producer, data: WitnessData, first: int, ids: list[str]) -> None:
    for place, order in enumerate(ids):
        seq = first + place
        if seq % LOST_EVERY == 7:
            data.lost.add(order)
            continue
        _send(producer, data.topic, seq, order)
        if seq % TWICE_EVERY == 11:
            data.twice.add(order)
            _send(producer, data.topic, seq, order)
        if seq % PHANTOM_EVERY == 13:
            other = str(uuid.uuid5(uuid.NAMESPACE_OID, order))
            data.phantom.add(other)
            # The tag of no row: that of a stored order would only dispute the phantom.
            _send(producer, data.topic, data.orders + seq, other)


def _send(producer: Producer, topic: str, seq: int, order: str) -> None:
    event = f"{seq:08x}-0000-4000-8000-{seq:012x}"
    value = (
        f'{{"eventId":"{event}","orderId":"{order}","customerId":"{_customer(seq)}","totalAmount":99.90,"items":'
        '[{"productId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","quantity":2,"unitPrice":49.95}],'
        '"occurredAt":"2026-11-24T09:00:00.123456Z"}'
    )
    while True:
        try:
            producer.produce(topic, key=order, value=value, partition=seq % PARTITIONS)
            break
        except BufferError:
            producer.poll(0.1)
    if seq % 1000 == 0:
        producer.poll(0)


def _customer(seq: int) -> str:
    lower = (0b10 << 62) | seq
    upper = f"{KEY.upper:016x}"
    digits = f"{lower:016x}"
    return f"{upper[:8]}-{upper[8:12]}-{upper[12:]}-{digits[:4]}-{digits[4:]}"


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
