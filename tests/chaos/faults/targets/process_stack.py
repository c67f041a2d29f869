"""A stack whose processes are targets: its orders, followed to row and event, and healing from another process."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import asdict

import psycopg
from confluent_kafka import Consumer, TopicPartition

from chaos.faults.fault import Fault, Undo
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.process import ProcessTarget, open_process_target
from files.paths import CHECKOUT
from stack.embedded import EmbeddedStack
from stack.settings import ServiceSettings, StackSettings
from stack.state_file import StackState

ACT_S = 30.0


def brought_up(stack: EmbeddedStack, proxy: str = "") -> StackState:
    # A small pool: psycopg's waits ever longer between the dead connections that it finds after an outage.
    return stack.up(StackSettings(service=ServiceSettings(pool_size=2), proxy=proxy), owner="test")


def target_of(stack: EmbeddedStack, component: str) -> ProcessTarget:
    return open_process_target(TargetSpec("process", component, {"home": str(stack.home)}))


def place_order(state: StackState) -> str | None:
    """Place an order past any proxy and return its id, None if the answer was no 201."""
    item = {"productId": str(uuid.uuid4()), "quantity": 1, "unitPrice": 7.25}
    body = json.dumps({"customerId": str(uuid.uuid4()), "items": [item]}).encode()
    request = urllib.request.Request(f"{state.direct_service_url}/orders", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.loads(answer.read())["orderId"]) if answer.status == 201 else None
    except (urllib.error.URLError, OSError):
        return None


def is_whole(state: StackState, order_id: str) -> bool:
    """Whether an order has its row and its event."""
    with psycopg.connect(state.database_url) as connection:
        rows = connection.execute("SELECT count(*) FROM orders WHERE id = %s", [order_id]).fetchone()
    consumer = Consumer(
        {
            "bootstrap.servers": state.kafka_bootstrap,
            "group.id": "none",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # the end of an empty partition is reported only after this wait
        }
    )
    try:
        partitions = consumer.list_topics(state.topic, timeout=10).topics[state.topic].partitions
        consumer.assign([TopicPartition(state.topic, number, 0) for number in partitions])
        left, keys = len(partitions), set()
        deadline = time.monotonic() + 10
        while left and time.monotonic() < deadline:
            for message in consumer.consume(1000, timeout=0.05):
                if message.error():
                    left -= 1
                else:
                    keys.add((message.key() or b"").decode())
    finally:
        consumer.close()
    return rows == (1,) and order_id in keys


def await_whole_order(state: StackState, within_s: float = 30.0) -> str:
    """Place orders until one has both its row and its event: the service has all of its ways back."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        order_id = place_order(state)
        if order_id is not None and is_whole(state, order_id):
            return order_id
    raise AssertionError(f"waited {within_s:g} s for an order with row and event")


def heal_elsewhere(spec: TargetSpec, fault: Fault, undo: Undo) -> None:
    """Undo a fault in a process that has nothing but the journal's values."""
    code = (
        "import json, sys; from chaos.faults.registry import FAULTS; from chaos.faults.targets import TargetSpec; "
        "from chaos.faults.targets.process import open_process_target; spec, fault, undo = json.load(sys.stdin); "
        "open_process_target(TargetSpec(**spec)).heal(FAULTS[fault], undo, 30.0); assert 'gevent' not in sys.modules"
    )
    text = json.dumps([asdict(spec), fault.name, undo])
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, cwd=CHECKOUT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
