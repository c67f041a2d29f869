"""Breaking and healing real components, also from a process under gevent that did not start them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from files.paths import CHECKOUT
from stack.embedded import EmbeddedStack
from tests.conftest import Infra, RestartableBroker

pytestmark = pytest.mark.real

RECORDS = 3000


GEVENT_HARNESS = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, os, sys, time
from pathlib import Path
from stack.embedded import EmbeddedStack

gaps = []
def beat():
    last = time.monotonic()
    while True:
        gevent.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
gevent.spawn(beat)
stack = EmbeddedStack(Path(sys.argv[1]))
first = stack.broker.pid
os.kill(first, 0)
for broken in (stack.broker, stack.database, stack.service):
    before = len(gaps)
    broken.stop(10)
    assert len(gaps) > before, f"nothing else ran while {broken.name} was stopped"
    assert not broken.is_alive(), broken.name
    broken.start()
    assert broken.is_alive(), broken.name
    broken.kill()
    assert not broken.is_alive(), broken.name
    broken.start()
    broken.pause()
    assert broken.is_alive(), broken.name
    broken.resume()
for component in (stack.broker, stack.database, stack.service):
    component.wait_ready(30)
assert stack.broker.pid != first
os._exit(0)
"""


def test_stop_reaches_a_paused_component(stack: EmbeddedStack) -> None:
    stack.up(owner="test")
    stack.database.pause()
    stack.database.stop(10)
    assert not stack.database.is_alive()


def test_harness_under_gevent_breaks_and_heals_what_another_process_started(stack: EmbeddedStack) -> None:
    stack.up(owner="test")
    done = subprocess.run(
        [sys.executable, "-c", GEVENT_HARNESS, str(stack.home)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(health.ok for health in stack.health().values())


def test_database_keeps_committed_rows_through_sigkill(stack: EmbeddedStack) -> None:
    import psycopg

    state = stack.up(owner="test")
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        for number in range(200):
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        stack.database.kill()
    stack.database.start()
    stack.database.wait_ready(30)
    with psycopg.connect(state.database_url) as connection:
        assert connection.execute("SELECT count(DISTINCT n) FROM kept").fetchone() == (200,)


def produce(bootstrap: str, topic: str, count: int) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    failures: list[object] = []
    for number in range(count):
        producer.produce(topic, value=str(number).encode(), on_delivery=lambda e, _: failures.append(e) if e else None)
        producer.poll(0)
    assert producer.flush(30) == 0
    assert failures == []


def consume(bootstrap: str, topic: str, count: int) -> set[int]:
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    seen: set[int] = set()
    deadline = time.monotonic() + 30
    while len(seen) < count and time.monotonic() < deadline:
        for message in consumer.consume(1000, timeout=0.5):
            value = message.value()
            if value is not None and message.error() is None:
                seen.add(int(value))
    consumer.close()
    return seen


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_broker_is_back_and_has_lost_nothing(infra: Infra, broker: RestartableBroker, way: str) -> None:
    topic = infra.new_topic()
    produce(infra.kafka_bootstrap, topic, RECORDS)
    before = broker.process.pid
    getattr(broker, way)()
    assert not broker.process.is_alive()
    broker.start()
    assert broker.process.pid != before
    assert consume(infra.kafka_bootstrap, topic, RECORDS) == set(range(RECORDS))
