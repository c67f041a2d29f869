"""Cleans up after the soak, however that ends: a process of its own that waits until the soak is gone.

    python -m benchmarks.soak.sweeper FOLDER      (cleans up when its standard input ends)

A harness that still runs is asked to end and given the time to mend; then the stacks are taken down and all that the
soak has made in FOLDER is deleted.
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
"""Folders of the two stacks below the soak's folder: one stays up between runs, one comes and goes with each."""
MEND_S: Final = 150.0
SWEEP_S: Final = 240.0
CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent


class Sweeper:
    """The soak's hold on its sweeper.

    Args:
        folder: all that the soak makes lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak.sweeper", str(folder)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def sweep(self) -> int:
        """Have it clean up now; return its exit code, 0 when all is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(timeout=SWEEP_S + MEND_S)


def sweep(folder: Path) -> int:
    """End what runs below `folder`, delete it, and return how many things went wrong."""
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
    """Ask each to end, wait until it has mended and its watchdog is gone; kill what is left then."""
    deadline = time.monotonic() + MEND_S
    asked: set[int] = set()
    while found := _of(homes):
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


def _of(homes: list[Path]) -> list[psutil.Process]:
    """The processes that use one of the stacks and are no part of it."""
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
    """Wait for the end of standard input, then sweep; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    return min(1, sweep(Path(argv[0])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
