"""What the live counter says a few times a second, as its lines hold it."""

from dataclasses import dataclass

from chaos.live.counter import LiveCounts

FRESH_S = 1.0
"""A value that was read longer ago is no longer that of now."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of a moment. Times in epoch seconds of the run's clock.

    Attributes:
        at: when it was taken.
        read_at: the latest moment up to which the topic is known to have been read to its end; None: not yet.
        counted_to: only orders that were answered by then are counted as being without their event, or in the backlog.
        backlog_at: when the ids in the backlog were read; None: there is no known backlog, or it cannot be read.
        backlog_problem: why a known backlog could not be read the last time; None: it was, or there is none.
        untagged: events without a tag of any run; each may be the event of an order that seems to have none.
        figure: the picture of the run so far, as HTML; None where none is wanted, or it has not changed.
    """

    at: float
    counts: LiveCounts
    read_at: float | None
    counted_to: float
    backlog_at: float | None
    backlog_problem: str | None
    untagged: int
    figure: str | None = None
