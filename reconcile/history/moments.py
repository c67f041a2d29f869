"""In which part of a run's outages a moment lies."""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.history.joins import Floats
from runlog.fault_facts import FaultFacts
from runlog.outages import Outage


class Moment(IntEnum):
    """When an order was sent, relative to the outages; the first thing to know about a lost event."""

    NO_OUTAGE = 0
    """The run had no outage."""
    BEFORE = 1
    """Sent before the first outage began: the event was still on its way, or something else is wrong."""
    STOPPING = 2
    """Sent after injection began, before the target was proven down or degraded."""
    DOWN = 3
    """Sent while the target was proven down or degraded."""
    STARTING = 4
    """Sent after healing began, before the target was proven back."""
    AFTER = 5
    """Sent after the target was proven back: the service had not recovered yet, or something else is wrong."""
    UNKNOWN = 6
    """No send time: the order is in no ledger."""

    def words(self, fault: FaultFacts) -> str:
        """Return the words of reports in a run with this fault."""
        before, after = fault.stages
        return _MOMENTS[self].format(before=before, state=fault.state, after=after)


_MOMENTS: Final = {
    Moment.NO_OUTAGE: "no outage in this run",
    Moment.BEFORE: "before the outage",
    Moment.STOPPING: "while the target was {before}",
    Moment.DOWN: "while the target was {state}",
    Moment.STARTING: "while the target was {after}",
    Moment.AFTER: "after recovery",
    Moment.UNKNOWN: "unknown: no send time",
}


def moments(sent: Floats, outages: list[Outage]) -> NDArray[np.uint8]:
    """Return the `Moment` of each send time (epoch seconds, NaN: unknown), shape (n,)."""
    if not outages:
        where = np.full(len(sent), int(Moment.NO_OUTAGE))
    else:
        edges = np.array([edge for outage in outages for edge in outage.edges])
        passed = np.searchsorted(edges, sent, side="right")
        inside = np.array([Moment.AFTER, Moment.STOPPING, Moment.DOWN, Moment.STARTING])[passed % 4]
        where = np.where(passed == 0, int(Moment.BEFORE), inside)
    return np.where(np.isnan(sent), int(Moment.UNKNOWN), where).astype(np.uint8)
