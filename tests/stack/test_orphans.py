"""An interrupted start leaves no process that no command finds; orphans are found and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from files.paths import CHECKOUT
from stack import process
from stack.__main__ import main
from stack.embedded import EmbeddedStack
from stack.orphans import TAG, Orphan, find, tag
from stack.process import Launch
from stack.spawn import spawn
from stack.state_store import HOME_VARIABLE
from tests.marks import only

pytestmark = pytest.mark.process

# (line of the log, seconds from it to the signal): the first creates the home, so later starts are quick.
SIGNALS = (
    *(("broker starting", delay) for delay in (0.3, 0.0, 0.01, 0.02)),
    *(("database starting", delay) for delay in (0.005, 0.015)),
    *(("service starting", delay) for delay in (0.01, 0.1)),
)


def left_in(home: Path) -> list[str]:
    """The command lines of processes that name a home in their command line or environment, this process aside."""
    found = []
    for each in psutil.process_iter():
        try:
            words = [*each.cmdline(), *each.environ().values()]
        except psutil.Error:
            continue
        if each.pid != os.getpid() and any(str(home) in word for word in words):
            found.append(f"{each.pid} {' '.join(each.cmdline())}")
    return found


@pytest.mark.parametrize(
    ("way", "signals", "step_s"), [((), 60, 0.0001), (("-m", "gevent.monkey"), 30, 0.001)], ids=["plain", "gevent"]
)
def test_interrupted_start_leaves_no_process(tmp_path: Path, way: tuple[str, ...], signals: int, step_s: float) -> None:
    script = CHECKOUT / "tests" / "stack" / "interrupted_starts.py"
    run = subprocess.run(
        [sys.executable, *way, str(script), str(tmp_path), str(signals), str(step_s)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    interrupted, complete = map(int, run.stdout.split())
    assert interrupted > 3
    assert complete > 0  # so the signals reached from before the fork to after the exec
    time.sleep(0.3)  # longer than from fork to exec: what was missed there is visible now
    assert left_in(tmp_path) == []


def interrupt_locust(home: Path, line: str, delay_s: float, number: signal.Signals) -> int:
    """Start Locust, send it a signal `delay_s` seconds after a line of its log, and return its exit code."""
    log = home.with_name("locust.log")
    with log.open("w") as stream:
        locust = subprocess.Popen(
            [str(Path(sys.executable).with_name("locust")), "--headless", "--runs-dir", str(home.with_name("runs"))],
            env={**os.environ, HOME_VARIABLE: str(home)},
            cwd=CHECKOUT,
            stdout=stream,
            stderr=stream,
        )
    try:
        seen = process.wait_until(lambda: f"stack: {line}" in log.read_text() or locust.poll() is not None, 30)
        assert seen, f"timed out after 30 s waiting for {line!r}: {log.read_text()}"
        time.sleep(delay_s)
        locust.send_signal(number)
        return locust.wait(timeout=30)
    finally:
        locust.kill()


@pytest.mark.exhaustive
@pytest.mark.real
def test_signal_during_start_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    stack = EmbeddedStack(home)
    try:
        for index, (line, delay_s) in enumerate(SIGNALS):
            number = (signal.SIGINT, signal.SIGTERM)[index % 2]
            code = interrupt_locust(home, line, delay_s, number)
            assert code == 128 + number, (home.with_name("locust.log")).read_text()
            assert left_in(home) == [], f"{number.name} {delay_s} s after {line}"
            assert stack.orphans() == []
        stack.up(owner="test", with_service=False)
        assert stack.database.probe(5).ok
        assert stack.broker.probe(5).ok
    finally:
        stack.clean()
    assert left_in(home) == []


@pytest.mark.real
@pytest.mark.parametrize("command", only(["down"], ["down", "up", "clean"]))
def test_servers_without_a_record_are_named_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A harness that is killed before it writes the state file leaves them."""
    home = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    stack = EmbeddedStack(home)
    try:
        pids = stack.up(owner="test", with_service=False).pids
        (home / "state.json").unlink()
        assert main(["status", "--json"]) == 3
        unrecorded = json.loads(capsys.readouterr().out)["unrecorded"]
        assert {entry["component"]: entry["pid"] for entry in unrecorded}.items() >= pids.items()
        assert main(["status"]) == 3
        assert f"pid {pids['broker']} runs but is not recorded" in capsys.readouterr().out
        assert main([command, *(["--without-service"] if command == "up" else [])]) == 0
        assert f"ending process {pids['broker']}, which is in no record" in capsys.readouterr().out
        assert not any(psutil.pid_exists(pid) and process.start_time(pid) for pid in pids.values())
        assert stack.orphans() == []
    finally:
        assert main(["clean"]) == 0
    assert not home.exists()


def test_only_this_home_and_only_the_unrecorded(tmp_path: Path) -> None:
    def start(home: Path) -> subprocess.Popen[bytes]:
        sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
        return spawn(Launch(sleeper, tmp_path, tmp_path / "x.log", tag(home, "service")))

    ours, neighbour = start(tmp_path / "a"), start(tmp_path / "ab")
    reader = subprocess.Popen(["tail", "-f", str(tmp_path / "x.log")])  # names our folder but is no server
    try:
        assert find(tmp_path / "a", [tmp_path], lambda: []) == [Orphan("service", ours.pid)]
        assert find(tmp_path / "a", [tmp_path], lambda: [ours.pid]) == []
        assert psutil.Process(neighbour.pid).environ()[TAG] == f"service@{tmp_path / 'ab'}"
    finally:
        for child in (ours, neighbour, reader):
            assert process.kill_tree(child.pid)


def test_a_server_without_a_tag_is_known_by_its_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "home" / "data"
    data.mkdir(parents=True)
    program = tmp_path / "java"  # a real process under the broker's program name, without a tag
    program.symlink_to("/bin/sh")
    server = subprocess.Popen([str(program), "-c", "sleep 60; :", str(data / "broker.properties")])
    try:
        assert find(tmp_path / "home", [data], lambda: []) == [Orphan("broker", server.pid)]
        assert find(tmp_path / "home", [tmp_path / "other"], lambda: []) == []
    finally:
        assert process.kill_tree(server.pid)
