"""The history of one run: its records, and its rows and events as arrays, the only form in which the core sees stores.

Ids are 128-bit numbers held as two big-endian words, so that bytes from PostgreSQL, Kafka and the ledger can be viewed
as such without a copy, and compared, sorted and joined by numpy without a Python object per order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import pack_ids
from health.replies import ProbeResult
from reconcile.history.confirmation import Confirmation
from reconcile.history.service_log import LogLine
from runlog.facts import RunFacts
from runlog.ledger import Ledger
from runlog.marks import Mark
from runlog.offsets import Observation

Progress = Callable[[str, int, int | None], None]
"""Called with the progress of reading: what is read ("rows", "events"), how many, and of how many (None: unknown)."""

ROW: Final = np.dtype([("hi", ">u8"), ("lo", ">u8"), ("seq", "<u8")])
"""A row of the run: order id, and the sequence number that its customer id carries."""

EVENT: Final = np.dtype(
    [
        ("hi", ">u8"),
        ("lo", ">u8"),
        ("event_hi", ">u8"),
        ("event_lo", ">u8"),
        ("seq", "<u8"),
        ("partition", "<i4"),
        ("offset", "<i8"),
    ]
)
"""An event of the run: order id, event id, sequence number of its customer id, place in the log."""

MENTION: Final = np.dtype(
    [("hi", ">u8"), ("lo", ">u8"), ("partition", "<i4"), ("offset", "<i8"), ("count", "<i8"), ("why", "u1")]
)
"""Records that name an order of the run and are not its event: order id, place of the first such record, number of
records, and why the first one does not count (`contract.event.Why`)."""


@dataclass(frozen=True, slots=True)
class RowsWitness:
    """The rows of the run in PostgreSQL, from one snapshot.

    Attributes:
        rows: array of ROW; a second row of one attempt is a second element.
        pending: array of IDS, orders of the run whose event a known backlog (outbox) still holds.
        elsewhere: array of IDS, order ids of the run's events that have a row outside the run's range (with a custom
            contract also ids that answers returned).
        taken_at: epoch seconds of the run's clock when the snapshot was taken.
        complete: the snapshot was read to its end.
        problem: why not, in one line; None when complete.
        snapshot: `pg_current_snapshot()` as text; None if it was not read.
        names: texts of order ids that cannot be decoded from their bytes, as the table has them.
    """

    rows: NDArray[np.void]
    pending: NDArray[np.void]
    elsewhere: NDArray[np.void]
    taken_at: float | None
    complete: bool
    problem: str | None = None
    snapshot: str | None = None
    names: dict[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventsWitness:
    """The events of the run in Kafka, from the start offsets of the run to the proven end of the topic.

    Attributes:
        events: array of EVENT, every record of the run that counts as an event, duplicates included.
        foreign: readable events of other runs or other traffic in the range that was read.
        unreadable: records of the range that count as no delivery (tombstones, garbage, another event type).
        starts: first offset of the range, by partition.
        lows: first offset that the log still held, by partition.
        reached: offset up to which each partition was read.
        ends: high watermark of each partition after the drain; `reached` must not be below.
        topic_id: the broker's id of the topic when it was read; None if it reports none.
        read_at: epoch seconds of the run's clock when `ends` was taken.
        complete: every partition was read up to its end.
        problem: why not, in one line; None when complete.
        compacted: later records may remove earlier ones; None: unknown.
        write_caching: the broker acknowledges records that it holds in memory only; None: unknown.
        settings_problem: why one of these is unknown, in one line; None when both are known.
        skipped: number of offsets between `starts` and `reached` without a readable record: compacted away, of an
            aborted transaction, or a control record. 0 proves that the log is complete; None: not counted.
        names: texts of order ids that cannot be decoded from their bytes, as the events have them.
        mentions: array of MENTION, one for each order of the run without an event that is named by records which might
            be its event.
        aside: array of MENTION, the same for records that are certainly no event: tombstones, filtered ones.
        opaque: number of records of the range that might be events and cannot be attributed to an order.
        rejected: number of records that count as no event of the run, by `Why`.
        named_at: number of first records of `mentions` by the place where they name their order, for example
            `value:order.id`.
    """

    events: NDArray[np.void]
    foreign: int
    unreadable: int
    starts: dict[int, int]
    lows: dict[int, int]
    reached: dict[int, int]
    ends: dict[int, int]
    topic_id: str | None
    read_at: float | None
    complete: bool
    problem: str | None = None
    compacted: bool | None = None
    write_caching: bool | None = None
    settings_problem: str | None = None
    skipped: int | None = None
    names: dict[bytes, str] = field(default_factory=dict)
    mentions: NDArray[np.void] = field(default_factory=lambda: np.empty(0, dtype=MENTION))
    aside: NDArray[np.void] = field(default_factory=lambda: np.empty(0, dtype=MENTION))
    opaque: int = 0
    rejected: dict[int, int] = field(default_factory=dict)
    named_at: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Everything known of one run: what the harness recorded during it, and what the stores held after it.

    Attributes:
        marks: in order.
        observations: end offsets of the topic as the monitor observed them, in order.
        probe_results: how the target of the fault answered the monitor, in order.
        service_log: lines of the service's own log about single orders, by order id.
        confirmation: result of the verification; None before it.
        lost_rows: the lost events rebuilt from their rows, one line of JSON each; None if their rows were not read.
        names: texts of order ids that cannot be decoded from their bytes, as answers returned them.
    """

    facts: RunFacts
    ledger: Ledger
    marks: list[Mark]
    observations: list[Observation]
    probe_results: list[ProbeResult]
    rows: RowsWitness
    events: EventsWitness
    service_log: dict[str, LogLine] = field(default_factory=dict)
    confirmation: Confirmation | None = None
    lost_rows: tuple[bytes, ...] | None = None
    names: dict[bytes, str] = field(default_factory=dict)


def id_text(hi: int, lo: int) -> str:
    """Return the id with the words `hi` and `lo` as lower-case text with dashes."""
    digits = f"{hi:016x}{lo:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def ids_of(array: NDArray[np.void]) -> NDArray[np.void]:
    """Return the order ids of an array of ROW or EVENT as an array of IDS."""
    return pack_ids(array["hi"], array["lo"])


def rows_of(ids: NDArray[np.void], sequence: np.uint64) -> NDArray[np.void]:
    """Return an array of ROW with the ids of an array of IDS, each with the same sequence number."""
    rows = np.empty(len(ids), dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = ids["hi"], ids["lo"], sequence
    return rows
