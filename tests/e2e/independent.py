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
    """Order ids by witness."""

    rows: set[str]
    events: set[str]
    records: dict[str, int]

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
    found = _events(bootstrap, topic, prefix)
    return Counted(rows, set(found), dict(found))


def assert_agrees(folder: Path, database_url: str, bootstrap: str, topic: str) -> Counted:
    """Count the run in `folder` anew, and find the same ids and numbers in its reports."""
    facts = json.loads((folder / "run.json").read_text())
    report: Any = json.loads((folder / "report.json").read_text())
    truth, counts = count_run(database_url, bootstrap, topic, facts["run_key"]), report["counts"]
    assert ids_in(folder / "lost-events.csv") == sorted(truth.lost)
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
    """Count a run anew that ended without a verdict: what its report saw is there; more may have come since."""
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
    """Count every judged run below `folder` anew on the stack that it went to; one that was taken down comes back."""
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


def _event(value: bytes | None) -> dict[str, Any] | None:
    """What a record says, None for a tombstone, garbage, or another type: no delivery."""
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    if not isinstance(event, dict) or not {"orderId", "customerId", "eventId", "items"} <= event.keys():
        return None
    return event if "created" in str(event.get("type") or event.get("eventType") or "created") else None


def _events(bootstrap: str, topic: str, prefix: str) -> Counter[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"count-{uuid.uuid4()}"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    found: Counter[str] = Counter()
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
        event = _event(value)
        if event is not None and event["customerId"].startswith(prefix):
            found[event["orderId"]] += 1
    consumer.close()
    return found
