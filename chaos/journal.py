"""The journal: what we are about to break is on disk before we break it, and crossed out once it is proven mended.

One file beside the stack, so that whoever comes next (the next start, a person, a watchdog) knows what was left broken,
by which run, and how it is mended. Written whole, with a rename.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from runlog.folder import write_text


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that was begun and not yet proven mended.

    Attributes:
        run_id: the run that did it.
        fault: what was done.
        target: to which component.
        described: what exactly was hit, in words.
        at: epoch seconds.
        pid: the harness process that did it.
    """

    run_id: str
    fault: str
    target: str
    described: str
    at: float
    pid: int


class Journal:
    """The journal of one stack.

    Args:
        path: its file; the folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, entry: OpenFault) -> None:
        """Write that `entry` is about to be done; it is on disk when this returns.

        Raises:
            OSError: it cannot be written; then the fault must not be done.
        """
        write_text(self._path, json.dumps(asdict(entry)) + "\n")
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Write that everything is proven mended."""
        self._path.unlink(missing_ok=True)

    def left_open(self) -> OpenFault | None:
        """Return what an earlier run left open, None when nothing is."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            return OpenFault(**record)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            # Half a file cannot come from us (we rename), but if it is there something was open: say so.
            return OpenFault("unknown", "unknown", "unknown", "an unreadable journal", 0.0, 0)
