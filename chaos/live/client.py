"""The harness's client of the live counter: starts it, keeps its last snapshot, ends it. No run depends on it."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import gevent
import msgspec

from chaos.live.reader import LiveConfig
from chaos.live.snapshot import Snapshot
from files.paths import CHECKOUT

SILENT_S: Final = 3.0


class LiveCounter:
    """A running live counter.

    Args:
        config: sent to it on standard input, secrets included.
        log: file for its standard error.

    Attributes:
        last: its last snapshot; None before the first.
        figure: its last picture, as HTML; None before the first.
    """

    def __init__(self, config: LiveConfig, log: Path) -> None:
        self.last: Snapshot | None = None
        self.figure: str | None = None
        self._problem: str | None = None
        self._draws = config.draws
        self._heard = time.monotonic()
        log.touch(mode=0o600)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.live"],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                text=True,
            )
        self._reader = gevent.spawn(self._read)
        self._send(config.dump())

    @property
    def problem(self) -> str | None:
        """Why its numbers are not those of now; None while they are."""
        if self._problem is not None:
            return self._problem
        if self._process.poll() is not None:
            return "the process that counts has ended"
        silent = time.monotonic() - self._heard
        return f"the process that counts has been silent for {silent:.0f} s" if silent > SILENT_S else None

    def close(self, timeout_s: float = 5.0) -> None:
        """End the process by closing its input, or by force if that takes longer than `timeout_s` seconds."""
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
        self._reader.join(timeout=timeout_s)

    def _send(self, line: str) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        except OSError:
            self._process.poll()  # `problem` says that it has ended

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._heard = time.monotonic()
            try:
                snapshot = msgspec.json.decode(line, type=Snapshot)
            except msgspec.ValidationError:
                self._problem = msgspec.json.decode(line, type=dict[str, str]).get("problem", "unknown")
                continue
            # With pictures, those of one moment go together: no number beside a picture of another one.
            if snapshot.figure is not None or not self._draws:
                self.figure, self.last = snapshot.figure, snapshot
