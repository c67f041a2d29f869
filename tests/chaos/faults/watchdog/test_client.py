"""The harness's client of its watchdog: it waits while that works, however long, and replaces one that is frozen."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from tests.chaos.faults.little_service import Little, await_that

pytestmark = pytest.mark.process

# The client is cooperative under gevent, so it gets a process of its own, patched as Locust patches it.
SETUP = """
from gevent import monkey; monkey.patch_all()
import json, logging, os, signal, sys, time
from pathlib import Path
import gevent, msgspec
import chaos.faults.watchdog.work_reports as atwork, chaos.faults.watchdog.client as client
from chaos.faults.watchdog.protocol import Arm, Break
from health.state import Proof
from stack.lease import Lease
atwork.PROGRESS_S, client.SILENT_S = 1.0, 3.0
folder, arm = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Arm)
logging.basicConfig(filename=folder / "harness.log", level=logging.INFO)
begun = folder / "begun"
def await_file(path):
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
        gevent.sleep(0.02)
one = client.Watchdog(folder / "watchdog.log")
one.start()
assert one.arm(arm) is None
marks = folder / "marks.jsonl"
marks.touch()
proof = Proof((1.0, 2.0), {"kept": "broken", "new": "refused"})
one.inject(Break("run-1", "stop", 0, (time.time(), time.monotonic()), str(marks)))
one.injected(proof)
first = one.pid
"""


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Little]:
    """A service that serves."""
    monkeypatch.setenv("HARNESS_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "folder").mkdir()
    one = Little(tmp_path / "folder")
    one.start()
    yield one
    one.close()


def play(little: Little, script: str, heal: str) -> str:
    """Run a script that has broken the service, and return the harness's log."""
    arm = {
        "harness": 1,
        "target": asdict(little.spec(heal=heal)),
        "probe": {"protocol": "http", "address": little.url},
        "recipe": asdict(little.recipe),
        "folder": str(little.home()),
        "max_outage": 60.0,
        "limits": {"command": 40.0, "proof": 45.0},
    }
    done = subprocess.run(
        [sys.executable, "-c", SETUP + script + "\none.end()\n", str(little.folder), json.dumps(arm)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + (little.folder / "watchdog.log").read_text()
    return (little.folder / "harness.log").read_text()


def slow(little: Little) -> str:
    """A heal command that waits for a file."""
    return f"echo >> begun; while ! [ -e go ]; do sleep 0.05; done; {little.heal}"


def test_a_heal_command_that_takes_longer_than_any_silence_is_waited_for_with_progress(little: Little) -> None:
    log = play(
        little,
        "gevent.spawn_later(client.SILENT_S + 1, (folder / 'go').touch)\n"
        "assert one.heal().at\n"
        "assert not one.replace()\n"
        "assert (one.pid, one.retired) == (first, None)\n"
        "one.healed(proof)\n",
        slow(little),
    )
    assert (little.folder / "begun").read_text() == "\n"
    assert "watchdog: healing service (broken by" in log
    assert "by now, at most 40 s" in log
    await_that(little.serves, "the service to answer again")


def test_a_caller_that_is_cut_short_does_not_have_the_command_killed_or_doubled(little: Little) -> None:
    log = play(
        little,
        "asked = gevent.spawn(one.heal)\n"
        "await_file(begun)\n"
        "asked.kill()\n"
        "gevent.spawn_later(client.SILENT_S + 1, (folder / 'go').touch)\n"
        "assert not one.replace(), 'it was replaced while it worked'\n"
        "assert one.pid == first\n"
        "one.healed(proof)\n",
        slow(little),
    )
    assert (little.folder / "begun").read_text() == "\n"
    assert "is replaced" not in log
    await_that(little.serves, "the service to answer again")


def test_one_that_heals_on_its_own_account_is_waited_for(little: Little) -> None:
    log = play(
        little,
        "os.kill(first, signal.SIGUSR1)\n"
        "await_file(begun)\n"
        "gevent.spawn_later(client.SILENT_S + 1, (folder / 'go').touch)\n"
        "assert not one.replace(), 'it was replaced while it healed'\n"
        "assert one.pid == first\n",
        slow(little),
    )
    assert (little.folder / "begun").read_text() == "\n"
    assert "watchdog: restore was asked for (python -m chaos restore), so the watchdog has healed service (" in log
    assert little.serves()


def test_one_that_is_frozen_in_a_run_is_replaced_and_the_fresh_one_heals(little: Little) -> None:
    log = play(
        little,
        "os.kill(first, signal.SIGSTOP)\nassert one.replace()\nassert one.pid != first\none.healed(proof)\n",
        little.heal,
    )
    assert "does not answer: it is replaced" in log
    await_that(little.serves, "the service to answer again")


def test_the_heal_command_of_one_that_was_killed_is_awaited_by_the_fresh_one(little: Little) -> None:
    play(
        little,
        "asked = gevent.spawn(one.heal)\n"
        "await_file(begun)\n"
        "os.kill(first, signal.SIGKILL)\n"
        "asked.join()\n"
        "fresh = gevent.spawn(one.replace)\n"
        "lease = Lease(Path(arm.folder) / 'target-lease')\n"
        "while one.pid == first or lease.holder() != str(one.pid):\n"
        "    gevent.sleep(0.05)\n"
        "fresh.join(client.SILENT_S + 1)\n"
        "assert not fresh.ready(), 'it does not wait for the command'\n"
        "(folder / 'go').touch()\n"
        "assert fresh.get(timeout=60)\n"
        "one.healed(proof)\n",
        slow(little),
    )
    assert (little.folder / "begun").read_text() == "\n"
    await_that(little.serves, "the service to answer again")


def test_a_fresh_one_that_could_not_heal_at_first_is_asked_again(little: Little) -> None:
    play(
        little,
        "os.kill(first, signal.SIGKILL)\n"
        "from chaos.faults.watchdog.protocol import Refusal\n"
        "try:\n"
        "    one.replace()\n"
        "    raise SystemExit('healed')\n"
        "except Refusal as refusal:\n"
        "    assert 'ended with 7' in str(refusal), refusal\n"
        "(folder / 'go').touch()\n"
        "assert one.replace(), 'no watchdog owns the target'\n"
        "assert not one.replace()\n"
        "one.healed(proof)\n",
        f"[ -e go ] || exit 7; {little.heal}",
    )
    await_that(little.serves, "the service to answer again")
