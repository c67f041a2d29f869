"""The alternatives to the audit: a naive program, the best shell pipeline, the bare drain.

Each side is a process of its own, timed from start to end, imports and all. `python -m benchmarks.rivals naive|ours`
are the children that run Python sides.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LIMIT_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Timed:
    """One measurement: wall seconds of the process, what it found, and further values that it reported."""

    seconds: float
    lost: set[str]
    phantom: set[str]
    reported: dict[str, Any]


def run_naive(url: str, bootstrap: str, table: str, topic: str) -> Timed:
    """All rows at once, events one by one, `json.loads`, sets of text."""
    return _python("naive", url, bootstrap, table, topic)


def run_ours_inside(url: str, bootstrap: str, table: str, topic: str) -> Timed:
    """The audit; it reports `inside_s` (without start and imports), `resident_bytes` and `fixed_bytes`."""
    return _python("ours", url, bootstrap, table, topic)


def run_audit(url: str, bootstrap: str, table: str, topic: str) -> Timed:
    """The audit as a user runs it."""
    command = [sys.executable, "-m", "reconcile", "audit", "--orders-table", table, "--topic", topic, "--json"]
    command += ["--grace", "0s", "--time-zone", "UTC"]
    environment = {**os.environ, "LOCUST_DATABASE_URL": url, "LOCUST_KAFKA_BOOTSTRAP": bootstrap}
    begun = time.monotonic()
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LIMIT_S, check=False
    )
    seconds = time.monotonic() - begun
    found = json.loads(done.stdout)
    assert done.returncode == 1, found["reason"]
    return Timed(seconds, {one["order_id"] for one in found["lost_events"]}, set(found["phantom_events"]), {})


def run_shell(url: str, bootstrap: str, table: str, topic: str) -> Timed | None:
    """psql and kcat into sort and comm, both sides at once; None where a tool is missing."""
    if any(shutil.which(tool) is None for tool in ("psql", "kcat", "sort", "comm", "bash")):
        return None
    script = (
        'comm -3 <(psql -qAtX "$URL" -c "COPY (SELECT id FROM $TABLE) TO STDOUT" | sort -S 1G) '
        '<(kcat -C -b "$BOOTSTRAP" -t "$TOPIC" -o beginning -e -q -f "%k\\n" '
        "-X fetch.wait.max.ms=100 | sort -S 1G -u)"
    )
    environment = {**os.environ, "LC_ALL": "C", "URL": url, "BOOTSTRAP": bootstrap, "TABLE": table, "TOPIC": topic}
    begun = time.monotonic()
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=LIMIT_S, check=True)
    seconds = time.monotonic() - begun
    lines = done.stdout.decode().splitlines()
    lost = {line for line in lines if not line.startswith("\t")}
    return Timed(seconds, lost, {line.strip() for line in lines if line.startswith("\t")}, {})


def run_drain(bootstrap: str, topic: str) -> float | None:
    """Return the seconds that kcat takes to read all keys and drop them; None without kcat."""
    if shutil.which("kcat") is None:
        return None
    command = ["kcat", "-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\n"]
    begun = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    return time.monotonic() - begun


def run_start() -> float:
    """Return the seconds that a process takes to load what an audit needs, and to exit."""
    loaded = (
        "import reconcile.__main__, reconcile.audit.audit_command, reconcile.audit.audit, reconcile.audit.audit_output"
    )
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", loaded], timeout=LIMIT_S, check=True)
    return time.monotonic() - begun


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its wall seconds, exit code, and the most bytes that were resident."""

    seconds: float
    code: int
    resident_bytes: int


def run_measured(command: list[str], environment: dict[str, str]) -> Ended:
    """Run `command` to its end, and read its memory ten times a second."""
    begun, most = time.monotonic(), 0
    process = subprocess.Popen(command, env=environment)
    while process.poll() is None:
        if time.monotonic() - begun > LIMIT_S:
            process.kill()
            raise AssertionError(f"{command} did not end within {LIMIT_S} s")
        try:
            # The system keeps the peak, so only a peak in the last tenth of a second is missed.
            most = max(most, _resident(process.pid))
        except OSError:
            break
        time.sleep(0.1)
    return Ended(time.monotonic() - begun, process.wait(timeout=LIMIT_S), most)


def _python(side: str, url: str, bootstrap: str, table: str, topic: str) -> Timed:
    environment = {**os.environ, "BENCH": json.dumps([url, bootstrap, table, topic])}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rivals", side],
        env=environment,
        stdout=subprocess.PIPE,
        timeout=LIMIT_S,
        check=True,
    )
    seconds = time.monotonic() - begun
    found = json.loads(done.stdout)
    return Timed(seconds, set(found.pop("lost")), set(found.pop("phantom")), found)


def _naive(url: str, bootstrap: str, table: str, topic: str) -> dict[str, Any]:
    import psycopg
    from confluent_kafka import Consumer, TopicPartition

    with psycopg.connect(url) as connection:
        rows = {str(row[0]) for row in connection.execute(f"SELECT id FROM {table}").fetchall()}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "naive", "auto.offset.reset": "earliest"})
    partitions = list(consumer.list_topics(topic).topics[topic].partitions)
    left = {}
    for partition in partitions:
        left[partition] = consumer.get_watermark_offsets(TopicPartition(topic, partition))[1]
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    events = set()
    while left:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        value, offset = message.value(), message.offset()
        assert value is not None
        assert offset is not None
        events.add(json.loads(value)["orderId"])
        if offset + 1 >= left.get(message.partition(), 0):
            left.pop(message.partition(), None)
    consumer.close()
    return {"lost": sorted(rows - events), "phantom": sorted(events - rows)}


def _ours(url: str, bootstrap: str, table: str, topic: str) -> dict[str, Any]:
    from contract.event import EventContract
    from reconcile.audit.audit import audit
    from reconcile.audit.audit_plan import AuditPlan

    plan = AuditPlan(
        database_url=url,
        kafka={"bootstrap.servers": bootstrap},
        table=table,
        id_column="id",
        time_column="created_at",
        topic=topic,
        event=EventContract(tag_place=None),
        grace_s=0.0,
        since=None,
        time_zone="UTC",
        outbox=None,
    )
    import reconcile.audit.log_reader  # noqa: F401  (imports are no part of the time inside)

    fixed = _resident()
    begun = time.monotonic()
    found = audit(plan, lambda *_: None)
    inside = time.monotonic() - begun
    return {
        "lost": [order for order, _ in found.lost],
        "phantom": found.phantoms,
        "inside_s": inside,
        "resident_bytes": _resident(),
        "fixed_bytes": fixed,
    }


def _resident(pid: int | str = "self") -> int:
    """Return the most bytes that were resident (getrusage of a child starts with its parent's value).

    Raises:
        OSError: there is no such process any more.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")


if __name__ == "__main__":
    json.dump({"naive": _naive, "ours": _ours}[sys.argv[1]](*json.loads(os.environ["BENCH"])), sys.stdout)
