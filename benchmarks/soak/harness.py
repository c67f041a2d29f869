"""Runs one run of the soak: a real `locust`, ended in the way and at the moment that were drawn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.soak.draw import FREEZE, KILL_GROUP, KILLS, START, SoakRun
from runlog.folder import RunFolder

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
LOCUST: Final = Path(sys.executable).parent / "locust"
POLL_S: Final = 0.02
# Stack, plan, drain with its cap, health check and judging, on a busy machine.
END_S: Final = 240.0
JOURNAL: Final = "journal.json"
HEALED_S: Final = 90.0
VERDICT_CODES: Final = frozenset({0, 1, 3})
PREFLIGHT: Final = 4
AFTER_SIGNAL: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143}


@dataclass(frozen=True, slots=True)
class EndedRun:
    """How a run went.

    Attributes:
        drawn: the run as drawn.
        home: folder of the stack that it used.
        folder: of what it wrote, its output included.
        code: exit code, negative for a signal.
        in_time: whether it still ran at the moment that was drawn, and was ended then.
        complaints: what was wrong with the process itself.
    """

    drawn: SoakRun
    home: Path
    folder: Path
    code: int
    in_time: bool
    complaints: tuple[str, ...]

    @property
    def run(self) -> RunFolder | None:
        """The run's folder, None when it made none."""
        return run_folder(self.folder)


def run_folder(folder: Path) -> RunFolder | None:
    """Return the folder of the one run below `folder`, None when there is none."""
    found = [path for path in (folder / "runs").glob("*") if path.is_dir() and not path.is_symlink()]
    return RunFolder(found[0]) if found else None


def environment(home: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a harness, or a command on it, that uses the stack in `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**kept, "HARNESS_STACK_HOME": str(home), "HARNESS_STATE_HOME": str(folder / "state")}


def run_harness(drawn: SoakRun, home: Path, folder: Path) -> EndedRun:
    """Start the run, end it as drawn, and return when its process is gone.

    Args:
        drawn: the run.
        home: folder of the stack.
        folder: of this run alone; this function makes it.
    """
    folder.mkdir(parents=True)
    with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [str(LOCUST), "--runs-dir", str(folder / "runs"), *drawn.arguments()],
            cwd=CHECKOUT,
            env=environment(home, folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            # A shell that runs us in the background ignores SIGINT, and children inherit that.
            preexec_fn=_accept_sigint,
        )
    try:
        return _end(drawn, home, folder, process)
    finally:
        if process.poll() is None:  # the soak itself is being ended: the cleaner waits until the target is healed
            process.send_signal(signal.SIGCONT)
            process.terminate()


def _end(drawn: SoakRun, home: Path, folder: Path, process: subprocess.Popen[bytes]) -> EndedRun:
    complaints = []
    in_time = drawn.ending != "none" and _wait_for_moment(drawn, folder, process)
    if in_time:
        trouble = _end_harness(drawn, home, process)
        complaints += [trouble] if trouble else []
    try:
        code = process.wait(timeout=END_S)
    except subprocess.TimeoutExpired:
        complaints.append(f"the harness did not end within {END_S:g} s")
        os.killpg(process.pid, signal.SIGKILL)
        return EndedRun(drawn, home, folder, process.wait(timeout=10), in_time, tuple(complaints))
    if code not in (right := _right_codes(drawn, in_time)):
        complaints.append(f"the harness ended with {code}, right were {sorted(right)}")
    return EndedRun(drawn, home, folder, code, in_time, tuple(complaints))


def _wait_for_moment(drawn: SoakRun, folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the moment; return whether the harness still runs then."""
    if drawn.moment != START:
        word = f'"name": "{drawn.moment}"'.encode()
        _until(lambda: process.poll() is not None or word in _marks(folder), END_S)
    end = time.monotonic() + drawn.delay_s
    _until(lambda: process.poll() is not None or time.monotonic() >= end, drawn.delay_s + 1)
    return process.poll() is None


def _end_harness(drawn: SoakRun, home: Path, process: subprocess.Popen[bytes]) -> str | None:
    """End the harness; return what went wrong, None if nothing did."""
    if drawn.ending == KILL_GROUP:
        os.killpg(process.pid, signal.SIGKILL)
    elif drawn.ending == FREEZE:
        process.send_signal(signal.SIGSTOP)
        time.sleep(drawn.frozen_s)
        healed = _until(lambda: not (home / JOURNAL).exists(), HEALED_S)
        process.send_signal(signal.SIGCONT)
        return None if healed else f"a frozen harness's target was still broken after {HEALED_S:g} s"
    else:
        process.send_signal(signal.Signals[drawn.ending])
    return None


def _right_codes(drawn: SoakRun, in_time: bool) -> frozenset[int]:
    """Return the right exit codes; a signal may come before its handler is set, or after the run."""
    if not in_time:
        return VERDICT_CODES
    if drawn.ending in KILLS:
        return VERDICT_CODES | {-signal.SIGKILL}
    if drawn.ending == FREEZE:
        # Checks of preflight may time out while the harness is frozen.
        return VERDICT_CODES | ({PREFLIGHT} if drawn.moment == START else frozenset())
    early = {-signal.Signals[drawn.ending]} if drawn.moment == START else set()
    return VERDICT_CODES | {AFTER_SIGNAL[drawn.ending]} | early


def _until(true: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _marks(folder: Path) -> bytes:
    run = run_folder(folder)
    try:
        return run.marks.read_bytes() if run is not None else b""
    except FileNotFoundError:
        return b""


def _accept_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
