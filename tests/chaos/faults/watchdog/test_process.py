"""The watchdog as a process: what it owns is healed even after its death, and no error ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.faults.targets import TargetSpec
from chaos.faults.watchdog.fault_controller import LEASE
from chaos.faults.watchdog.protocol import Teardown
from files.paths import CHECKOUT
from stack.lease import Lease
from tests.http_server import QuietHandler, serving

pytestmark = pytest.mark.process

# The client is cooperative under gevent, so it gets a process of its own, patched as Locust patches it.
PATCHED = "from gevent import monkey; monkey.patch_all()\nimport sys, time\nfrom pathlib import Path\n"


def play(script: str, folder: Path) -> str:
    """Run a script that uses the client, and return the log of its watchdogs."""
    done = subprocess.run(
        [sys.executable, "-c", PATCHED + script, str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "watchdog.log").read_text()


def test_one_that_has_died_between_two_runs_hands_on_what_it_was_to_take_down(tmp_path: Path) -> None:
    said = play(
        "from chaos.faults.watchdog.client import Watchdog\n"
        "from chaos.faults.watchdog.protocol import Teardown\n"
        "folder = Path(sys.argv[1])\n"
        "one = Watchdog(folder / 'watchdog.log')\n"
        "one.start()\n"
        "one.own(Teardown('embedded', 'locust:1', {'home': str(folder / 'stack')}))\n"
        "one._process.kill()\n"
        "one._process.wait()\n"
        "one.start()\n"  # as the next run of a web session does
        "one.end()\n",
        tmp_path,
    )
    assert "the stack is down" in said


@pytest.fixture
def url() -> Iterator[str]:
    """A service that always answers."""

    class Well(QuietHandler):
        def do_GET(self) -> None:
            self.say(200)

    with serving(Well) as server:
        yield f"http://127.0.0.1:{server.server_port}/"


def test_a_journal_that_cannot_be_removed_neither_heals_twice_nor_keeps_the_stack_up(url: str, tmp_path: Path) -> None:
    home = tmp_path / "journal"
    home.mkdir()
    (tmp_path / "up").touch()
    heal = "echo >> healed; touch up"
    commands = {"break": "rm up", "heal": heal, "check": "test -e up", "shell": "yes", "folder": str(tmp_path)}
    spec = TargetSpec("command", "broker", commands)
    log = tmp_path / "watchdog.log"
    with log.open("wb") as errors:
        watchdog = subprocess.Popen(
            [sys.executable, "-m", "chaos.faults.watchdog"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert watchdog.stdin is not None
    assert watchdog.stdout is not None
    teardown = Teardown("embedded", "locust:1", {"home": str(tmp_path / "stack")})
    arm = {
        "harness": os.getpid(),
        "target": {"kind": spec.kind, "component": spec.component, "parameters": spec.parameters},
        "probe": {"protocol": "http", "address": url},
        "recipe": {"protocol": "http", "address": url},
        "folder": str(home),
        "max_outage": 60.0,
        "limits": {"command": 30.0, "proof": 2.0},
    }
    fault = {"run_id": "run-1", "fault": "stop", "outage": 0, "clock": [0.0, 0.0]}
    own = {"kind": teardown.kind, "owner": teardown.owner, "parameters": teardown.parameters}
    requests = [{"do": "own", "teardown": own}, {"do": "arm", "arm": arm}, {"do": "break", "fault": fault}]
    for number, request in enumerate(requests):
        _ask(watchdog, {"id": number, **request})
    # The journal can neither be read nor crossed out: where it was is a folder now.
    (home / "journal.json").unlink()
    (home / "journal.json").mkdir()
    assert Lease(home / LEASE).holder() == str(watchdog.pid)
    watchdog.send_signal(signal.SIGUSR1)
    said = json.loads(watchdog.stdout.readline())
    while "retired" not in said:
        said = json.loads(watchdog.stdout.readline())
    assert f"its journal {home / 'journal.json'} cannot be removed (is a directory)" in said["retired"]
    assert watchdog.poll() is None
    watchdog.stdin.close()
    assert watchdog.wait(60) == 0
    assert (tmp_path / "up").exists()
    assert (tmp_path / "healed").read_text() == "\n"
    assert "NOT RESTORED" not in log.read_text()
    assert "the stack is down" in log.read_text()


def test_what_cannot_be_healed_at_once_is_tried_again_when_the_harness_is_gone(url: str, tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    heal = "echo >> tried; test -e there && touch up"
    commands = {"break": "rm up", "heal": heal, "check": "test -e up", "shell": "yes", "folder": str(tmp_path)}
    watchdog = subprocess.Popen(
        [sys.executable, "-m", "chaos.faults.watchdog"], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert watchdog.stdin is not None
    arm = {
        "harness": os.getpid(),
        "target": {"kind": "command", "component": "broker", "parameters": commands},
        "probe": {"protocol": "http", "address": url},
        "recipe": {"protocol": "http", "address": url},
        "folder": str(tmp_path),
        "max_outage": 60.0,
        "limits": {"command": 30.0, "proof": 2.0},
    }
    _ask(watchdog, {"id": 1, "do": "arm", "arm": arm})
    fault = {"run_id": "run-1", "fault": "stop", "outage": 0, "clock": [0.0, 0.0]}
    _ask(watchdog, {"id": 2, "do": "break", "fault": fault})
    watchdog.stdin.close()
    deadline = time.monotonic() + 10
    while not ((tmp_path / "tried").exists() and len((tmp_path / "tried").read_text()) >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "there").touch()
    assert watchdog.wait(30) == 0
    assert (tmp_path / "up").exists()
    assert not (tmp_path / "journal.json").exists()


def _ask(watchdog: "subprocess.Popen[bytes]", request: dict[str, object]) -> None:
    assert watchdog.stdin is not None
    assert watchdog.stdout is not None
    watchdog.stdin.write(json.dumps(request).encode() + b"\n")
    watchdog.stdin.flush()
    answer = json.loads(watchdog.stdout.readline())
    assert "error" not in answer, answer
