"""Who works on a run's folder: the one that records it, or the one that judges it; locks that end with their process.

A run that is still recorded is not judged: what the stores say by then is not what they say at its end, and would be
kept as if it were. Two that judge one run do so one after the other, so the second finds what the first has read.
On a file system that has no locks both go on without them.
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


def hold_recording(marks: int) -> None:
    """Say that this process records the run whose open file of marks is `marks`, until that is closed."""
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
    """Be the only one that judges the run in `folder` for the `with` block.

    Args:
        folder: of the run.
        say: called once with a sentence when another process judges it just now.
        wait_s: longest wait for that one, seconds.

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
