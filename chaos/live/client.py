"""The harness's client of the live counter: starts it, keeps its last snapshot, ends it. No run depends on it."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import gevent
import msgspec

from chaos.live.reader import LiveConfig
from chaos.live.snapshot import Snapshot
from files.line_process import LineProcess

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
        self._closed = False
        self._draws = config.draws
        self._heard = time.monotonic()
        self._process = LineProcess("chaos.live", log=log)
        self._reader = gevent.spawn(self._read)
        with suppress(OSError):  # `problem` says that it has ended
            self._process.send(config.dump())

    @property
    def problem(self) -> str | None:
        """Why its numbers are not those of now, or were not those of the end; None while they are."""
        if self._closed:
            return self._problem
        if self._problem is not None:
            return self._problem
        if not self._process.alive:
            return "the process that counts has ended"
        silent = time.monotonic() - self._heard
        return f"the process that counts has been silent for {silent:.0f} s" if silent > SILENT_S else None

    def close(self, timeout_s: float = 5.0) -> None:
        """End the process by closing its input, or by force if that takes longer than `timeout_s` seconds."""
        self._problem, self._closed = self.problem, True
        self._process.close(timeout_s)
        self._reader.join(timeout=timeout_s)

    def _read(self) -> None:
        for line in self._process.lines():
            self._heard = time.monotonic()
            try:
                snapshot = msgspec.json.decode(line, type=Snapshot)
            except msgspec.ValidationError:
                self._problem = msgspec.json.decode(line, type=dict[str, str]).get("problem", "unknown")
                continue
            # With pictures, those of one moment go together: no number beside a picture of another one.
            if snapshot.figure is not None or not self._draws:
                self.figure, self.last = snapshot.figure, snapshot
