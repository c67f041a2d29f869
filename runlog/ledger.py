"""The ledger: every order we attempted, on disk before its answer is known.

One append-only file of fixed-size binary records. An attempt is written when it is sent and again when it is
completed, so a harness that dies leaves every attempt behind; a closing record says that the writer ended in order and
how many arrivals were due. Records go out unbuffered: they survive the death of the process at once. Layout: a
16-byte header, then records of `RECORD` (little endian, 56 bytes, times in epoch seconds of the run's clock).
"""

import os
import uuid
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Final

from runlog.outcomes import Failure, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER: Final = b"ORDER-LEDGER\x00\x01\r\n"
_PACK: Final = Struct("<BBHBBHQddd16s")
NO_ID: Final = bytes(16)
FIELDS: Final = [
    ("kind", "u1"),
    ("outcome", "u1"),
    ("status", "<u2"),
    ("phase", "u1"),
    ("has_id", "u1"),
    ("failure", "<u2"),
    ("seq", "<u8"),
    ("due", "<f8"),
    ("sent", "<f8"),
    ("completed", "<f8"),
    ("order_id", "V16"),
]


class Kind(IntEnum):
    """What a record says of its attempt."""

    SENT = 1
    COMPLETED = 2
    NOT_SENT = 3
    CLOSED = 4


class Phase(IntEnum):
    """Phase in which an order fell due; the numbers are those of the ledger file."""

    BASELINE = 1
    OUTAGE = 2
    RECOVERY = 3

    @property
    def label(self) -> str:
        """The word that reports and request names use."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Completion:
    """How one attempt ended.

    Attributes:
        completed: epoch seconds when the answer was complete or given up.
        outcome: see `runlog.outcomes.classify`.
        status: HTTP status, 0 without a complete answer.
        failure: what went wrong below HTTP.
        order_id: the id that the answer told, if any.
    """

    completed: float
    outcome: Outcome
    status: int
    failure: Failure
    order_id: uuid.UUID | None


class LedgerWriter:
    """Appends records to a ledger file; one writer a file.

    Raises:
        FileExistsError: the file is there already: a ledger is never written over.
        OSError: the disk is full or not writable.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        os.write(self._fd, HEADER)

    def sent(self, seq: int, due: float, sent: float, phase: Phase) -> None:
        """Write that attempt `seq`, due at `due`, goes out at `sent` (epoch seconds)."""
        self._write(_PACK.pack(Kind.SENT, 0, 0, phase, 0, 0, seq, due, sent, 0.0, NO_ID))

    def completed(self, seq: int, due: float, sent: float, phase: Phase, end: Completion) -> None:
        """Write how attempt `seq` ended."""
        identity = end.order_id.bytes if end.order_id else NO_ID
        has_id = end.order_id is not None
        self._write(
            _PACK.pack(
                Kind.COMPLETED,
                end.outcome,
                end.status,
                phase,
                has_id,
                end.failure,
                seq,
                due,
                sent,
                end.completed,
                identity,
            )
        )

    def not_sent(self, seq: int, due: float, phase: Phase) -> None:
        """Write that the arrival `seq`, due at `due`, could not be sent."""
        self._write(_PACK.pack(Kind.NOT_SENT, 0, 0, phase, 0, 0, seq, due, 0.0, 0.0, NO_ID))

    def close(self, due: int | None) -> None:
        """Write the closing record with the number of arrivals that were due (None: ended out of order), and close."""
        if self._fd < 0:
            return
        if due is not None:
            self._write(_PACK.pack(Kind.CLOSED, 0, 0, 0, 0, 0, due, 0.0, 0.0, 0.0, NO_ID))
        os.close(self._fd)
        self._fd = -1

    def _write(self, record: bytes) -> None:
        if os.write(self._fd, record) != len(record):
            raise OSError("the ledger was written short: the disk is full")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as read back.

    Attributes:
        attempts: structured array of `FIELDS`, one element a due arrival that is on disk, in order of `seq`;
            `kind` is SENT (no answer known), COMPLETED or NOT_SENT.
        closed: the writer ended in order.
        due: arrivals that were due: what the closing record says, else the number of elements.
        missing: sequence numbers below `due` that are not in the file.
        torn_bytes: bytes of a last record that was cut short.
    """

    attempts: "NDArray[np.void]"
    closed: bool
    due: int
    missing: int
    torn_bytes: int

    @property
    def complete(self) -> bool:
        """Whether every due arrival is accounted for."""
        return self.closed and not self.missing and not self.torn_bytes


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no ledger, or of another version.
    """
    import numpy as np

    raw = path.read_bytes()
    if not raw.startswith(HEADER):
        raise ValueError(f"{path.name} is not a ledger of this version")
    body = memoryview(raw)[len(HEADER) :]
    torn = len(body) % _PACK.size
    records = np.frombuffer(body[: len(body) - torn], dtype=np.dtype(FIELDS))
    closing = records[records["kind"] == Kind.CLOSED]
    opened = records[(records["kind"] == Kind.SENT) | (records["kind"] == Kind.NOT_SENT)]
    done = records[records["kind"] == Kind.COMPLETED]
    due = int(closing["seq"][-1]) if len(closing) else None
    highest = int(max((part["seq"].max() for part in (opened, done) if len(part)), default=-1)) + 1
    slots = np.zeros(max(highest, due or 0), dtype=records.dtype)
    # Of several records of one attempt the last counts: a completion comes after its sending.
    slots[opened["seq"]] = opened
    slots[done["seq"]] = done
    attempts = slots[slots["kind"] != 0]
    expected = due if due is not None else len(slots)
    return Ledger(
        attempts=attempts,
        closed=bool(len(closing)),
        due=due if due is not None else len(attempts),
        missing=max(0, expected - len(attempts)),
        torn_bytes=torn,
    )
