"""However a run ends, the broker is up again and proven, and the history is on disk and can be judged."""

import signal
from pathlib import Path

import psutil
import pytest

from files.paths import CHECKOUT
from runlog.ledger import read_ledger
from stack.embedded import EmbeddedStack
from tests.e2e.harness import SHORT, LocustProcess, Start, assert_all_up, assert_nothing_runs, judge_again

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
LONG_OUTAGE = ["--baseline", "1s", "--outage", "60s", "--recovery", "2s"]


def assert_interrupted(run: LocustProcess, code: int) -> None:
    assert {"injected", "healed", "interrupted"} <= set(run.marks)
    assert len(read_ledger(run.folder.ledger).attempts) >= 20
    assert (run.report["verdict"], run.report["exit_code"]) == ("inconclusive", code)


@pytest.mark.exhaustive
def test_ctrl_c_twice_in_the_middle_of_an_outage(start: Start, left_running: EmbeddedStack, stack_home: Path) -> None:
    """The second cuts nothing short; judged again, the report stays as it is. A second harness is refused meanwhile."""
    run = start("--headless", *LONG_OUTAGE, home=stack_home)
    run.await_log("baseline:")
    second = start("--headless", *LONG_OUTAGE, home=stack_home)
    run.await_log("proven down")
    assert not left_running.broker.is_alive()
    assert second.end(30) == 4
    assert f"another harness (process {run.process.pid})" in second.log
    run.signal(signal.SIGINT)
    run.await_log("SIGINT received")
    run.signal(signal.SIGINT)
    assert run.end(60) == 130, run.log[-3000:]
    assert_interrupted(run, 130)
    assert_all_up(left_running)
    assert not (stack_home / "journal.json").exists()
    first = run.folder.report.read_bytes()
    assert judge_again(run) == 130
    assert run.folder.report.read_bytes() == first


def test_sigterm_in_the_middle_of_an_outage_of_a_stack_that_the_run_started(start: Start, tmp_path: Path) -> None:
    run = start("--headless", *LONG_OUTAGE)
    run.await_log("proven down")
    run.signal(signal.SIGTERM)
    assert run.end(60) == 143, run.log[-3000:]
    assert_interrupted(run, 143)
    assert_nothing_runs(tmp_path / "stack")
    assert not (tmp_path / "stack" / "journal.json").exists()


def test_signal_before_the_stack_is_up_leaves_nothing(start: Start, tmp_path: Path) -> None:
    run = start("--headless", *SHORT)
    run.await_log("stack: ")
    run.signal(signal.SIGTERM)
    assert run.end(60) in (143, 130), run.log[-3000:]
    assert_nothing_runs(tmp_path / "stack")


@pytest.mark.exhaustive
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
        f"chaos.run.reconcile_process.CHECKOUT = pathlib.Path({str(tmp_path / 'slow')!r})\n"
    )
    run = start("--headless", "-f", str(wiring), *SHORT, home=stack_home, PYTHONPATH=str(CHECKOUT))
    run.await_log("reconcile: comparing")
    run.signal(signal.SIGINT)
    assert run.end(60) == 130, run.log[-3000:]
    assert "was not judged" in run.printed
    assert not run.folder.report.exists()
    assert_all_up(left_running)
    state = left_running.status()
    assert state is not None
    stores = {"LOCUST_DATABASE_URL": state.database_url, "LOCUST_KAFKA_BOOTSTRAP": state.kafka_bootstrap}
    assert judge_again(run, **stores) == 1
    assert run.report["verdict"] == "inconsistent"


def monitor_of(pid: int) -> psutil.Process:
    (found,) = [child for child in psutil.Process(pid).children() if "chaos.monitor" in child.cmdline()]
    return found


@pytest.mark.parametrize(
    "number", [pytest.param(one, marks=pytest.mark.exhaustive) for one in (signal.SIGSTOP, signal.SIGKILL)]
)
def test_a_monitor_that_dies_or_freezes_in_the_outage(
    start: Start, left_running: EmbeddedStack, stack_home: Path, number: int
) -> None:
    """A fresh one proves the broker back, and nothing is claimed for the time without probes."""
    run = start("--headless", *SHORT, "--outage", "6s", home=stack_home)
    run.await_log("proven down")
    monitor_of(run.process.pid).send_signal(number)
    code = run.end(90)
    assert "NOT RESTORED" not in run.log
    assert "healed" in run.marks
    assert code in (1, 2, 3), run.log[-3000:]
    assert not (stack_home / "journal.json").exists()
    assert_all_up(left_running)
