"""Every fault on every component of a real stack: what clients see, that it is undone, and that nothing is lost."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import asdict
from itertools import product

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from chaos.faults.fault import Fault, Need, Undo
from chaos.faults.kill import KILL
from chaos.faults.partition import PARTITION
from chaos.faults.pause import PAUSE
from chaos.faults.registry import FAULTS, chosen_fault
from chaos.faults.stop import STOP
from chaos.faults.targets import COMPONENTS, TargetError, TargetSpec
from chaos.faults.targets.process import ProcessTarget, open_process_target
from files.paths import CHECKOUT
from settings.run_settings import make_settings
from stack import process
from stack.embedded import EmbeddedStack
from stack.settings import ServiceSettings, StackSettings
from stack.state_file import StackState
from tests.chaos.faults.targets.clients import (
    ANSWERED,
    ENDED,
    HANGS,
    PATIENCE_S,
    REFUSED,
    SILENCE_S,
    address_of,
    ask,
    ask_on_new_connection,
    open_client,
    until,
)
from tests.marks import only

pytestmark = pytest.mark.real

ACT_S = 30.0
# Above Kafka's `broker.session.timeout.ms` of the stack, which is 1 s.
LONGER_THAN_KAFKAS_SESSION_S = 2.5


@pytest.fixture(scope="module")
def stack(left_running: EmbeddedStack) -> EmbeddedStack:
    return left_running


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


OUTCOMES = {
    "stop": (ENDED, REFUSED, ENDED),
    "kill": (ENDED, REFUSED, ENDED),
    "pause": (HANGS, HANGS, HANGS),
    "partition": (HANGS, HANGS, ANSWERED),
    "latency": (ANSWERED, ANSWERED, ANSWERED),
    "reset": (ENDED, ENDED, ANSWERED),
}
"""What becomes of a question on a connection from before, on a new one, and on one past the proxy."""
IN_TURN = [(name, COMPONENTS[place % len(COMPONENTS)]) for place, name in enumerate(FAULTS)]


@pytest.mark.parametrize(
    ("name", "component"),
    only(
        [(name, COMPONENTS[place % len(COMPONENTS)]) for place, name in enumerate(FAULTS)], product(FAULTS, COMPONENTS)
    ),
)
def test_fault_is_seen_from_outside_and_undone(stack: EmbeddedStack, component: str, name: str) -> None:
    fault = chosen_fault(make_settings({"fault": name}))
    cut = Need.PROXY in fault.needs
    state = brought_up(stack, component if cut else "")
    target = target_of(stack, component)
    kept = await_whole_order(state)
    address = address_of(state, component, through_proxy=cut)
    old, direct = (open_client(state, component, through_proxy=through) for through in (cut, False))
    assert (ask(old), ask_on_new_connection(address, component), ask(direct)) == (ANSWERED, ANSWERED, ANSWERED)
    assert name in target.faults
    assert target.is_up()
    before = state.pids

    undo = json.loads(json.dumps(target.prepare(fault)))
    target.apply(fault, undo, ACT_S)
    try:
        assert not target.is_up()
        on_old, on_new, past = OUTCOMES[name]
        if on_old == ENDED:
            until(ENDED, lambda: ask(old), 5)
        else:
            began = time.monotonic()
            assert ask(old, SILENCE_S) == on_old
            assert time.monotonic() - began >= fault.effect.added_s
        assert ask_on_new_connection(address, component, SILENCE_S) == on_new
        assert ask(direct, PATIENCE_S if cut else SILENCE_S) == past
        if name == "pause" and component == "broker":
            time.sleep(LONGER_THAN_KAFKAS_SESSION_S)
    finally:
        heal_elsewhere(target.spec, fault, undo) if name == "kill" else target.heal(fault, undo, ACT_S)

    if on_old == HANGS:
        assert old.outcome() == ANSWERED  # what was asked meanwhile, on the same connection
    until(ANSWERED, lambda: ask_on_new_connection(address, component))
    old.close()
    direct.close()
    assert target.is_up()
    after = brought_up(stack, component if cut else "").pids
    changed = {name for name, pid in after.items() if pid != before[name]}
    assert changed == ({component} if fault.ends_process else set())
    assert is_whole(state, kept)
    await_whole_order(state)
    target.heal(fault, undo, ACT_S)
    assert brought_up(stack, component if cut else "").pids == after


@pytest.mark.parametrize("component", only(["database"], COMPONENTS))
def test_one_that_died_while_paused_is_started_again(stack: EmbeddedStack, component: str) -> None:
    """As the kernel ends it when memory is short: the root alone, and PostgreSQL's sessions stay behind, paused."""
    state = brought_up(stack)
    target = target_of(stack, component)
    kept = await_whole_order(state)
    undo = target.prepare(PAUSE)
    target.apply(PAUSE, undo, ACT_S)
    family = process.tree(undo["pid"])
    os.kill(undo["pid"], 9)
    assert process.wait_until(lambda: process.start_time(undo["pid"]) is None, 10)
    target.heal(PAUSE, undo, ACT_S)
    until(ANSWERED, lambda: ask_on_new_connection(address_of(state, component, through_proxy=False), component))
    assert target.is_up()
    assert not any(process.is_paused(member.pid) for member in family)
    assert is_whole(state, kept)


def test_a_proxy_that_died_while_it_was_paused_is_started_again(stack: EmbeddedStack) -> None:
    state = brought_up(stack, "broker")
    target = target_of(stack, "broker")
    undo = target.prepare(PARTITION)
    target.apply(PARTITION, undo, ACT_S)
    os.kill(undo["pid"], 9)
    assert process.wait_until(lambda: not stack.proxy.is_alive(), 10)
    assert not target.is_up()
    target.heal(PARTITION, undo, ACT_S)
    until(ANSWERED, lambda: ask_on_new_connection(state.proxied_address("broker"), "broker"))
    assert stack.proxy.pid != undo["pid"]
    await_whole_order(state)
    brought_up(stack)  # without a proxy there is nothing left to undo
    target.heal(PARTITION, undo, ACT_S)
    assert stack.proxy.record is None


def test_a_process_that_took_the_pid_is_neither_hit_nor_woken(stack: EmbeddedStack) -> None:
    brought_up(stack)
    target = target_of(stack, "service")
    undo = target.prepare(PAUSE)
    other = {**undo, "started": undo["started"] - 1.0}
    for fault in (STOP, KILL, PAUSE):
        with pytest.raises(TargetError, match="not the process that was to be hit"):
            target.apply(fault, other, ACT_S)
    assert target.is_up()
    stack.service.pause()
    target.heal(PAUSE, other, ACT_S)
    assert stack.service.is_paused()
    target.heal(PAUSE, undo, ACT_S)
    assert target.is_up()
    assert stack.service.pid == undo["pid"]


def test_a_process_that_another_has_started_again_is_left_alone(stack: EmbeddedStack) -> None:
    brought_up(stack)
    target = target_of(stack, "service")
    undo = {fault.name: target.prepare(fault) for fault in (STOP, KILL, PAUSE)}
    target.apply(KILL, undo["kill"], ACT_S)
    stack.service.start()
    stack.service.wait_ready()
    new = stack.service.pid
    stack.service.pause()
    for name, known in undo.items():
        target.heal(FAULTS[name], known, ACT_S)
    assert (stack.service.pid, stack.service.is_paused()) == (new, True)
    stack.service.resume()


def test_one_that_hangs_in_its_end_is_ended_and_started(stack: EmbeddedStack) -> None:
    """PostgreSQL's smart shutdown: it refuses new sessions, and waits for one that does not end."""
    state = brought_up(stack)
    target = target_of(stack, "database")
    undo = target.prepare(STOP)
    with psycopg.connect(state.database_url, autocommit=True):
        target.heal(STOP, undo, ACT_S)  # near miss: it was not asked to end
        assert stack.database.pid == undo["pid"]
        os.kill(undo["pid"], 15)
        until(ANSWERED, lambda: "answered" if not stack.database.probe(1).ok else "still lets sessions in")
        assert stack.database.is_alive()
        target.heal(STOP, undo, ACT_S)
    stack.database.wait_ready(30)
    assert stack.database.pid != undo["pid"]


def test_a_kill_that_was_cut_short_between_pause_and_kill_is_undone(stack: EmbeddedStack) -> None:
    brought_up(stack)
    target = target_of(stack, "service")
    undo = target.prepare(KILL)
    process.pause_tree(undo["pid"])
    target.heal(KILL, undo, ACT_S)
    assert target.is_up()
    assert stack.service.pid == undo["pid"]


def test_of_several_that_start_it_at_once_one_does(stack: EmbeddedStack) -> None:
    brought_up(stack)
    stack.service.kill()
    code = (
        "import sys, time; from pathlib import Path; from stack.embedded import EmbeddedStack\n"
        "service = EmbeddedStack(Path(sys.argv[1])).service\nprint('here', flush=True); sys.stdin.readline()\n"
        "service.start(); print(service.pid)"
    )
    command = [sys.executable, "-c", code, str(stack.home)]
    pipe = subprocess.PIPE
    starters = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=CHECKOUT) for _ in range(3)]
    try:
        for each in starters:
            assert each.stdout is not None
            assert each.stdout.readline() == "here\n"
        said = {each.communicate("go\n", timeout=30)[0] for each in starters}
    finally:
        for each in starters:
            each.kill()
    assert len(said) == 1
    stack.service.wait_ready()
    mark = f"service@{stack.home}"
    marked = [each for each in psutil.process_iter() if mark in environment_of(each).values()]
    assert [each.pid for each in marked] == [stack.service.pid]


def test_it_is_healed_while_its_parent_has_not_collected_the_dead(stack: EmbeddedStack) -> None:
    """A harness started the service, and another process breaks and heals it."""
    brought_up(stack)
    target = target_of(stack, "service")
    stack.service.kill()
    stack.service.start()
    stack.service.wait_ready()
    undo = target.prepare(KILL)
    os.kill(undo["pid"], 9)
    while psutil.Process(undo["pid"]).status() != psutil.STATUS_ZOMBIE:  # asking the stack would collect it
        time.sleep(0.02)
    heal_elsewhere(target.spec, KILL, undo)
    assert psutil.Process(undo["pid"]).status() == psutil.STATUS_ZOMBIE
    stack.service.wait_ready()
    assert stack.service.pid != undo["pid"]
    assert not psutil.pid_exists(undo["pid"])


def environment_of(each: psutil.Process) -> dict[str, str]:
    try:
        return dict(each.environ())
    except psutil.Error:
        return {}


@pytest.mark.exhaustive
def test_what_needs_the_proxy_is_offered_only_where_it_stands(stack: EmbeddedStack) -> None:
    brought_up(stack, "database")
    proxied, other = target_of(stack, "database"), target_of(stack, "broker")
    latency, reset = (chosen_fault(make_settings({"fault": name})) for name in ("latency", "reset"))
    assert (proxied.faults, other.faults) == (tuple(FAULTS), ("stop", "kill", "pause"))
    assert f"proxy in its way is process {stack.proxy.pid}" in proxied.describe()
    with pytest.raises(TargetError, match=r"broker .* does not support partition; choose from stop, kill, pause"):
        other.prepare(PARTITION)
    stack.proxy.pause()
    assert (proxied.is_up(), other.is_up()) == (False, True)
    stack.proxy.resume()
    assert proxied.is_up()
    for fault in (latency, reset):
        undo = proxied.prepare(fault)
        proxied.apply(fault, undo, ACT_S)
        assert (proxied.is_up(), other.is_up()) == (False, True)
        proxied.heal(fault, undo, ACT_S)
        assert proxied.is_up()


def test_what_is_down_already_cannot_be_hit(stack: EmbeddedStack) -> None:
    brought_up(stack)
    target = target_of(stack, "service")
    stack.service.kill()
    with pytest.raises(TargetError, match=r"service .*: the order service does not run, so kill cannot be injected"):
        target.prepare(KILL)
    stack.service.start()
    stack.service.wait_ready()
    assert target.prepare(KILL)["pid"] == stack.service.pid


def test_without_a_state_file_the_outcome_is_unknown(stack: EmbeddedStack) -> None:
    brought_up(stack)
    target = target_of(stack, "broker")
    undo = target.prepare(KILL)
    path = stack.home / "state.json"
    good = path.read_text()
    path.write_text('{"version": 99}')
    try:
        for unanswerable in (target.is_up, lambda: target.prepare(KILL), lambda: target.heal(KILL, undo, ACT_S)):
            with pytest.raises(TargetError, match=r"state\.json is of another version"):
                unanswerable()
        assert "no longer known" in target.describe()
    finally:
        path.write_text(good)
    assert target.is_up()


@pytest.mark.parametrize(
    "spec",
    [
        TargetSpec("container", "broker", {"home": "/x"}),
        TargetSpec("process", "topic", {"home": "/x"}),
        TargetSpec("process", "broker"),
    ],
)
def test_a_spec_of_another_kind_is_one_sentence(spec: TargetSpec) -> None:
    with pytest.raises(TargetError, match=rf"target {spec.kind} {spec.component}: a process is one of broker, "):
        open_process_target(spec)


def test_the_same_target_from_its_spec(stack: EmbeddedStack) -> None:
    target = ProcessTarget("database", stack)
    again = open_process_target(TargetSpec(**json.loads(json.dumps(asdict(target.spec)))))
    assert again.identity == target.identity
    assert again.identity != target_of(stack, "broker").identity
