"""One harness at a time for one stack: a lock file that the operating system releases however its holder ends."""

import fcntl
import os
from pathlib import Path


class LeaseTaken(Exception):
    """Another harness holds the lease; the message is one sentence with the remedy."""


class Lease:
    """The right to break one stack.

    Args:
        path: the lock file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def take(self) -> None:
        """Take it.

        Raises:
            LeaseTaken: another process has it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
            self.give_back()
            raise LeaseTaken(
                f"another harness (process {holder}) already uses the stack of this checkout; "
                "wait until it has ended, or set HARNESS_STACK_HOME to another folder"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def give_back(self) -> None:
        """Let others have it; harmless when it was not taken."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
