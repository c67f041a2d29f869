"""What the live counter says a few times a second, as its lines hold it."""

from dataclasses import dataclass

from chaos.live.counter import Counts

FRESH_S = 1.0
"""A value that was read longer ago is no longer that of now."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of a moment. Times in epoch seconds of the run's clock.

    Attributes:
        at: when it was taken.
        read_at: the latest moment up to which the topic is known to have been read to its end; None: not yet.
        backlog_at: when the ids in the backlog were read; None: there is no known backlog, or it cannot be read.
        untagged: events without a tag of any run; each may be the event of an order that seems to have none.
        problem: why nothing is counted any more; None while all is.
        figure: the picture of the run so far, as HTML; None where none is wanted, or it has not changed.
    """

    at: float
    counts: Counts
    read_at: float | None
    backlog_at: float | None
    untagged: int
    problem: str | None = None
    figure: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the topic was read to its end just now."""
        return self.read_at is not None and self.at - self.read_at < FRESH_S
