"""The journal: what we are about to break is on disk before we break it, and crossed out once it is proven mended.

One file for each place where something may be broken, so that whoever comes next (the watchdog, the next start, a
person with `python -m chaos restore`) knows what was left broken, by which run, and how exactly it is undone. Written
whole, with a rename. It holds no secret.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from chaos.targets import TargetSpec
from runlog.folder import write_text

JOURNAL: Final = "journal.json"


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that was begun and not yet proven mended.

    Attributes:
        run_id: the run that did it.
        fault: what was done.
        target: what it was done to.
        described: what exactly was hit, in words.
        at: epoch seconds.
        pid: the harness process whose run it is.
        undo: what the target needs to know to undo it.
        marks: file that takes the marks of the run; empty when nobody keeps them.
        outage: number of the outage in its run.
        clock: epoch and monotonic seconds at the anchor of the run's clock.
    """

    run_id: str
    fault: str
    target: TargetSpec
    described: str
    at: float
    pid: int
    undo: Mapping[str, Any] = field(default_factory=dict)
    marks: str = ""
    outage: int = 0
    clock: tuple[float, float] = (0.0, 0.0)


class JournalUnreadable(Exception):
    """There is a journal, but nobody can tell what it says; the message is one sentence."""


class Journal:
    """The journal of one place.

    Args:
        path: its file; the folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, entry: OpenFault) -> None:
        """Write that `entry` is about to be done; it is on disk when this returns.

        Raises:
            OSError: it cannot be written; then the fault must not be done.
        """
        write_text(self.path, json.dumps(asdict(entry)) + "\n")
        for path in (self.path, self.path.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Write that everything is proven mended."""
        self.path.unlink(missing_ok=True)

    def left_open(self) -> OpenFault | None:
        """Return what stands open, None when nothing does.

        Raises:
            JournalUnreadable: something does, and nobody can tell what.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=OpenFault)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError) as error:
            # Half a file cannot come from us (we rename), but if it is there something was open: say so.
            raise JournalUnreadable(
                f"the journal {self.path} cannot be read ({type(error).__name__}): something may be broken; "
                "see that all parts are up, then delete the file"
            ) from None
