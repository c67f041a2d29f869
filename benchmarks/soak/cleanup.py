"""Cleans up after the soak, however it ends: a process of its own that waits until the soak is gone.

    python -m benchmarks.soak.cleanup FOLDER      (cleans up when its standard input ends)

A harness that still runs is terminated and gets time to heal its target; then the stacks are stopped and FOLDER is
deleted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil

from stack.embedded import EmbeddedStack
from stack.errors import StackError

HOMES: Final = ("kept", "own")
"""Folders of the two stacks below the soak's folder: one stays up between runs, one is a run's own."""
HEAL_S: Final = 150.0
CLEAN_UP_S: Final = 240.0
CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent


class Cleaner:
    """Starts the process that cleans up; `folder` is all that the soak makes."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak.cleanup", str(folder)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def clean_up(self) -> int:
        """Clean up now; return its exit code, 0 when all is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(timeout=CLEAN_UP_S + HEAL_S)


def clean_up(folder: Path) -> int:
    """Stop what uses `folder`, delete it, and return how many stacks could not be cleaned."""
    wrong = 0
    homes = [folder / name for name in HOMES]
    _end_harnesses(homes)
    for home in homes:
        try:
            EmbeddedStack(home).clean()
        except StackError as error:
            wrong += 1
            sys.stderr.write(f"soak: {error}\n")
    shutil.rmtree(folder, ignore_errors=True)
    return wrong


def _end_harnesses(homes: list[Path]) -> None:
    """Terminate each harness, wait until it has healed its target and its watchdog is gone; then kill what is left."""
    deadline = time.monotonic() + HEAL_S
    asked: set[int] = set()
    while found := _users_of(homes):
        late = time.monotonic() >= deadline
        for one in found:
            try:
                if late:
                    one.kill()
                elif one.pid not in asked and "--runs-dir" in one.cmdline():
                    one.send_signal(signal.SIGTERM)
                    one.send_signal(signal.SIGCONT)
            except psutil.Error:
                continue
            asked.add(one.pid)
        if late:
            return
        time.sleep(0.2)


def _users_of(homes: list[Path]) -> list[psutil.Process]:
    """Return the processes that use one of the stacks and are no part of it."""
    texts = {str(home) for home in homes}
    found = []
    for each in psutil.process_iter():
        try:
            environment = each.environ()
            uses = environment.get("HARNESS_STACK_HOME") in texts and "HARNESS_STACK_CHILD" not in environment
            if uses and each.pid != os.getpid() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except psutil.Error:
            continue
    return found


def main(argv: list[str]) -> int:
    """Wait for the end of standard input, then clean up; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    return min(1, clean_up(Path(argv[0])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
