"""Plays one run of the soak: a real `locust`, ended in the way and at the moment that were drawn."""

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

from benchmarks.soak.draw import FREEZE, KILL_GROUP, KILLS, START, Play
from runlog.folder import RunFolder

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
LOCUST: Final = Path(sys.executable).parent / "locust"
POLL_S: Final = 0.02
# Stack up, plan, drain with its cap, health check and judging, on a machine that does other things too.
END_S: Final = 240.0
JOURNAL: Final = "journal.json"
MENDED_S: Final = 90.0
VERDICT_CODES: Final = frozenset({0, 1, 3})
PREFLIGHT: Final = 4
AFTER_SIGNAL: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143}


@dataclass(frozen=True, slots=True)
class Played:
    """How a run went.

    Attributes:
        play: what was to be played.
        home: folder of the stack it went to.
        folder: what it wrote, its output included.
        code: exit code, negative for a signal.
        struck: whether its end came at the moment that was drawn; False: it had ended before.
        complaints: what was wrong with the process itself.
    """

    play: Play
    home: Path
    folder: Path
    code: int
    struck: bool
    complaints: tuple[str, ...]

    @property
    def run(self) -> RunFolder | None:
        """The run's folder, None when it did not come to make one."""
        return run_folder(self.folder)


def run_folder(folder: Path) -> RunFolder | None:
    """Return the folder of the one run below a play's folder, None when there is none."""
    found = [path for path in (folder / "runs").glob("*") if path.is_dir() and not path.is_symlink()]
    return RunFolder(found[0]) if found else None


def environment(home: Path, folder: Path) -> dict[str, str]:
    """Return the environment in which a harness, or a command about it, uses the stack in `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**kept, "HARNESS_STACK_HOME": str(home), "HARNESS_STATE_HOME": str(folder / "state")}


def play_run(play: Play, home: Path, folder: Path) -> Played:
    """Start the run, end it as drawn, and return when its process is gone.

    Args:
        play: what is played.
        home: folder of the stack.
        folder: of this run alone; made.
    """
    folder.mkdir(parents=True)
    with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [str(LOCUST), "--runs-dir", str(folder / "runs"), *play.arguments()],
            cwd=CHECKOUT,
            env=environment(home, folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            # Whoever runs us in the background ignores SIGINT, and children inherit that.
            preexec_fn=_heed_sigint,
        )
    try:
        return _end(play, home, folder, process)
    finally:
        if process.poll() is None:  # we are being ended ourselves: the sweeper waits for it to mend
            process.send_signal(signal.SIGCONT)
            process.terminate()


def _end(play: Play, home: Path, folder: Path, process: subprocess.Popen[bytes]) -> Played:
    complaints = []
    struck = play.ending != "none" and _come_to(play, folder, process)
    if struck:
        trouble = _strike(play, home, process)
        complaints += [trouble] if trouble else []
    try:
        code = process.wait(timeout=END_S)
    except subprocess.TimeoutExpired:
        complaints.append(f"the harness did not end within {END_S:g} s")
        os.killpg(process.pid, signal.SIGKILL)
        return Played(play, home, folder, process.wait(timeout=10), struck, tuple(complaints))
    if code not in (right := _right_codes(play, struck)):
        complaints.append(f"the harness ended with {code}, right were {sorted(right)}")
    return Played(play, home, folder, code, struck, tuple(complaints))


def _come_to(play: Play, folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the moment; return whether the harness still lives then."""
    if play.moment != START:
        word = f'"name": "{play.moment}"'.encode()
        _until(lambda: process.poll() is not None or word in _marks(folder), END_S)
    end = time.monotonic() + play.delay_s
    _until(lambda: process.poll() is not None or time.monotonic() >= end, play.delay_s + 1)
    return process.poll() is None


def _strike(play: Play, home: Path, process: subprocess.Popen[bytes]) -> str | None:
    """End the harness; return what went wrong with that, None if nothing did."""
    if play.ending == KILL_GROUP:
        os.killpg(process.pid, signal.SIGKILL)
    elif play.ending == FREEZE:
        process.send_signal(signal.SIGSTOP)
        time.sleep(play.frozen_s)
        mended = _until(lambda: not (home / JOURNAL).exists(), MENDED_S)
        process.send_signal(signal.SIGCONT)
        return None if mended else f"a frozen harness's target was still broken after {MENDED_S:g} s"
    else:
        process.send_signal(signal.Signals[play.ending])
    return None


def _right_codes(play: Play, struck: bool) -> frozenset[int]:
    """The exit codes that are right; a signal may come before its handler stands, or when all is over."""
    if not struck:
        return VERDICT_CODES
    if play.ending in KILLS:
        return VERDICT_CODES | {-signal.SIGKILL}
    if play.ending == FREEZE:
        # Asleep for seconds in the middle of its own checks it may take them for failed.
        return VERDICT_CODES | ({PREFLIGHT} if play.moment == START else frozenset())
    early = {-signal.Signals[play.ending]} if play.moment == START else set()
    return VERDICT_CODES | {AFTER_SIGNAL[play.ending]} | early


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


def _heed_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
