"""What the witnesses of one run said, as arrays: the only form in which the pure core sees the stores.

Ids are 128-bit numbers held as two big-endian words, so that bytes from PostgreSQL, from Kafka and from the ledger can
be viewed as such without a copy, and compared, sorted and joined by numpy without a Python object an order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS
from health.replies import ProbeResult
from reconcile.history.confirmation import Confirmation
from reconcile.history.service_log import LogLine
from runlog.facts import RunFacts
from runlog.ledger import Ledger
from runlog.marks import Mark
from runlog.offsets import Observation

Progress = Callable[[str, int, int | None], None]
"""Told how reading goes on: what is read ("rows", "events"), how many so far, and of how many (None: not known)."""

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
"""Records that name an order of the run and are not its event: order id, place of the first such record, how many
they are, and why the first one does not count (`contract.event.Why`)."""


@dataclass(frozen=True, slots=True)
class RowsWitness:
    """What PostgreSQL said, in one snapshot.

    Attributes:
        rows: array of ROW, the run's rows; a second row of one attempt stands as a second element.
        pending: array of IDS, orders of this run whose event a known backlog (outbox) still holds.
        elsewhere: array of IDS, order ids of this run's events that stand in the table outside the run's range (for a
            service that options describe also those that answers told).
        taken_at: epoch seconds of the run's clock when the snapshot was taken.
        complete: the snapshot was read to its end.
        problem: why not, in one line; None when complete.
        snapshot: `pg_current_snapshot()` as text; None when it was not noted.
        names: texts of order ids that their bytes do not tell back, as the table has them.
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
    """What Kafka said, from the start offsets of the run to the proven end of the topic.

    Attributes:
        events: array of EVENT, every record of the run that counts as an event, duplicates included.
        foreign: readable events of other runs or other traffic in the range that was read.
        unreadable: records of the range that count as no delivery (tombstones, garbage, another event type).
        starts: first offset that was wanted, by partition.
        lows: first offset that the log still held, by partition.
        reached: offset up to which each partition was read.
        ends: high watermark of each partition, taken after the drain; `reached` must not lie below.
        topic_id: the broker's id of the topic when it was read; None when it does not tell.
        read_at: epoch seconds of the run's clock when `ends` was taken.
        complete: every partition was read up to its end.
        problem: why not, in one line; None when complete.
        compacted: later records may remove earlier ones; None when that is unknown.
        write_caching: the broker acknowledges what it holds in memory only; None when that is unknown.
        settings_problem: why one of these is unknown, in one line; None when both are known.
        skipped: offsets between `starts` and `reached` at which no readable record was: compacted away, of an aborted
            transaction, or a control record. 0 proves that the log is whole; None when they were not counted.
        names: texts of order ids that their bytes do not tell back, as the events have them.
        mentions: array of MENTION, one for each order of the run without an event that records name which might be
            its event.
        aside: array of MENTION, the same of records that are certainly not: tombstones, filtered ones.
        opaque: records of the range that are not certainly no event and that nothing attributes to an order.
        rejected: how many records count as no event of the run, by `Why`.
        named_at: where the first records of `mentions` name their order, for example `value:order.id`: how many do.
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
    """All that is known of one run: what the harness wrote down while it went on, and what the stores said after it.

    Attributes:
        facts: what was known at the start.
        ledger: what the HTTP client saw, attempt by attempt.
        marks: what happened when, in order.
        observations: end offsets of the topic as the monitor observed them, in order.
        probe_results: how the target of the fault answered the monitor, in order.
        rows: what PostgreSQL said.
        events: what Kafka said.
        service_log: what the service's own log says of single orders, by order id.
        confirmation: what the second path said of the violations; None when nobody has asked it yet.
        lost_rows: the events that were lost, made anew, one line of JSON each; None when their rows were not read.
        names: texts of order ids that their bytes do not tell back, as answers told them.
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
    ids = np.empty(len(array), dtype=IDS)
    ids["hi"], ids["lo"] = array["hi"], array["lo"]
    return ids
