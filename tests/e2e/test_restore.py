"""`python -m chaos` from another terminal, and the next start: each heals whatever was left broken."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chaos.faults.journal import JOURNAL
from stack.embedded import EmbeddedStack
from tests.e2e.endings import OUTAGE, SHORT_OUTAGE, assert_healed, await_no_process
from tests.e2e.harness import CHECKOUT, LocustProcess, Start, assert_all_up

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def chaos(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "chaos", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "HARNESS_STACK_HOME": str(home), "HARNESS_STATE_HOME": str(home / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def watchdog_of(run: LocustProcess) -> psutil.Process:
    (found,) = [
        child for child in psutil.Process(run.process.pid).children() if "chaos.faults.watchdog" in child.cmdline()
    ]
    return found


def kill_both(run: LocustProcess) -> None:
    """Kill the harness and its watchdog together, so that no process is left that knows of the fault."""
    watchdog = watchdog_of(run)
    watchdog.kill()
    os.killpg(run.process.pid, signal.SIGKILL)
    assert run.end(30) == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while watchdog.is_running() and watchdog.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.exhaustive
def test_restore_while_the_run_goes_on_heals_and_the_run_breaks_nothing_more(
    start: Start, left_running: EmbeddedStack, stack_home: Path
) -> None:
    quiet = chaos(stack_home, "status")
    assert (quiet.returncode, "nothing is broken" in quiet.stdout) == (0, True)
    run = start("--headless", *OUTAGE, "--outages", "2", home=stack_home)
    run.await_log("proven down")
    status = chaos(stack_home, "status")
    assert status.returncode == 3
    assert f"by run {run.folder.run_id} of process {run.process.pid}, which still runs; watchdog" in status.stdout
    (fault,) = json.loads(chaos(stack_home, "status", "--json").stdout)
    assert (fault["fault"], fault["target"], fault["harness"]) == ("stop", "broker", run.process.pid)

    restored = chaos(stack_home, "restore")
    assert restored.returncode == 0, restored.stderr
    assert "its run breaks nothing more" in restored.stdout
    assert left_running.broker.is_alive()
    assert run.end(90) == 3, run.log[-3000:]
    assert "restore was asked for" in run.log
    assert_healed(run)
    assert len(run.report["outages"]) == 1  # type: ignore[arg-type]
    assert_all_up(left_running)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_restore_without_harness_and_watchdog(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path, fault: str
) -> None:
    """What cannot be restored is exit 4 and stays open; what can be is, once."""
    run = start("--headless", *OUTAGE, "--fault", fault, home=stack_home)
    run.await_log("proven down")
    kill_both(run)
    status = chaos(stack_home, "status")
    assert status.returncode == 3
    assert "which has ended; no watchdog owns it" in status.stdout
    assert not left_running.broker.probe(0.5).ok

    journal = stack_home / JOURNAL
    right = journal.read_text()
    entry = json.loads(right)
    entry["target"]["parameters"]["home"] = str(tmp_path / "elsewhere")
    journal.write_text(json.dumps(entry))
    failed = chaos(stack_home, "restore", "--timeout", "5s")
    assert failed.returncode == 4
    assert failed.stderr.startswith("NOT RESTORED: ")
    assert len(failed.stderr.splitlines()) == 1
    assert journal.exists()

    journal.write_text(right)
    restored = chaos(stack_home, "restore")
    assert restored.returncode == 0, restored.stderr
    assert_all_up(left_running)
    assert_healed(run)
    again = chaos(stack_home, "restore")
    assert (again.returncode, "nothing is broken" in again.stdout) == (0, True)


def test_the_next_start_heals_first(start: Start, left_running: EmbeddedStack, stack_home: Path) -> None:
    first = start("--headless", *OUTAGE, "--fault", "pause", home=stack_home)
    first.await_log("proven down")
    kill_both(first)
    assert (stack_home / JOURNAL).exists()
    second = start("--headless", *SHORT_OUTAGE, "--expect", "any", home=stack_home)
    assert second.end(120) == 0, second.log[-3000:]
    assert f"which run {first.folder.run_id} left broken (pause, " in second.log
    assert_healed(first)
    await_no_process(stack_home)
    assert_all_up(left_running)


@pytest.mark.exhaustive
def test_a_next_start_that_breaks_nothing_heals_first_too(
    start: Start, left_running: EmbeddedStack, stack_home: Path
) -> None:
    first = start("--headless", *OUTAGE, "--fault", "stop", home=stack_home)
    first.await_log("proven down")
    kill_both(first)
    second = start("--headless", *SHORT_OUTAGE, "--scenario", "control", home=stack_home)
    second.end_clean()
    assert not (stack_home / JOURNAL).exists()
    assert chaos(stack_home, "status").returncode == 0
    assert_healed(first)
    assert_all_up(left_running)


def test_bad_usage_is_exit_2(tmp_path: Path) -> None:
    wrong = chaos(tmp_path, "restore", "--timeout", "soon")
    assert wrong.returncode == 2
    assert "--timeout soon" in wrong.stderr
    unknown = chaos(tmp_path, "break")
    assert unknown.returncode == 2
