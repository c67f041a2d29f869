"""Every fault on every component of a real stack: what clients see, that it is undone, and that nothing is lost."""

import json
import time
from dataclasses import asdict
from itertools import product

import pytest

from chaos.faults.fault import Need
from chaos.faults.kill import KILL
from chaos.faults.partition import PARTITION
from chaos.faults.registry import FAULTS, chosen_fault
from chaos.faults.targets import COMPONENTS, TargetError, TargetSpec
from chaos.faults.targets.process import ProcessTarget, open_process_target
from settings.run_settings import make_settings
from stack.embedded import EmbeddedStack
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

# Above Kafka's `broker.session.timeout.ms` of a broker that was started again, which is 1 s.
LONGER_THAN_KAFKAS_SESSION_S = 2.5

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
    only(IN_TURN, product(FAULTS, COMPONENTS)),
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
    getattr(stack, component).wait_ready()  # PostgreSQL answers a first request before it lets sessions in
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
