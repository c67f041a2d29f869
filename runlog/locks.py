"""Locks on a run's folder: who records it, who judges it, and whether it is in use. Each ends with its process.

A run that is still recorded is not judged: what the stores hold by then would be saved as if it were their final state.
Two processes that judge one run do so one after the other. A folder in use is not removed. On a file system without
locks all go on without them.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from runlog.folder import RunFolder

JUDGE_WAIT_S: Final = 600.0
_POLL_S: Final = 0.1


class JudgedElsewhere(Exception):
    """Another process judges the run for too long; the message is one sentence."""


class InUse:
    """A mark on a run's folder, for as long as this object is open and its process lives. Several may use one folder.

    Args:
        folder: of the run; it must exist.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._fd = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
        _try(self._fd, fcntl.LOCK_SH)

    def close(self) -> None:
        """Remove the mark; harmless when done twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "InUse":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_in_use(folder: RunFolder) -> bool:
    """Return whether a living process records or judges the run in `folder`."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return not _try(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def hold_recording(marks: int) -> None:
    """Mark the run whose open file of marks is `marks` as being recorded, until that is closed."""
    _try(marks, fcntl.LOCK_EX)


def is_recorded(folder: RunFolder) -> bool:
    """Return whether a living process still records the run in `folder`."""
    try:
        descriptor = os.open(folder.marks, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@contextmanager
def judging(folder: RunFolder, say: Callable[[str], None], wait_s: float = JUDGE_WAIT_S) -> Iterator[None]:
    """Be the only process that judges the run in `folder`, and use the folder, for the `with` block.

    Args:
        say: called once with a sentence while another process judges it.
        wait_s: longest wait for that process, seconds.

    Raises:
        JudgedElsewhere: it did not end in time.
        OSError: the folder cannot be read.
    """
    descriptor = os.open(folder.facts, os.O_RDONLY | os.O_NONBLOCK)
    try:
        deadline, said = time.monotonic() + wait_s, False
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise JudgedElsewhere(
                    f"run {folder.run_id}: timed out after {wait_s:g} s waiting for the process that judges it just now"
                )
            if not said:
                said = True
                say(f"run {folder.run_id} is judged by another process just now; waiting for it")
            time.sleep(_POLL_S)
        with InUse(folder):
            yield
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    """Lock without waiting; return False only if another process holds the lock."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
