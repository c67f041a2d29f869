"""Container targets on a real engine: every fault done and undone, and only what is ours."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.faults.fault import Fault
from chaos.faults.kill import KILL
from chaos.faults.latency import LATENCY
from chaos.faults.partition import PARTITION
from chaos.faults.pause import PAUSE
from chaos.faults.registry import CONTAINER_FAULTS, FAULTS
from chaos.faults.reset import RESET
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.container import PROTECT_LABEL, ContainerTarget, open_container_target
from stack import engine
from tests.chaos.faults.little_service import await_that
from tests.docker.conftest import CHECKOUT, Run

pytestmark = [pytest.mark.docker]
ABLE = list(CONTAINER_FAULTS)


def named(one: Any) -> ContainerTarget:
    return open_container_target(TargetSpec("container", "broker", {"name": one.name}))


def labels(project: str, service: str = "redpanda") -> dict[str, str]:
    return {engine.PROJECT_LABEL: project, engine.SERVICE_LABEL: service}


def by_labels(project: str) -> ContainerTarget:
    return open_container_target(TargetSpec("container", "broker", {"project": project, "service": "redpanda"}))


def status(one: Any) -> str:
    one.reload()
    return str(one.status)


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


def test_a_container_of_the_same_name_on_another_engine_is_not_ours(run: Run) -> None:
    one = run()
    target = named(one)
    elsewhere = {"engine": "ANOTHER", "endpoint": "tcp://10.0.0.7:2375", "container": "0" * 64}
    undo = {**target.prepare(STOP), **elsewhere}
    one.kill()
    with pytest.raises(TargetError, match=r"of the engine at tcp://10.0.0.7:2375, and unix:///\S+ is another engine"):
        target.heal(STOP, undo, 30)
    assert status(one) == "exited"


def test_a_container_that_is_found_by_its_id_is_the_right_one_whatever_its_engine_says(run: Run) -> None:
    """Podman reports another engine id at each call."""
    one = run()
    target = named(one)
    undo = {**target.prepare(STOP), "engine": "ANOTHER", "endpoint": ""}
    one.kill()
    target.heal(STOP, undo, 30)
    assert status(one) == "running"


def test_a_re_created_container_is_found_by_its_labels(run: Run) -> None:
    marked = labels(f"shop-{os.getpid()}")
    one = run(labels=marked)
    target = named(one)
    undo = {**target.prepare(KILL), "engine": "SET UP AGAIN"}
    one.remove(force=True)
    successor = run(labels=marked)
    successor.kill()
    target.heal(KILL, undo, 30)
    assert status(successor) == "running"


def heal_elsewhere(spec: TargetSpec, fault: Fault, undo: dict[str, Any]) -> None:
    """Undo in a process that has nothing but what the journal keeps, and no gevent."""
    code = (
        "import json, sys\nfrom chaos.faults.registry import FAULTS\nfrom chaos.faults.targets import TargetSpec\n"
        "from chaos.faults.targets.container import open_container_target\n"
        "spec, fault, undo = json.loads(sys.stdin.read())\n"
        "open_container_target(TargetSpec(*spec)).heal(FAULTS[fault], undo, 30)\nassert 'gevent' not in sys.modules\n"
    )
    given = json.dumps([[spec.kind, spec.component, spec.parameters], fault.name, undo])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        input=given.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


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


def test_exactly_one_container_must_match(run: Run) -> None:
    project = "chaostestpair"
    with pytest.raises(TargetError) as none:
        by_labels(project).is_up()
    assert f"compose project {project}, service redpanda: no such container" in str(none.value)
    first = run(labels=labels(project))
    assert by_labels(project).is_up()
    with pytest.raises(TargetError, match=first.name):  # names what runs
        by_labels("chaostestother").is_up()
    run(labels={**labels(project), engine.ONE_OFF_LABEL: "True"})  # `compose run` is not the service
    run(labels=labels(project, "postgres"))
    assert by_labels(project).is_up()
    second = run(labels=labels(project))
    target = by_labels(project)
    with pytest.raises(TargetError, match="2 containers match") as two:
        target.prepare(KILL)
    assert first.name in str(two.value)
    assert second.name in str(two.value)
    assert "not found" in target.describe()  # never fails
    assert status(first) == status(second) == "running"


def test_a_protected_container_is_left_alone(run: Run) -> None:
    protected = run(labels={PROTECT_LABEL: "true"})
    target = named(protected)
    for ask in (target.is_up, lambda: target.prepare(STOP), lambda: target.apply(STOP, undo_of(protected), 5)):
        with pytest.raises(TargetError, match=f"carries the label {PROTECT_LABEL}=true: it is left alone"):
            ask()
    assert status(protected) == "running"
    assert named(run(labels={PROTECT_LABEL: "false"})).is_up()


def undo_of(one: Any) -> dict[str, Any]:
    return {"container": one.id, "name": one.name, "networks": []}


def test_one_that_another_has_re_created_is_found_again_by_its_labels(run: Run) -> None:
    project = "chaostestagain"
    old = run(labels=labels(project))
    target = by_labels(project)
    undo = target.prepare(STOP)
    old.kill()
    old.remove()
    with pytest.raises(TargetError, match="0 containers carry its labels"):
        target.heal(STOP, undo, 30)
    new = run(labels=labels(project))
    for fault in (FAULTS[name] for name in ABLE):
        target.heal(fault, undo, 30)  # it runs, and is neither paused nor cut off by us: nothing to do
    assert status(new) == "running"
    new.pause()
    target.heal(PAUSE, undo, 30)
    assert status(new) == "paused"  # not by us
    new.unpause()
    new.kill()
    target.heal(PAUSE, undo, 30)
    assert status(new) == "exited"
    target.heal(STOP, undo, 30)
    assert status(new) == "running"


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


@pytest.mark.parametrize("given", [{}, {"project": "a"}, {"service": "b"}, {"name": "a", "service": "b"}, {"id": "1"}])
def test_a_spec_that_names_nothing_is_refused(client: Any, given: dict[str, str]) -> None:
    with pytest.raises(TargetError, match="named by compose project and service, or by name or id"):
        open_container_target(TargetSpec("container", "broker", given))


def test_identity_is_the_same_however_it_is_selected(run: Run, client: Any) -> None:
    one, other = run(labels=labels("chaostestsame")), run()
    identity = by_labels("chaostestsame").identity
    assert identity == named(one).identity != named(other).identity
    assert open_container_target(TargetSpec("container", "broker", {"name": one.id[:20]})).identity == identity
    assert client.info()["ID"] in identity
    assert one.name in identity


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


def test_no_engine_and_a_silent_one_are_reported_in_time(
    client: Any, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    spec = TargetSpec("container", "broker", {"name": "any"})
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{closed_port}")
    with pytest.raises(TargetError, match="no Docker Engine answers at") as unreachable:
        open_container_target(spec)
    assert str(unreachable.value) == (
        f"no Docker Engine answers at tcp://127.0.0.1:{closed_port} (connection refused): start Docker, or set "
        "DOCKER_HOST to an engine that runs"
    )
    for wrong in ("unix:///no/such/socket", "nonsense://engine", "tcp://no.such.host.invalid:1"):
        monkeypatch.setenv("DOCKER_HOST", wrong)
        with pytest.raises(TargetError, match=f"no Docker Engine answers at {wrong} "):
            open_container_target(spec)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(engine.connect, "__defaults__", (1.0,))
        began = time.monotonic()
        with pytest.raises(
            TargetError, match=r"no Docker Engine answers at tcp://\S+ \(no answer in time\): start Docker"
        ):
            open_container_target(spec)
        assert time.monotonic() - began < 15


def test_an_engine_reached_by_tcp_is_the_same_engine(
    run: Run, monkeypatch: pytest.MonkeyPatch, relay: int, client: Any
) -> None:
    one = run()
    here = named(one).identity
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay}")
    target = named(one)
    assert target.identity == here
    undo = target.prepare(PAUSE)
    target.apply(PAUSE, undo, 30)
    assert status(one) == "paused"
    target.heal(PAUSE, undo, 30)
    assert status(one) == "running"


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def relay(client: Any, tmp_path: Path) -> Iterator[int]:
    """The engine's socket behind a TCP port, as a remote engine has one."""
    if not str(client.api.base_url).startswith("http+docker"):
        pytest.skip("this engine is reached by TCP already")
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    code = (
        "import socket, sys, threading\n"
        "def pump(a, b):\n    try:\n        while data := a.recv(65536): b.sendall(data)\n"
        "    except OSError: pass\n    finally:\n        for s in (a, b):\n            try: s.shutdown(2)\n"
        "            except OSError: pass\n"
        "server = socket.create_server(('127.0.0.1', 0)); print(server.getsockname()[1], flush=True)\n"
        "while True:\n    way, _ = server.accept(); up = socket.socket(socket.AF_UNIX); up.connect(sys.argv[1])\n"
        "    for pair in ((way, up), (up, way)): threading.Thread(target=pump, args=pair, daemon=True).start()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, address], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    yield int(child.stdout.readline())
    child.kill()
    child.wait()
