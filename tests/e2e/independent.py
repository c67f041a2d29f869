"""A reading of PostgreSQL and Kafka that shares no code with the reconciler: row by row, record by record."""

import csv
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition

from stack.embedded import EmbeddedStack


@dataclass(frozen=True)
class Counted:
    """Order ids by witness; `named`: those that a record names which is no event, and might be one."""

    rows: set[str]
    events: set[str]
    records: dict[str, int]
    named: set[str]

    @property
    def disputed(self) -> set[str]:
        return (self.rows - self.events) & self.named

    @property
    def lost(self) -> set[str]:
        return self.rows - self.events - self.named

    @property
    def phantom(self) -> set[str]:
        return self.events - self.rows


def count_run(database_url: str, bootstrap: str, topic: str, run_key: str) -> Counted:
    """Return what both stores hold of the run whose customer ids start with `run_key` (16 hex digits)."""
    prefix = f"{run_key[:8]}-{run_key[8:12]}-{run_key[12:16]}-"
    with psycopg.connect(database_url) as connection:
        query = "SELECT id, customer_id FROM orders"
        rows = {str(order) for order, customer in connection.execute(query) if str(customer).startswith(prefix)}
    found, named = _events(bootstrap, topic, prefix)
    return Counted(rows, set(found), dict(found), named)


def assert_agrees(folder: Path, database_url: str, bootstrap: str, topic: str) -> Counted:
    """Count the run in `folder` independently, and find the same ids and numbers in its reports."""
    facts = json.loads((folder / "run.json").read_text())
    report: Any = json.loads((folder / "report.json").read_text())
    truth, counts = count_run(database_url, bootstrap, topic, facts["run_key"]), report["counts"]
    assert ids_in(folder / "lost-events.csv") == sorted(truth.lost)
    assert ids_in(folder / "disputed-orders.csv") == sorted(truth.disputed)
    assert ids_in(folder / "phantom-events.csv") == sorted(truth.phantom)
    repeated = [order for order, records in truth.records.items() for _ in range(records - 1)]
    assert ids_in(folder / "duplicate-events.csv") == sorted(repeated)
    assert counts["lost_events"] == len(truth.lost)
    assert counts["phantom_events"] == len(truth.phantom)
    assert counts["rows"] == len(truth.rows)
    assert counts["events"] == len(truth.events)
    assert counts["events_raw"] == sum(truth.records.values())
    return truth


def assert_not_contradicted(folder: Path, database_url: str, bootstrap: str, topic: str) -> None:
    """Count a run that ended without a verdict: what its report saw is there; more may have come since."""
    facts = json.loads((folder / "run.json").read_text())
    report: Any = json.loads((folder / "report.json").read_text())
    truth, counts = count_run(database_url, bootstrap, topic, facts["run_key"]), report["counts"]
    assert counts["rows"] <= len(truth.rows)
    assert counts["events"] <= len(truth.events)
    assert counts["events_raw"] <= sum(truth.records.values())
    assert set(ids_in(folder / "lost-events.csv")) <= truth.lost
    if (folder / "suspected-lost.csv").exists():
        assert set(ids_in(folder / "suspected-lost.csv")) <= truth.rows


def assert_each_agrees(folder: Path, stack: EmbeddedStack) -> None:
    """Count every judged run below `folder` on the stack that it used; one that was taken down is started again."""
    judged = sorted({found.parent for found in folder.rglob("report.json") if not found.parent.is_symlink()})
    runs = [run for run in judged if (run / "run.json").exists()]
    if not runs:
        return
    state = stack.status()
    taken_down = state is None or not stack.broker.is_alive()
    state = stack.up(owner="independent count", with_service=False) if taken_down or state is None else state
    for run in runs:
        where = (run, state.database_url, state.kafka_bootstrap, state.topic)
        reached = json.loads((run / "report.json").read_text())["verdict"] != "inconclusive"
        assert_agrees(*where) if reached else assert_not_contradicted(*where)
    if taken_down:
        stack.down()


def ids_in(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return sorted(row["order_id"] for row in csv.DictReader(stream))


def _read(key: bytes | None, value: bytes | None, prefix: str) -> tuple[str | None, set[str]]:
    """Return the order of the run whose event a record is, and otherwise those that it names and might be of.

    A tombstone and another type are neither.
    """
    if value is None:
        return None, set()
    named = {key.decode("utf-8", "replace")} if key else set()
    try:
        event = json.loads(value)
    except ValueError:
        return None, named
    if "created" not in str(event.get("type") or event.get("eventType") or "created"):
        return None, set()
    order = event.get("orderId")
    if order is None or named - {order} or not str(event.get("customerId")).startswith(prefix):
        return None, named | {str(order)}
    return order, set()


def _events(bootstrap: str, topic: str, prefix: str) -> tuple[Counter[str], set[str]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"count-{uuid.uuid4()}"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    found: Counter[str] = Counter()
    named: set[str] = set()
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
        read[partition] = offset + 1
        order, might_be = _read(message.key(), value, prefix)
        if order is not None:
            found[order] += 1
        named |= might_be
    consumer.close()
    return found, named
