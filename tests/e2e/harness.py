"""Real Locust processes: started, watched through their logs, signalled, and read from what they leave."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from files.safe_files import read_json
from runlog import exit_codes
from runlog.folder import RunFolder
from runlog.marks import Mark, read_marks
from stack.embedded import EmbeddedStack
from tests.environment import without_options

CHECKOUT = Path(__file__).resolve().parents[2]
LOCUST = Path(sys.executable).parent / "locust"
# A plan as short as it can be proven, and a producer that soon gives up; the real lengths are in the tests of the main
# job.
SHORT = ["--baseline", "2s", "--outage", "3s", "--recovery", "3s", "--rate", "20"]
SHORT += ["--settle", "1s", "--delivery-timeout", "1s"]
SENT_LATE = " orders were sent within 250 ms of their due time"


def _heed_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class LocustProcess:
    """One `locust`, in a session of its own, with its output in files."""

    def __init__(self, arguments: list[str], folder: Path, env: dict[str, str], cwd: Path = CHECKOUT) -> None:
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        self.runs = folder / "runs"
        self.env = env
        # A shell that runs things in the background ignores SIGINT, and children inherit that: start from scratch.
        self.process = subprocess.Popen(
            [str(LOCUST), "--runs-dir", str(self.runs), *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self.out.open("wb"),
            stderr=self.err.open("wb"),
            start_new_session=True,
            preexec_fn=_heed_sigint,
        )

    @property
    def log(self) -> str:
        return self.err.read_text(errors="replace")

    @property
    def printed(self) -> str:
        return self.out.read_text(errors="replace")

    def await_log(self, text: str, timeout_s: float = 60.0) -> None:
        self.await_that(lambda: text in self.log, f"{text!r} in the log", timeout_s)

    def await_outage(self, timeout_s: float = 60.0) -> None:
        """Wait until the log says that the fault is proven."""
        words = ("proven down", "proven degraded")
        self.await_that(lambda: any(each in self.log for each in words), "an outage in the log", timeout_s)

    def await_that(self, true: Callable[[], bool], awaited: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"waited for {awaited}; exit code {self.process.poll()}; log:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self, timeout_s: float = 120.0) -> int:
        """Wait for the end and return the exit code."""
        try:
            return self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"locust did not end within {timeout_s:g} s; log:\n{self.log[-4000:]}")

    def end_clean(self, timeout_s: float = 120.0) -> str:
        """Wait for the end of a run without violations, assert its exit code 0, and return its verdict.

        A busy machine sends orders late, which alone makes such a run inconclusive: it counts as `consistent`.
        """
        found = self.end(timeout_s)
        late = found == exit_codes.INCONCLUSIVE and not failed_guards(self.report)
        assert found == exit_codes.AS_EXPECTED or late, self.log[-3000:]
        return "consistent" if late else str(self.report["verdict"])

    @property
    def folder(self) -> RunFolder:
        return RunFolder((self.runs / "latest").resolve())

    @property
    def marks(self) -> dict[str, Mark]:
        return {mark.name: mark for mark in read_marks(self.folder.marks)}

    @property
    def report(self) -> dict[str, object]:
        report = read_json(self.folder.report)
        assert isinstance(report, dict)
        jsonschema.validate(report, read_json(CHECKOUT / "docs" / "report.schema.json"))
        return report


Start = Callable[..., LocustProcess]


@contextmanager
def locust_processes(parent: Path, **defaults: str) -> Iterator[Start]:
    """Start `locust` in folders of its own below `parent`; what still runs at the end is ended.

    Args:
        defaults: variables of each, beside those of the caller's environment that are no options.
    """
    begun: list[LocustProcess] = []

    def begin(*arguments: str, cwd: Path = CHECKOUT, **env: str) -> LocustProcess:
        folder = parent / f"locust-{len(begun)}"
        folder.mkdir()
        begun.append(LocustProcess(list(arguments), folder, {**without_options(), **defaults, **env}, cwd))
        return begun[-1]

    yield begin
    for process in begun:
        if process.process.poll() is None:
            process.process.terminate()
            process.end()


def judge_again(run: LocustProcess, **env: str) -> int:
    """Judge the run by the command for it, from its folder alone where `env` names no stores; return the exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "reconcile", str(run.folder.path)],
        cwd=CHECKOUT,
        env={**without_options(), **env},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


def failed_guards(report: Any) -> dict[str, str]:
    """The guards that apply and failed, with their reasons; orders that a busy machine sent late are left out."""
    failed = {guard["name"]: guard["reason"] for guard in report["guards"] if guard["applies"] and not guard["passed"]}
    return {name: reason for name, reason in failed.items() if not reason.endswith(SENT_LATE)}


def assert_all_up(stack: EmbeddedStack) -> None:
    """The stack that was there before a run is there after it, each part proven on its own protocol."""
    unhealthy = {name: health.detail for name, health in stack.health(5.0).items() if not health.ok}
    assert unhealthy == {}


def assert_nothing_runs(home: Path) -> None:
    """A stack that a run started is gone with it; of what its state remembers nothing lives."""
    assert [part.name for part in EmbeddedStack(home).components if part.is_alive()] == []


def http_get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())
