"""However a run ends, the broker is up again and proven, and the history is on disk and can be judged."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from runlog.ledger import read_ledger
from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, SHORT, Start, assert_all_up, assert_nothing_runs

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
LONG_OUTAGE = ["--baseline", "1s", "--outage", "60s", "--recovery", "2s"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_in_the_middle_of_an_outage(
    start: Start, left_running: EmbeddedStack, stack_home: Path, number: int, code: int
) -> None:
    run = start("--headless", *LONG_OUTAGE, home=stack_home)
    run.await_log("proven down")
    assert not left_running.broker.is_alive()
    run.signal(number)
    assert run.end(60) == code, run.log[-3000:]
    assert_all_up(left_running)
    assert {"injected", "healed", "interrupted"} <= set(run.marks)
    assert len(read_ledger(run.folder.ledger).attempts) >= 20
    assert run.report["verdict"] == "inconclusive"
    assert run.report["exit_code"] == code
    assert not (stack_home / "journal.json").exists()


def test_second_ctrl_c_cuts_nothing_short(start: Start, left_running: EmbeddedStack, stack_home: Path) -> None:
    run = start("--headless", *LONG_OUTAGE, home=stack_home)
    run.await_log("proven down")
    run.signal(signal.SIGINT)
    run.await_log("SIGINT received")
    run.signal(signal.SIGINT)
    assert run.end(60) == 130, run.log[-3000:]
    assert_all_up(left_running)
    assert "healed" in run.marks


def test_exception_in_the_middle_of_an_outage(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path
) -> None:
    crashing = tmp_path / "crashing.py"
    crashing.write_text(
        "from locustfile import *\n"
        "import chaos.run.fault_injector\n"
        "inject = chaos.run.fault_injector.Actor.inject\n"
        "def crash(self, *arguments):\n"
        "    inject(self, *arguments)\n"
        "    raise ZeroDivisionError('planted')\n"
        "chaos.run.fault_injector.Actor.inject = crash\n"
    )
    run = start("--headless", "-f", str(crashing), *LONG_OUTAGE, home=stack_home, PYTHONPATH=str(CHECKOUT))
    assert run.end(60) == 2, run.log[-3000:]
    assert "planted" in run.log
    assert_all_up(left_running)
    assert {"injected", "healed", "failed"} <= set(run.marks)
    assert run.report["exit_code"] == 2


def test_a_stack_that_the_run_started_is_mended_judged_and_taken_down(start: Start, tmp_path: Path) -> None:
    run = start("--headless", *LONG_OUTAGE)
    run.await_log("proven down")
    run.signal(signal.SIGTERM)
    assert run.end(60) == 143, run.log[-3000:]
    assert "healed" in run.marks
    assert run.report["verdict"] == "inconclusive"
    assert_nothing_runs(tmp_path / "stack")


def test_signal_before_the_stack_is_up_leaves_nothing(start: Start, tmp_path: Path) -> None:
    run = start("--headless", *SHORT)
    run.await_log("stack: ")
    run.signal(signal.SIGTERM)
    assert run.end(60) in (143, 130), run.log[-3000:]
    assert_nothing_runs(tmp_path / "stack")


def test_an_interrupted_run_can_be_judged_later(start: Start, left_running: EmbeddedStack, stack_home: Path) -> None:
    run = start("--headless", *LONG_OUTAGE, home=stack_home)
    run.await_log("proven down")
    run.signal(signal.SIGINT)
    run.end(60)
    first = run.folder.report.read_bytes()
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    done = subprocess.run(
        [sys.executable, "-m", "reconcile", str(run.folder.path)],
        cwd=CHECKOUT,
        env=env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 130, done.stderr.decode()
    assert run.folder.report.read_bytes() == first
    assert_all_up(left_running)


def test_a_second_harness_on_the_same_stack_is_refused(
    start: Start, left_running: EmbeddedStack, stack_home: Path
) -> None:
    first = start("--headless", *LONG_OUTAGE, home=stack_home)
    first.await_log("baseline:")
    second = start("--headless", *LONG_OUTAGE, home=stack_home)
    assert second.end(30) == 4
    assert f"another harness (process {first.process.pid})" in second.log
    first.signal(signal.SIGINT)
    assert first.end(60) == 130
    assert_all_up(left_running)


def test_ctrl_c_while_the_run_is_judged_leaves_it_to_be_judged_later(
    start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path
) -> None:
    # A reconciler that takes its time: the real one, started late.
    slow = tmp_path / "slow" / "reconcile"
    slow.mkdir(parents=True)
    (slow / "__init__.py").write_text("import time\ntime.sleep(60)\n")
    wiring = tmp_path / "wiring.py"
    wiring.write_text(
        "from locustfile import *\n"
        "import chaos.run.reconcile_process, pathlib\n"
        f"chaos.run.reconcile_process.__file__ = {str(tmp_path / 'slow' / 'chaos' / 'judging.py')!r}\n"
    )
    run = start("--headless", "-f", str(wiring), *SHORT, "--settle", "1s", home=stack_home, PYTHONPATH=str(CHECKOUT))
    run.await_log("reconcile: comparing")
    run.signal(signal.SIGINT)
    assert run.end(60) == 130, run.log[-3000:]
    assert "was not judged" in run.printed
    assert not run.folder.report.exists()
    assert_all_up(left_running)
    state = left_running.status()
    assert state is not None
    done = subprocess.run(
        [sys.executable, "-m", "reconcile", str(run.folder.path)],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "LOCUST_DATABASE_URL": state.database_url,
            "LOCUST_KAFKA_BOOTSTRAP": state.kafka_bootstrap,
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr.decode()
    assert run.report["verdict"] == "inconsistent"


def lookout_of(pid: int) -> psutil.Process:
    (found,) = [child for child in psutil.Process(pid).children() if "chaos.monitor" in child.cmdline()]
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lookout_that_dies_or_freezes_in_the_outage(
    start: Start, left_running: EmbeddedStack, stack_home: Path, number: int
) -> None:
    """A fresh one proves the broker back, and what nobody saw is not claimed."""
    run = start("--headless", *SHORT, "--outage", "6s", home=stack_home)
    run.await_log("proven down")
    lookout_of(run.process.pid).send_signal(number)
    code = run.end(90)
    assert "NOT RESTORED" not in run.log
    assert "healed" in run.marks
    assert code in (1, 2, 3), run.log[-3000:]
    assert not (stack_home / "journal.json").exists()
    assert_all_up(left_running)


def test_ctrl_c_while_locust_is_quitting_changes_nothing(start: Start, tmp_path: Path) -> None:
    run = start("--headless", *SHORT, "--settle", "1s", "--expect", "lost-events")
    run.await_log("Shape test stopping")
    for _ in range(4):
        if run.process.poll() is None:
            run.signal(signal.SIGINT)
    assert run.end(60) == run.report["exit_code"] == 0  # the verdict is out: nothing is left to interrupt
    assert "Traceback" not in run.log
    assert "INCONSISTENT" in run.printed
    assert_nothing_runs(tmp_path / "stack")
