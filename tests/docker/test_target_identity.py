"""Which container is the target: by name, labels or id, on which engine, and never one that is not ours."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.faults.kill import KILL
from chaos.faults.pause import PAUSE
from chaos.faults.registry import FAULTS
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.container import PROTECT_LABEL, open_container_target
from stack import engine
from tests.docker.conftest import Run
from tests.docker.container_targets import ABLE, by_labels, labels, named, status

pytestmark = [pytest.mark.docker]


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
