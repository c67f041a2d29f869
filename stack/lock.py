"""A lock file that serialises processes that change one stack, with a bounded wait whose error names the holder.

The kernel frees the lock when its holder ends: a crash leaves nothing to clean up.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.errors import StackError

_POLL_S = 0.05


@contextmanager
def locked(path: Path, wait_s: float, purpose: str) -> Iterator[None]:
    """Hold the lock at `path` for the `with` block.

    wait_s: longest wait in seconds. purpose: what the lock protects, for the error text.
    Raises StackError when another process still holds it after that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        # Polled: a blocking flock would stop the whole gevent loop.
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                    raise StackError(
                        f"timed out after {wait_s:g} s waiting for the lock on {purpose} in {path.parent}, "
                        f"which process {holder} holds: "
                        "wait until it has ended, or end it"
                    ) from None
                time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
