"""A Python process of this checkout that is spoken to in lines, and ends with its standard input."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from files.paths import CHECKOUT


class LineProcess:
    """A running process, in a session of its own: a signal to the terminal's processes does not reach it.

    Args:
        module: what `python -m` runs.
        log: file to which its standard error is added; None: it goes where ours goes.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, module: str, *arguments: str, log: Path | None = None) -> None:
        command = [sys.executable, "-m", module, *arguments]
        if log is None:
            self._process = _start(command, None)
        else:
            log.touch(mode=0o600)
            with log.open("ab") as errors:
                self._process = _start(command, errors)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, line: str) -> None:
        """Write a line to it. Raises OSError when it is gone."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def lines(self) -> Iterator[str]:
        """Yield its lines until its standard output ends."""
        yield from self._process.stdout or ()

    def close(self, timeout_s: float) -> None:
        """End it by closing its input, or by force if that takes longer than `timeout_s` seconds."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except OSError:
                self._process.poll()  # it has ended already, so the pipe is closed
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=timeout_s)


def _start(command: list[str], errors: IO[bytes] | None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        text=True,
    )  # fmt: skip
