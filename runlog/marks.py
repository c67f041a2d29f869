"""The marks of a run: its events with their times, one JSON object a line, on disk before the run goes on.

Times are of the run's own clock. The marks of an outage (`injecting`, `injected`, `healing`, `healed`) define it:
phases, failure window and late events are measured by them.
"""

import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from files.safe_files import read_regular
from health.replies import Connection, How
from runlog.locks import hold_recording

# Marks outside an outage, in the order in which a run passes them.
STARTED: Final = "started"
BASELINE: Final = "baseline"
INJECTING: Final = "injecting"
INJECTED: Final = "injected"
HEALING: Final = "healing"
HEALED: Final = "healed"
# No orders are sent between these two, as healing took too long. Without the second, none are sent until the end.
LOAD_STOPPED: Final = "load_stopped"
LOAD_RESUMED: Final = "load_resumed"
RECOVERY: Final = "recovery"
DRAIN: Final = "drain"
DRAINED: Final = "drained"
HEALTH_CHECKED: Final = "health_checked"
PHANTOMS_CHECKED: Final = "phantoms_checked"
WORKER_LOST: Final = "worker_lost"
INTERRUPTED: Final = "interrupted"
FAILED: Final = "failed"
ENDED: Final = "ended"
# After the end: a listener or plugin of Locust ended the process with its own exit code.
LISTENER: Final = "listener"

# Several threads take the times and write the marks, so that neighbours may be slightly out of order.
LARGEST_STEP_BACK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        at: epoch seconds of the run's clock.
        name: one of the constants of this file.
        outage: number of the outage, from 0, or None.
        detail: further values of JSON, without secrets.
    """

    at: float
    name: str
    outage: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why, in the words of its author; `no reason given` without them."""
        return str(self.detail.get("reason", "no reason given"))


class MarksWriter:
    """Appends marks to a file, each on disk when `write` returns.

    While it is open the run is marked as being recorded (`runlog.locks`).
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        hold_recording(self._fd)

    def write(self, mark: Mark) -> None:
        """Append `mark`.

        Raises:
            OSError: the disk is full or not writable.
        """
        record = {"at": mark.at, "name": mark.name, "outage": mark.outage, **mark.detail}
        line = json.dumps(record).encode() + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            # Remove the incomplete line, so that later marks begin a line of their own.
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; further marks are an error."""
        os.close(self._fd)


class HorizonWaited(msgspec.Struct):
    """The publish horizon of the drain (`contract.publish_horizon`) and how long the drain waited; seconds."""

    seconds: float
    source: str
    waited: float


class SilenceSeen(msgspec.Struct):
    """What the drain found when the event of its canary order did not come within the producer's limits.

    `answered_at`: latest moment of that order's answer, epoch seconds. `led`, `open_transaction`: None: unknown.
    """

    answered_at: float
    led: bool | None
    open_transaction: bool | None


def append_mark(path: Path, mark: Mark) -> None:
    """Append one mark to a file whose writer is closed.

    Raises:
        OSError: the disk is full or not writable.
    """
    writer = MarksWriter(path)
    try:
        writer.write(mark)
    finally:
        writer.close()


class _Line(msgspec.Struct):
    """The types of a mark's members; the judge relies on them."""

    at: float
    name: str
    outage: int | None
    run: str | None = None
    fault: str | None = None
    target: str | None = None
    healed_by: str | None = None
    down_edge: tuple[float, float] | None = None
    up_edge: tuple[float, float] | None = None
    seen: dict[Connection, How] | None = None
    measured: dict[Connection, float] | None = None
    complete: bool | None = None
    missing: list[str] | None = None
    reason: str | None = None
    exit_code: int | None = None
    not_restored: bool | None = None
    wall_step: float | None = None
    own_orders: list[str] | None = None
    horizon: HorizonWaited | None = None
    silence: SilenceSeen | None = None
    repeated_id: str | None = None
    asked: int | None = None
    get_404: int | None = None
    in_orders: int | None = None
    in_order_items: int | None = None
    rows_of_run: int | None = None
    health_up: bool | None = None
    problem: str | None = None


def read_marks(path: Path) -> list[Mark]:
    """Return the marks of a file in order; an incomplete last line is left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a line is no mark, or its time is before that of a mark above it.
    """
    marks: list[Mark] = []
    lines = read_regular(path).removesuffix(b"\n").split(b"\n")
    latest = float("-inf")
    for number, line in enumerate(lines, 1):
        try:
            record = msgspec.json.decode(line, type=dict[str, Any])
            msgspec.convert(record, _Line)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"line {number}: {error}") from None
        except msgspec.DecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f"line {number}: {error}") from None
        mark = Mark(float(record.pop("at")), record.pop("name"), record.pop("outage"), record)
        if mark.at < latest - LARGEST_STEP_BACK_S:
            raise ValueError(f"line {number}: `{mark.name}` is {latest - mark.at:.3f} s before a mark above it")
        latest = max(latest, mark.at)
        marks.append(mark)
    return marks
