"""The marks of one fault in the history of its run (`injecting`, `injected`, `healing`, `healed`): each written once.

Their one author is the watchdog, and `python -m chaos restore` where no watchdog is left.
"""

import logging
from pathlib import Path
from typing import Any, Final

from chaos.faults.journal import OpenFault, this_boot
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark, append_mark, read_marks

log = logging.getLogger("watchdog")

# A clock that has moved against the wall by more was left behind by a sleeping machine.
_LARGEST_STEP_S: Final = 60.0


class FaultMarks:
    """The marks of the fault that a journal's entry holds, on the clock of its run.

    A run that has ended or was judged keeps its history, and so does one whose clock does not count any more: a later
    healing writes nothing then.

    Args:
        live: whether its run still goes on.
    """

    def __init__(self, entry: OpenFault, *, live: bool) -> None:
        clock = AnchoredClock(*entry.clock)
        counts = entry.boot == this_boot() and (live or abs(clock.wall_step()) < _LARGEST_STEP_S)
        self.clock = clock if counts else AnchoredClock.anchor()
        self._path = Path(entry.marks) if entry.marks and counts else None
        self._outage = entry.outage

    def write(self, name: str, at: float, **detail: Any) -> str | None:
        """Write a mark unless it is there already; return why it cannot be written, None otherwise.

        Args:
            name: one of `runlog.marks`.
            at: epoch seconds of `clock`.
        """
        path = self._path
        if path is None or not path.is_file() or (path.parent / "report.json").exists():
            return None
        try:
            known = {(mark.name, mark.outage) for mark in read_marks(path)}
            if not known & {(marks.ENDED, None), (name, self._outage)}:
                append_mark(path, Mark(at, name, self._outage, detail))
        except (OSError, ValueError) as error:  # a full disk: healing goes before writing
            trouble = f"the mark {name} cannot be written: {getattr(error, 'strerror', None) or error}"
            log.warning("%s", trouble)
            return trouble
        return None
