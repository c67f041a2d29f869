"""The ledger: every attempted order, on disk before its answer is known.

One append-only file of fixed-size binary records. An attempt is written when it is sent and again when it is completed,
so that a harness that dies leaves every attempt behind. A closing record says that the writer ended in order, and how
many arrivals were due. Records are unbuffered, so that they survive the death of the process. Layout (little endian):
16 bytes of magic with the format, 8 bytes of run key, then records of 64 bytes: `FIELDS` (times in epoch seconds of the
run's clock) and the CRC-32 of header and fields, so that records of another run are recognised.
"""

import errno
import os
import zlib
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Final

from contract.run_key import RunKey
from files.safe_files import check_format, read_regular
from runlog.outcomes import Failure, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME: Final = b"ORDER-LEDGER\x00"
_VERSION_AT: Final = len(_NAME)
MAGIC: Final = _NAME + b"\x02\r\n"
HEADER: Final = Struct("<16sQ")
_PACK: Final = Struct("<BBHBBHQddd16s")
_CHECK: Final = Struct("<Q")
RECORD_BYTES: Final = _PACK.size + _CHECK.size
# Sequence numbers are 62 bits of a customer id (`contract.run_key`).
_SEQUENCES: Final = 1 << 62
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


class RecordKind(IntEnum):
    """The state of the attempt in a record."""

    SENT = 1
    COMPLETED = 2
    NOT_SENT = 3
    CLOSED = 4


class Phase(IntEnum):
    """Phase in which an order was due; the numbers are those of the ledger file."""

    BASELINE = 1
    OUTAGE = 2
    RECOVERY = 3

    @property
    def label(self) -> str:
        """The word in reports and request names."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Completion:
    """How one attempt ended.

    Attributes:
        completed: epoch seconds when the answer was complete or the exchange failed.
        outcome: see `runlog.outcomes.classify`.
        status: HTTP status, 0 without a complete answer.
        failure: how the exchange failed below HTTP.
        order_id: the 16 bytes of the id that the answer returned (`contract.order_id`), if any.
    """

    completed: float
    outcome: Outcome
    status: int
    failure: Failure
    order_id: bytes | None


class LedgerWriter:
    """Appends records to a ledger file; one writer a file.

    Args:
        run_key: of the run whose attempts go into it.

    Raises:
        FileExistsError: the file exists: a ledger is never overwritten.
        OSError: the disk is full or not writable.
    """

    def __init__(self, path: Path, run_key: RunKey) -> None:
        header = HEADER.pack(MAGIC, run_key.upper)
        self._salt = zlib.crc32(header)
        self._torn = False
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._append(header)

    def sent(self, seq: int, due: float, sent: float, phase: Phase) -> None:
        """Write that attempt `seq`, due at `due`, is sent at `sent` (epoch seconds)."""
        self._write(_PACK.pack(RecordKind.SENT, 0, 0, phase, 0, 0, seq, due, sent, 0.0, NO_ID))

    def completed(self, seq: int, due: float, sent: float, phase: Phase, end: Completion) -> None:
        identity = NO_ID if end.order_id is None else end.order_id
        has_id = end.order_id is not None
        self._write(
            _PACK.pack(
                RecordKind.COMPLETED,
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
        self._write(_PACK.pack(RecordKind.NOT_SENT, 0, 0, phase, 0, 0, seq, due, 0.0, 0.0, NO_ID))

    def close(self, due: int | None) -> None:
        """Write the closing record with the number of arrivals that were due (None: ended out of order), and close."""
        if self._fd < 0:
            return
        if due is not None:
            self._write(_PACK.pack(RecordKind.CLOSED, 0, 0, 0, 0, 0, due, 0.0, 0.0, 0.0, NO_ID))
        os.close(self._fd)
        self._fd = -1

    def _write(self, fields: bytes) -> None:
        self._append(fields + _CHECK.pack(zlib.crc32(fields, self._salt)))

    def _append(self, record: bytes) -> None:
        # Records after one that was cut short cannot be read, even if the disk has room again.
        if self._torn or os.write(self._fd, record) != len(record):
            self._torn = True
            raise OSError(errno.ENOSPC, "the ledger was written short: the disk is full")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as it was read.

    Attributes:
        attempts: structured array of `FIELDS`, one element a due arrival that is on disk, in order of `seq`;
            `kind` is SENT (no answer known), COMPLETED or NOT_SENT.
        closed: whether the writer ended in order.
        due: number of arrivals that were due: by the closing record, else the number of elements.
        missing: sequence numbers below `due` that are not in the file.
        torn_bytes: bytes of a last record that was cut short.
        damaged: number of damaged records; they are left out.
    """

    run_key: RunKey
    attempts: "NDArray[np.void]"
    closed: bool
    due: int
    missing: int
    torn_bytes: int
    damaged: int = 0

    @property
    def complete(self) -> bool:
        """Whether every due arrival is in it."""
        return self.closed and not (self.missing or self.torn_bytes or self.damaged)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file; a last record that was cut short and damaged ones are counted and left out.

    Raises:
        FileNotFoundError: there is none.
        OtherFormat: it has another format.
        ValueError: the file is no ledger, or all of its records are damaged.
    """
    import numpy as np

    raw = read_regular(path)
    check_head(raw)
    body = memoryview(raw)[HEADER.size :]
    torn = len(body) % RECORD_BYTES
    whole = body[: len(body) - torn]
    padded = np.dtype([*FIELDS, ("check", "<u8")])
    records = np.frombuffer(whole, dtype=padded)
    damaged = _damaged(records, whole, zlib.crc32(raw[: HEADER.size]))
    if (bad := int(damaged.sum())) and bad == len(records):
        raise ValueError(f"all of its {bad} records are damaged")
    records = records[~damaged]
    closing = records[records["kind"] == RecordKind.CLOSED]
    known = records[records["kind"] != RecordKind.CLOSED][[name for name, _ in FIELDS]]
    due = int(closing["seq"][0]) if len(closing) else None
    # The last record of an attempt counts: a completion comes after the sending.
    _, last = np.unique(known["seq"][::-1], return_index=True)
    attempts = known[::-1][last].astype(np.dtype(FIELDS))
    expected = due if due is not None else int(attempts["seq"][-1]) + 1 if len(attempts) else 0
    return Ledger(
        run_key=RunKey.parse(f"{HEADER.unpack(raw[: HEADER.size])[1]:016x}"),
        attempts=attempts,
        closed=due is not None,
        due=due if due is not None else len(attempts),
        missing=expected - len(attempts),
        torn_bytes=torn,
        damaged=bad,
    )


def check_head(raw: bytes) -> None:
    """Check the first `HEADER.size` bytes of a ledger.

    Raises:
        OtherFormat: it has another format.
        ValueError: it is none.
    """
    if (
        len(raw) >= HEADER.size
        and raw.startswith(_NAME)
        and raw[_VERSION_AT + 1 : len(MAGIC)] == MAGIC[_VERSION_AT + 1 :]
    ):
        check_format(raw[_VERSION_AT], MAGIC[_VERSION_AT])
    else:
        raise ValueError("it is no ledger")


def check_sums(raw: memoryview, salt: int) -> "NDArray[np.uint64]":
    """Return the checksum that each of whole records should have, given that of the header."""
    import numpy as np

    sums = [zlib.crc32(raw[at : at + _PACK.size], salt) for at in range(0, len(raw), RECORD_BYTES)]
    return np.array(sums, dtype=np.uint64)


def _damaged(records: "NDArray[np.void]", raw: memoryview, salt: int) -> "NDArray[np.bool_]":
    """Return which records are damaged: a wrong checksum, or fields that the writer cannot have written."""
    import numpy as np

    kind, seq = records["kind"], records["seq"]
    damaged: NDArray[np.bool_] = records["check"] != check_sums(raw, salt)
    unreadable = bool(damaged.any())
    closing = np.flatnonzero((kind == RecordKind.CLOSED) & ~damaged)
    limit = int(seq[closing[0]]) if len(closing) else _SEQUENCES
    damaged |= (
        ~np.isin(kind, list(RecordKind)) | (records["outcome"] > max(Outcome)) | (records["failure"] > max(Failure))
    )
    damaged |= (kind != RecordKind.CLOSED) & (~np.isin(records["phase"], list(Phase)) | (seq >= np.uint64(limit)))
    if not unreadable:  # else the record of its sending may be one of the unreadable ones
        damaged |= (kind == RecordKind.COMPLETED) & ~np.isin(seq, seq[kind == RecordKind.SENT])
    damaged |= ~(np.isfinite(records["due"]) & np.isfinite(records["sent"]) & np.isfinite(records["completed"]))
    if len(closing):
        damaged[closing[0] + 1 :] = True  # nothing follows the closing record
    return damaged
