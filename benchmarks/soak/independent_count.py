"""What both stores hold of a run, counted with SQL and a plain consumer, and whether its reports agree.

It shares no code with `reconcile/`: row by row, record by record, in sets of text.
"""

from __future__ import annotations

import csv
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from confluent_kafka import Consumer, TopicPartition

from runlog.folder import RunFolder
from runlog.ledger import RecordKind, read_ledger
from runlog.outcomes import Outcome

READ_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class IndependentCount:
    """Order ids of one run by witness.

    Attributes:
        rows: in the database.
        events: in the topic.
        acknowledged: in answers to the client.
    """

    rows: frozenset[str]
    events: frozenset[str]
    acknowledged: frozenset[str]

    @property
    def found(self) -> dict[str, frozenset[str]]:
        """The ids that proven violations must have, by file."""
        return {
            "lost-events.csv": self.rows - self.events,
            "phantom-events.csv": self.events - self.rows,
            "lost-orders.csv": self.acknowledged - self.rows,
        }


def count(run: RunFolder, database_url: str, bootstrap: str) -> IndependentCount:
    """Count a run in both stores."""
    facts = json.loads(run.facts.read_text())
    key = facts["run_key"]
    prefix = f"{key[:8]}-{key[8:12]}-{key[12:16]}-"
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        query = "SELECT id::text FROM orders WHERE customer_id::text LIKE %s"
        rows = frozenset(order for (order,) in connection.execute(query, [prefix + "%"]))
    return IndependentCount(rows, frozenset(_events(bootstrap, facts["topic"]["name"], prefix)), _acknowledged(run))


def complaints(run: RunFolder, counted: IndependentCount) -> list[str]:
    """Return where the reports of a judged run disagree with the count, one sentence each."""
    report: Any = json.loads(run.report.read_text())
    verdict, counts = report["verdict"], report["counts"]
    proven = verdict != "inconclusive" or not any(
        guard["kind"] == "evidence" and guard["applies"] and not guard["passed"] for guard in report["guards"]
    )
    wrong = []
    # A row that a known backlog still held was neither lost nor delivered.
    pending = counts["pending"] or 0
    for name, true in counted.found.items():
        named = ids_in(run.path / name)
        if false := named - true:
            wrong.append(f"{name} names {len(false)} ids that are none, for example {min(false)}")
        missing = true - named
        if proven and len(missing) > (pending if name == "lost-events.csv" else 0):
            wrong.append(f"{name} lacks {len(missing)} of {len(true)} ids, for example {min(missing)}")
    violations = sum(len(true) for true in counted.found.values()) + (counts["visible_after_reject"] or 0)
    if verdict == "consistent" and violations:
        wrong.append(f"the verdict is consistent, yet {violations} violations were counted")
    if verdict == "inconsistent" and not violations:
        wrong.append("the verdict is inconsistent, yet no violation was counted")
    if verdict != "inconclusive":
        for name, ids in (("rows", counted.rows), ("events", counted.events)):
            if counts[name] != len(ids):
                wrong.append(f"the report counts {counts[name]} {name}, there are {len(ids)}")
    return wrong


def ids_in(path: Path) -> set[str]:
    """Return the order ids that a CSV file of a run names."""
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["order_id"] for row in csv.DictReader(stream)}


def _acknowledged(run: RunFolder) -> frozenset[str]:
    attempts = read_ledger(run.ledger).attempts
    answered = (attempts["kind"] == RecordKind.COMPLETED) & (attempts["outcome"] == Outcome.ACKNOWLEDGED)
    return frozenset(str(uuid.UUID(bytes=bytes(one["order_id"]))) for one in attempts[answered])


def _events(bootstrap: str, topic: str, prefix: str) -> set[str]:
    """Return the order ids of events whose customer id begins with `prefix`, read to the current end of the topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"soak-{uuid.uuid4()}"})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        read, found = dict.fromkeys(partitions, 0), set()
        deadline = time.monotonic() + READ_S
        while any(read[p] < ends[p] for p in partitions):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the topic {topic} could not be read to its end within {READ_S:g} s")
            message = consumer.poll(1.0)
            if message is None or message.error() is not None:
                continue
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            assert offset is not None
            read[partition] = offset + 1
            event = json.loads(value or b"{}")
            if str(event.get("customerId", "")).startswith(prefix):
                found.add(event["orderId"])
        return found
    finally:
        consumer.close()
