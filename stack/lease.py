"""A lease: a lock file that one process at a time holds, released by the operating system when the process ends.

A harness holds the lease of its stack while it runs, the watchdog that of a target. The command line only reads who
holds it.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from stack.errors import StackError
from stack.state_store import StateStore

LEASE = "lease"  # name of the lock file in a stack's home
_NAME_BYTES = 32
_TRIES, _PAUSE_S = 5, 0.05  # `holder` locks the file for a moment
_WAIT_PAUSE_S = 0.2


class LeaseTaken(StackError):
    """Another harness holds the lease; the message is one sentence with the remedy."""


class Lease:
    """The right to break one stack or target.

    Args:
        path: the lock file; its folder is made when the lease is taken.
        remedy: what to do instead of waiting, for the error.
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
        return self._fd >= 0

    def take(self, *, to_heal: bool = False) -> None:
        """Take the lease; nothing when this object holds it already.

        Args:
            to_heal: take it even if its file can only be read: a full or read-only disk must not prevent healing.

        Raises:
            LeaseTaken: another process holds it.
            StackError: the folder cannot be written to.
        """
        if self.held:
            return
        store = StateStore(self._path.parent)
        if not to_heal:
            store.make()
        try:
            for _ in range(_TRIES):
                if self._try(to_heal):
                    return
                time.sleep(_PAUSE_S)
        except OSError as error:
            raise store.unusable(error) from None
        raise LeaseTaken(
            f"another harness (process {self.holder() or 'unknown'}) already uses {self._thing}; "
            f"wait until it has ended, {self._remedy}"
        )

    def await_free(self, wait_s: float, worth_it: Callable[[], bool] = lambda: True) -> None:
        """Take the lease as soon as it is free.

        Args:
            wait_s: longest wait, seconds.
            worth_it: asked before each pause: whether waiting makes sense.

        Raises:
            LeaseTaken, StackError: as `take`.
        """
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return self.take()
            except LeaseTaken:
                if not worth_it() or time.monotonic() >= deadline:
                    raise
                time.sleep(_WAIT_PAUSE_S)

    def _try(self, to_heal: bool) -> bool:
        self._fd = self._open(to_heal)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.path.samestat(os.fstat(self._fd), self._path.stat())  # not deleted by `clean`
        except (BlockingIOError, FileNotFoundError):
            current = False
        if not current:
            self.give_back()
            return False
        try:
            # Overwritten in place: a full disk has no free block.
            os.pwrite(self._fd, f"{os.getpid():<{_NAME_BYTES}}".encode(), 0)
        except OSError:
            if not to_heal:
                self.give_back()
                raise
        return True

    def _open(self, to_heal: bool) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            if not to_heal:
                raise
            return os.open(self._path, os.O_RDONLY)

    def holder(self) -> str:
        """The process id of the holder, as text; empty if there is none or the file cannot be read."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.read(descriptor, _NAME_BYTES).decode(errors="replace").strip() or "unknown"
        finally:
            os.close(descriptor)
        return ""

    def give_back(self) -> None:
        """Release the lease; nothing if it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
