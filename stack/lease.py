"""One at a time: a lock file that the operating system releases however its holder ends.

A harness holds the lease of its stack for as long as it lives, the watchdog that of a target; the command line only
looks whether somebody does.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from stack.errors import StackError
from stack.store import StateStore

LEASE = "lease"  # name of the lock file in a stack's home
_TRIES, _PAUSE_S = 5, 0.05  # a passing look at the lease must not keep anybody from taking it


class LeaseTaken(StackError):
    """Another harness holds the lease; the message is one sentence with the remedy."""


class Lease:
    """The right to break one thing.

    Args:
        path: the lock file; its folder, the stack's home, is made when the lease is taken.
        thing: what it is the right to, for the refusal.
        remedy: what to do instead of waiting, for the refusal.
    """

    def __init__(
        self,
        path: Path,
        thing: str = "the stack of this checkout",
        remedy: str = "or set HARNESS_STACK_HOME to another folder",
    ) -> None:
        self._path = path
        self._thing = thing
        self._remedy = remedy
        self._fd = -1

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._fd >= 0

    def take(self) -> None:
        """Take it; nothing when this object has it already.

        Raises:
            LeaseTaken: another process has it.
            StackError: the folder cannot be written to.
        """
        if self.held:
            return
        store = StateStore(self._path.parent)
        store.make()
        try:
            for _ in range(_TRIES):
                if self._try():
                    return
                time.sleep(_PAUSE_S)
        except OSError as error:
            raise store.unusable(error) from None
        raise LeaseTaken(
            f"another harness (process {self.holder() or 'unknown'}) already uses {self._thing}; "
            f"wait until it has ended, {self._remedy}"
        )

    def _try(self) -> bool:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.path.samestat(os.fstat(self._fd), self._path.stat())  # not deleted by a `clean` just now
        except (BlockingIOError, FileNotFoundError):
            current = False
        if not current:
            self.give_back()
            return False
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())
        return True

    def holder(self) -> str:
        """Return the process id of the living process that holds it, as text; empty if nobody seems to."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        finally:
            os.close(descriptor)
        return ""

    def give_back(self) -> None:
        """Let others have it; harmless when it was not taken."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
