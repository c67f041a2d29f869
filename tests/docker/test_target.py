"""Container targets on a real engine: every fault done and undone."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from chaos.faults.kill import KILL
from chaos.faults.latency import LATENCY
from chaos.faults.partition import PARTITION
from chaos.faults.pause import PAUSE
from chaos.faults.registry import FAULTS
from chaos.faults.reset import RESET
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetError
from tests.chaos.faults.little_service import await_that
from tests.docker.conftest import Run
from tests.docker.container_targets import ABLE, heal_elsewhere, named, status
from tests.e2e.harness import CHECKOUT

pytestmark = [pytest.mark.docker]


@pytest.mark.parametrize("name", ABLE)
def test_each_fault_is_done_and_undone_by_another_process(name: str, run: Run, network: Any) -> None:
    fault = FAULTS[name]
    one = run("trap 'exit 7' TERM; while :; do sleep 0.05; done", network=network.name)
    target = named(one)
    assert target.is_up()
    undo = target.prepare(fault)
    assert target.is_up()  # preparing touches nothing
    target.apply(fault, undo, 30)
    assert not target.is_up()
    assert status(one) == {"stop": "exited", "kill": "exited", "pause": "paused", "partition": "running"}[name]
    heal_elsewhere(target.spec, fault, dict(undo))
    assert target.is_up()
    assert status(one) == "running"
    target.heal(fault, undo, 30)  # twice is harmless
    assert target.is_up()


def test_a_stop_that_is_still_under_way_is_waited_for(run: Run) -> None:
    """The process that requested it was killed; the engine continues, and the container serves until its grace ends."""
    one = run("trap 'echo asked; sleep 5; exit 0' TERM; while :; do sleep 0.05; done")
    target = named(one)
    undo = dict(target.prepare(STOP))
    code = (
        "import json, sys\nfrom chaos.faults.stop import STOP\nfrom chaos.faults.targets import TargetSpec\n"
        "from chaos.faults.targets.container import open_container_target\n"
        "name, undo = json.loads(sys.stdin.read())\n"
        "open_container_target(TargetSpec('container', 'broker', {'name': name})).apply(STOP, undo, 30)\n"
    )
    watchdog = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdin=subprocess.PIPE)
    assert watchdog.stdin is not None
    watchdog.stdin.write(json.dumps([one.name, undo]).encode())
    watchdog.stdin.close()
    await_that(lambda: b"asked" in one.logs(), "the engine to ask it to end")
    watchdog.kill()
    watchdog.wait()
    assert status(one) == "running"
    began = time.monotonic()
    heal_elsewhere(target.spec, STOP, undo)
    assert time.monotonic() - began < 25
    time.sleep(6)  # longer than the container takes to end: a stop that was not waited for would show
    assert status(one) == "running", "the engine ended it after it was healed"


def test_what_was_not_stopped_is_not_waited_for_by_the_one_that_knows(run: Run) -> None:
    one = run()
    target = named(one)
    undo = target.prepare(STOP)
    began = time.monotonic()
    target.heal(STOP, undo, 30)
    assert time.monotonic() - began < 10


def test_the_exit_code_of_a_stop_is_noted(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="chaos")
    one = run("trap 'exit 7' TERM; while :; do sleep 0.05; done")
    target = named(one)
    target.apply(STOP, target.prepare(STOP), 30)
    assert f"container {one.name} ended with exit code 7" in caplog.text


def test_a_partition_gives_back_every_network_as_it_was(client: Any, run: Run, network: Any) -> None:
    other = client.networks.create(f"{network.name}-b")
    try:
        one = run(network=network.name)
        network.disconnect(one)
        network.connect(one, aliases=["redpanda", "kafka"], ipv4_address="10.213.77.40", driver_opt={"a.b": "c"})
        other.connect(one, aliases=["redpanda"])
        target = named(one)
        undo = target.prepare(PARTITION)
        target.apply(PARTITION, undo, 30)
        one.reload()
        assert one.attrs["NetworkSettings"]["Networks"] == {}
        # Its address is still free, and another user has attached it to a third network: that one stays.
        client.networks.get("bridge").connect(one)
        target.heal(PARTITION, undo, 30)
        one.reload()
        found = one.attrs["NetworkSettings"]["Networks"]
        assert set(found) == {network.name, other.name, "bridge"}
        first = found[network.name]
        assert first["IPAddress"] == first["IPAMConfig"]["IPv4Address"] == "10.213.77.40"
        assert first["DriverOpts"] == {"a.b": "c"}
        assert [name for name in first["Aliases"] if name != one.id[:12]] == ["redpanda", "kafka"]
        assert found[other.name]["IPAMConfig"] in (None, {})  # none was fixed, so none is now
        neighbour = run(network=other.name)
        assert neighbour.exec_run(["getent", "hosts", "redpanda"]).exit_code == 0
        neighbour.remove(force=True)
        one.remove(force=True)
    finally:
        other.reload()
        other.remove()


def test_what_a_partition_looks_like_from_the_published_port(run: Run, network: Any) -> None:
    serve = (
        "import http.server, socketserver; "
        "socketserver.ThreadingTCPServer(('', 80), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    one = run(f'exec python3 -c "{serve}"', network=network.name, ports={"80/tcp": ("127.0.0.1", None)})
    port = int(one.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])
    answers(port)
    opened = socket.create_connection(("127.0.0.1", port), timeout=5)
    target = named(one)
    undo = target.prepare(PARTITION)
    target.apply(PARTITION, undo, 30)
    assert opened.recv(1) == b""  # closed at once, not silent
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    target.heal(PARTITION, undo, 30)
    one.reload()
    answers(int(one.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]))


def answers(port: int) -> None:
    """An HTTP server in a container: an open port alone would be the engine's proxy."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as way:
                way.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if way.recv(8).startswith(b"HTTP"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail("no HTTP answer within 20 s")


def test_changes_of_others_are_not_undone(run: Run) -> None:
    one = run()
    target = named(one)
    undo = target.prepare(STOP)
    one.pause()
    assert not target.is_up()
    target.heal(STOP, undo, 30)
    assert status(one) == "paused"
    one.unpause()
    undo = target.prepare(PAUSE)
    target.apply(PAUSE, undo, 30)
    one.unpause()
    one.kill()
    with pytest.raises(TargetError, match=f"ended since .exited.: .*docker start {one.name}"):
        target.heal(PAUSE, undo, 30)
    assert status(one) == "exited"


def test_an_unsupported_fault_is_refused_with_the_supported_ones(run: Run) -> None:
    alone = named(run(network_mode="none"))
    assert alone.faults == ("stop", "kill", "pause")
    assert alone.is_up()  # without a network from the start: not cut off
    with pytest.raises(TargetError, match="has no network of its own"):
        alone.prepare(PARTITION)
    for fault in (LATENCY, RESET):
        with pytest.raises(
            TargetError, match=f"does not support {fault.name}; choose from stop, kill, pause, partition"
        ):
            named(run()).prepare(fault)
    passing = named(run(auto_remove=True))
    for fault in (STOP, KILL):
        with pytest.raises(TargetError, match="is removed as soon as it ends"):
            passing.prepare(fault)
    assert passing.prepare(PAUSE)
    stopped = run()
    stopped.kill()
    target = named(stopped)
    with pytest.raises(TargetError, match=f"pause of container {stopped.name}: .*not running"):
        target.apply(PAUSE, target.prepare(PAUSE), 5)


def test_a_restart_policy_undoes_a_process_kill_but_none_of_our_faults(run: Run) -> None:
    one = run("exec sleep 600", restart_policy={"Name": "always"})
    target = named(one)
    undo = target.prepare(KILL)
    target.apply(KILL, undo, 30)
    time.sleep(2)
    assert status(one) == "exited"
    target.heal(KILL, undo, 30)
    assert status(one) == "running"
    started = one.attrs["State"]["StartedAt"]
    os.kill(one.attrs["State"]["Pid"], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not (status(one) == "running" and one.attrs["State"]["StartedAt"] != started):
        assert time.monotonic() < deadline, "the engine did not start it again within 20 s"
        time.sleep(0.1)
    assert target.is_up()
