"""Checks from any process whether a watchdog still works; ends one that is frozen, and no other process.

The question is a signal that a watchdog takes and does nothing with. The kernel hands it over as soon as the process
runs at all, in the middle of a long heal command too; a process that is frozen leaves it pending.
"""

import logging
import os
import signal
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import psutil

from chaos.faults.watchdog.teardown import has_harness, is_orphan, is_watchdog
from stack import process
from stack.lease import Lease

log = logging.getLogger("chaos")

QUESTION: Final = signal.SIGUSR2
ANSWER_S: Final = 5.0
_POLL_S: Final = 0.05
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class WatchdogId:
    """A watchdog process, known by pid and start time.

    Attributes:
        started: its start time, see `stack.process.start_time`.
    """

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """Whether this very process runs, or is frozen."""
        return process.is_alive(self.pid, self.started)

    def has_harness(self, known: int | None) -> bool:
        """Whether the harness that started it lives; `known` is its process id, None where it is unknown."""
        try:
            watchdog = psutil.Process(self.pid)
            return watchdog.ppid() == known if known is not None else has_harness(watchdog)
        except psutil.Error:
            return False

    def answers(self) -> bool:
        """Ask whether it works, at most `ANSWER_S` seconds.

        Raises:
            PermissionError: it belongs to another user.
        """
        if not self.alive:
            return False
        try:
            os.kill(self.pid, QUESTION)
        except ProcessLookupError:
            return False
        return process.wait_until(lambda: not _is_pending(self.pid), ANSWER_S, _POLL_S) and self.alive

    def end(self) -> None:
        """End it by force: itself and no process that it has started. Its own end releases its lease."""
        if self.alive:
            psutil.Process(self.pid).kill()
            process.wait_until(lambda: not self.alive, ANSWER_S)


def watchdog_of(holder: str) -> WatchdogId | None:
    """Return the watchdog with the process id `holder` (as a lease says it); None when that is no watchdog."""
    if not is_watchdog(holder):
        return None
    started = process.start_time(int(holder))
    return None if started is None else WatchdogId(int(holder), started)


class Standing(Enum):
    """The state of a watchdog."""

    WORKS = "it answers"
    GONE = "it has ended"
    FROZEN = "it does not answer, and its harness lives"
    TAKEN_OVER = "it did not answer, its harness is dead, and it was ended"


def end_if_frozen(watchdog: WatchdogId, harness: int | None) -> Standing:
    """End a watchdog that does not answer and whose harness has died; return its state.

    Args:
        harness: the process id of its harness, None where the journal does not say it.

    Raises:
        PermissionError: it belongs to another user.
    """
    if not watchdog.alive:
        return Standing.GONE
    if watchdog.answers():
        return Standing.WORKS
    if not process.is_alive(watchdog.pid, watchdog.started):
        return Standing.GONE
    if watchdog.has_harness(harness):
        return Standing.FROZEN
    watchdog.end()
    return Standing.TAKEN_OVER


def will_be_free(lease: Lease) -> bool:
    """Whether a lease that is taken will be free soon: the watchdog of a dead harness has it, which is healing.

    One that is frozen is ended here.
    """
    watchdog = watchdog_of(lease.holder())
    if watchdog is None:
        return False
    try:
        standing = end_if_frozen(watchdog, None)
    except PermissionError:
        return False
    if standing is Standing.TAKEN_OVER:
        log.warning("watchdog %d was frozen and its harness has died: it was ended, to take over", watchdog.pid)
        return True
    return standing is Standing.GONE or is_orphan(str(watchdog.pid))


def _is_pending(pid: int) -> bool:
    """Whether the question is still pending; where the system does not say that, whether the process is stopped."""
    try:
        text = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return process.is_paused(pid)
    except ProcessLookupError:
        return False
    pending = [int(line.split()[1], 16) for line in text.splitlines() if line.startswith("ShdPnd:")]
    return any(mask >> (QUESTION - 1) & 1 for mask in pending) if pending else process.is_paused(pid)
