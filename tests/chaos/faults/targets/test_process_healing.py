"""Processes that died, hang or were started again before they are healed: one runs in the end, and no other is hit."""

import os
import subprocess
import sys
import time

import psutil
import psycopg
import pytest

from chaos.faults.kill import KILL
from chaos.faults.partition import PARTITION
from chaos.faults.pause import PAUSE
from chaos.faults.registry import FAULTS
from chaos.faults.stop import STOP
from chaos.faults.targets import COMPONENTS, TargetError
from files.paths import CHECKOUT
from stack import process
from stack.embedded import EmbeddedStack
from tests.chaos.faults.targets.clients import ANSWERED, ask_on_new_connection, until
from tests.chaos.faults.targets.process_stack import (
    ACT_S,
    await_whole_order,
    brought_up,
    heal_elsewhere,
    is_whole,
    target_of,
)
from tests.marks import only

pytestmark = pytest.mark.real


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
    getattr(stack, component).wait_ready()  # PostgreSQL answers a first request before it lets sessions in
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
