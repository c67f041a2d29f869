"""The ways in which a harness can end in the middle of an outage, and what must be true after each of them."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaos.faults.journal import JOURNAL
from files.safe_files import read_json
from runlog.marks import read_marks
from stack.embedded import EmbeddedStack
from stack.state_dir import NAME, TARGETS
from tests.e2e.harness import CHECKOUT, LocustProcess, judge_again
from tests.e2e.page import Browser

# Long enough that nothing ends by itself while a test acts, yet the watchdog does not wait long for a frozen harness.
OUTAGE = ["--baseline", "1s", "--outage", "20s", "--recovery", "1s", "--settle", "1s", "--delivery-timeout", "1s"]
FROZEN = ["--baseline", "1s", "--outage", "3s", "--max-outage", "4s", "--outages", "2", "--recovery", "1s"]
FROZEN += ["--settle", "1s", "--delivery-timeout", "1s"]
SHORT_OUTAGE = ["--baseline", "1s", "--outage", "2s", "--recovery", "2s", "--settle", "1s", "--delivery-timeout", "1s"]
LONGEST_S = 90.0
CRASHING = (
    "from locustfile import *\n"
    "import chaos.run.fault_injector\n"
    "inject = chaos.run.fault_injector.FaultInjector.inject\n"
    "def crash(self, *arguments):\n"
    "    inject(self, *arguments)\n"
    "    raise ZeroDivisionError('planted')\n"
    "chaos.run.fault_injector.FaultInjector.inject = crash\n"
)


@dataclass(frozen=True)
class ProcessEnd:
    """One way to end.

    Attributes:
        name: for people.
        arguments: the plan that goes with it.
        strike: does it, once the target is proven down.
        codes: exit codes that are right; empty where the process is killed.
    """

    name: str
    arguments: list[str]
    strike: Callable[[LocustProcess], None]
    codes: tuple[int, ...]

    @property
    def killed(self) -> bool:
        """Whether the harness cannot end in order."""
        return not self.codes


def _signals(*numbers: int) -> Callable[[LocustProcess], None]:
    def strike(run: LocustProcess) -> None:
        for number in numbers:
            run.signal(number)
            time.sleep(0.3)

    return strike


def journals(env: dict[str, str]) -> list[Path]:
    """Journals of open faults for a harness with this environment: on its stack, and for targets of any other kind."""
    homes = [Path(env["HARNESS_STACK_HOME"])]
    if "HARNESS_STATE_HOME" in env:
        homes += Path(env["HARNESS_STATE_HOME"]).glob(f"{NAME}/{TARGETS}/*")
    return [home / JOURNAL for home in homes if (home / JOURNAL).exists()]


def _freeze(run: LocustProcess) -> None:
    """SIGSTOP, and a SIGCONT only long after the watchdog has healed: the second outage must never come."""
    run.signal(signal.SIGSTOP)
    try:
        run.await_that(lambda: not journals(run.env), "the watchdog to heal what a frozen harness left broken", 60)
        time.sleep(1.0)
    finally:
        run.signal(signal.SIGCONT)


ENDINGS = (
    ProcessEnd("normal end", SHORT_OUTAGE, lambda run: None, (0, 1, 3)),
    ProcessEnd("exception", OUTAGE, lambda run: None, (2,)),
    ProcessEnd("SIGINT", OUTAGE, _signals(signal.SIGINT), (130,)),
    ProcessEnd("two SIGINTs", OUTAGE, _signals(signal.SIGINT, signal.SIGINT), (130,)),
    ProcessEnd("SIGTERM", OUTAGE, _signals(signal.SIGTERM), (143,)),
    ProcessEnd("SIGHUP", OUTAGE, _signals(signal.SIGHUP), (143,)),
    ProcessEnd("SIGSTOP and late SIGCONT", FROZEN, _freeze, (3,)),
    ProcessEnd("SIGKILL", OUTAGE, _signals(signal.SIGKILL), ()),
    ProcessEnd("SIGKILL of its group", OUTAGE, lambda run: os.killpg(run.process.pid, signal.SIGKILL), ()),
    ProcessEnd("web Stop", OUTAGE, lambda run: None, (0,)),
)
BY_NAME = {ending.name: ending for ending in ENDINGS}


def play(
    ending: ProcessEnd, start: Callable[..., LocustProcess], folder: Path, port: int, fault: list[str], **options: Any
) -> LocustProcess:
    """Start a run, let it come into its outage, end it, and return it when its process is gone."""
    arguments = [*fault, *ending.arguments, "--rate", "20"]
    if ending.name == "web Stop":
        run = start("--web-port", str(port), *arguments, **options)
        page = Browser(run, port)
        assert page.start()["success"] is True
        run.await_outage()
        page.stop()
        run.signal(signal.SIGINT)
    else:
        if ending.name == "exception":
            planted = folder / "crashing.py"
            planted.write_text(CRASHING)
            options = {**options, "PYTHONPATH": str(CHECKOUT)}
            arguments = ["-f", str(planted), *arguments]
        run = start("--headless", *arguments, **options)
        # The planted exception comes between the proof and the line that reports it.
        run.await_log("planted") if ending.name == "exception" else run.await_outage()
        ending.strike(run)
    code = run.end(90)
    assert code in ending.codes or (ending.killed and code == -signal.SIGKILL), f"{code}:\n{run.log[-3000:]}"
    return run


def await_no_process(home: Path | str) -> None:
    """Wait until no process of the harness's own is left that belongs to the stack in `home`."""
    deadline = time.monotonic() + LONGEST_S
    while left := _harness_processes(home):
        if time.monotonic() > deadline:
            pytest.fail(f"left after {LONGEST_S:g} s: {left}")
        time.sleep(0.1)


def _harness_processes(home: Path | str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HARNESS_STACK_HOME") == str(home) and process.pid != os.getpid():
                command = " ".join(process.cmdline())
                if any(
                    word in command for word in ("chaos.faults.watchdog", "chaos.monitor", "-m reconcile", "locust")
                ):
                    found.append(f"{process.pid} {command}")
        except psutil.Error:
            continue
    return [line for line in found if "HARNESS_STACK_CHILD" not in line and "-m orderservice" not in line]


def judge(run: LocustProcess, stack: EmbeddedStack) -> dict[str, Any]:
    """Judge the run from its history, the stores of the stack at hand, and return its report."""
    state = stack.status()
    assert state is not None
    return judge_with(run, state.database_url, state.kafka_bootstrap)


def judge_with(run: LocustProcess, database_url: str, kafka_bootstrap: str) -> dict[str, Any]:
    """Judge the run from its history, the stores at hand, and return its report."""
    code = judge_again(run, LOCUST_DATABASE_URL=database_url, LOCUST_KAFKA_BOOTSTRAP=kafka_bootstrap)
    report = read_json(run.folder.report)
    assert code == report["exit_code"]
    assert isinstance(report, dict)
    return report


def assert_healed(run: LocustProcess) -> None:
    """The last outage of the run's marks is proven back, and its journal is closed."""
    marks = read_marks(run.folder.marks)
    injected = [mark.at for mark in marks if mark.name == "injecting"]
    healed = [mark for mark in marks if mark.name == "healed"]
    assert healed, [mark.name for mark in marks]
    assert healed[-1].at > injected[-1]
    assert healed[-1].detail["up_edge"]
