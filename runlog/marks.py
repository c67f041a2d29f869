"""The marks of a run: what happened when, one JSON object a line, on disk before the run goes on.

Marks carry the run's own clock. Those of an outage (`injecting`, `injected`, `healing`, `healed`) are its truth:
phases, failure window and late events are measured against them.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

# Marks outside an outage, in the order in which a run passes them.
STARTED: Final = "started"
BASELINE: Final = "baseline"
INJECTING: Final = "injecting"
INJECTED: Final = "injected"
HEALING: Final = "healing"
HEALED: Final = "healed"
RECOVERY: Final = "recovery"
DRAIN: Final = "drain"
DRAINED: Final = "drained"
INTERRUPTED: Final = "interrupted"
FAILED: Final = "failed"
ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        at: epoch seconds of the run's clock.
        name: one of the constants of this file.
        outage: number of the outage, from 0, or None.
        detail: whatever explains the mark; JSON values only, no secrets.
    """

    at: float
    name: str
    outage: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class MarksWriter:
    """Appends marks to a file and waits until they are on disk: they are few, and the truth hangs on them."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, mark: Mark) -> None:
        """Append `mark`.

        Raises:
            OSError: the disk is full or not writable.
        """
        record = {"at": mark.at, "name": mark.name, "outage": mark.outage, **mark.detail}
        os.write(self._fd, json.dumps(record).encode() + b"\n")
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; further marks are an error."""
        os.close(self._fd)


def read_marks(path: Path) -> list[Mark]:
    """Return the marks of a file in order; a last line that was cut short is left out.

    Raises:
        FileNotFoundError: there is none.
    """
    marks = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            break
        at, name, outage = record.pop("at"), record.pop("name"), record.pop("outage")
        marks.append(Mark(at, name, outage, record))
    return marks
