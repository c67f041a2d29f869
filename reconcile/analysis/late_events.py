"""Late events: their order was sent before the target was back, and they were appended after that.

"Back" is the lower edge of its return: `up_edge[0]`, the last moment at which the target did not answer, or, if it
answered a probe on any connection sooner after healing began, the moment of that probe. The mark `healed` is a few
probes later, when the return is proven. By then a waiting relay has published its backlog: measured against the mark
those events would not be late, though they waited for the entire outage.

No record has a proven append time. The monitor's end offsets bracket it (`runlog.offsets`), it was not appended before
its order was sent, and nothing is appended while the broker answers on no connection. (That is known only if the
broker itself was down: one that is only cut off from the service still answers others.) An event is late only if that
proves it. If the bracket straddles the boundary, it is `undecided`: counted, in no list, and no evidence. The delay is
an upper bound: latest append time minus send time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from health.replies import ProbeResult
from reconcile.analysis.truth_table import Table
from reconcile.history.joins import Bools, Floats, Ints, quantile
from runlog.offsets import Observation
from runlog.outages import Outage


@dataclass(frozen=True, slots=True)
class LateEvents:
    """The late events, as parallel arrays over the cases of the table, shape (n,).

    Attributes:
        late: sent before the target was back, and proven appended after that.
        undecided: sent before the target was back, and perhaps appended before that, perhaps after it.
        not_before, not_after: bounds of the append time of the order's first event in epoch seconds; NaN: no bound.
        delay: seconds from send to `not_after`, for late ones; NaN elsewhere.
    """

    late: Bools
    undecided: Bools
    not_before: Floats
    not_after: Floats
    delay: Floats

    def delays(self) -> dict[str, float | None]:
        """Return median, 95th percentile and maximum of the delay in seconds; None when no delay is known."""
        known = self.delay[self.late & ~np.isnan(self.delay)]
        return {"p50_s": quantile(known, 0.5), "p95_s": quantile(known, 0.95), "max_s": quantile(known, 1.0)}


def append_brackets(
    observations: list[Observation], partitions: NDArray[np.int32], offsets: Ints
) -> tuple[Floats, Floats]:
    """Return bounds of the append time of records: not before, not after; epoch seconds, shape (n,) each, NaN: none.

    A record is in the log by the first answer whose end lies beyond it, and was not yet there when the last answer with
    an end at or before it was asked for.
    """
    not_before, not_after = np.full(len(offsets), np.nan), np.full(len(offsets), np.nan)
    for partition in np.unique(partitions):
        seen = [
            (o.ends[int(partition)], o.asked, o.answered) for o in observations if o.ends and int(partition) in o.ends
        ]
        if not seen:
            continue
        ends, asked, answered = np.array(seen, dtype=np.float64).T
        here = np.flatnonzero(partitions == partition)
        beyond = np.searchsorted(ends, offsets[here], side="right")
        lower, upper = beyond > 0, beyond < len(ends)
        not_before[here[lower]] = asked[beyond[lower] - 1]
        not_after[here[upper]] = answered[beyond[upper]]
    return not_before, not_after


def find_late(
    table: Table,
    events: NDArray[np.void],
    outages: list[Outage],
    observations: list[Observation],
    read_at: float | None,
    *,
    served: list[ProbeResult],
    silences: bool,
) -> LateEvents:
    """Find the late events.

    Args:
        events: the events witness, array of EVENT.
        outages: in order; those that were never healed have no late events.
        observations: of the monitor, in order.
        read_at: when the end of the topic was taken: by then every event read was in the log.
        served: probes that the target answered as without the fault, in order.
        silences: whether the run's fault stops its target from answering any client.
    """
    partitions, offsets = events["partition"].astype(np.int32), events["offset"].astype(np.int64)
    first, last = append_brackets(observations, partitions, offsets)
    last = np.where(np.isnan(last), np.nan if read_at is None else read_at, last)
    # The first event of an order counts. fmin ignores NaN, so an unknown lower bound must be minus infinity here.
    not_before, not_after = np.full(len(table.sent), np.inf), np.full(len(table.sent), np.nan)
    np.minimum.at(not_before, table.case_of_event, np.where(np.isnan(first), -np.inf, first))
    np.fmin.at(not_after, table.case_of_event, last)
    not_before = np.fmax(not_before, table.sent)
    if silences:
        not_before = _raise_bounds(not_before, outages, observations, served)
    returned = np.array([*sorted(_returned(outage, served) for outage in outages if outage.healed is not None), np.inf])
    # The end of the outage in which, or before which, the order was sent.
    next_return = returned[np.searchsorted(returned[:-1], table.sent, side="right")]
    candidate = table.complete & ~np.isnan(table.sent) & np.isfinite(next_return)
    late = candidate & (not_before >= next_return)
    undecided = candidate & ~late & ~(not_after <= next_return)
    bounded = np.where(np.isfinite(not_before), not_before, np.nan)
    return LateEvents(late, undecided, bounded, not_after, np.where(late, not_after - table.sent, np.nan))


def _returned(outage: Outage, served: list[ProbeResult]) -> float:
    """Return when the target was back at the earliest: not later than the first probe answered since healing."""
    healing = outage.edges[2]
    return min([outage.returned, *(max(seen.asked, healing) for seen in served if seen.answered >= healing)])


def _raise_bounds(
    not_before: Floats, outages: list[Outage], observations: list[Observation], served: list[ProbeResult]
) -> Floats:
    """Return the lower bounds with those inside a downtime of the broker moved to its end."""
    raised = not_before.copy()
    for outage in outages:
        downtime = _downtime(outage, observations, served)
        if downtime is not None:
            begin, end = downtime
            raised[(raised >= begin) & (raised < end)] = end
    return raised


def _downtime(outage: Outage, observations: list[Observation], served: list[ProbeResult]) -> tuple[float, float] | None:
    """Return when the broker answered no client, so that nothing was appended; None if unknown.

    A downtime with an answer in between (a fault that did not hold) proves nothing. While the broker was stopping, it
    may still have answered on one of the connections: the downtime begins after that.
    """
    if outage.downtime is None or outage.target not in {None, "broker"}:
        return None
    begin, end = outage.downtime[0], _returned(outage, served)
    if any(seen.ok and begin <= seen.asked and seen.answered <= end for seen in observations):
        return None
    _, injected, healing, _ = outage.edges
    if any(injected < seen.answered < healing for seen in served):
        return None
    return max([begin, *(seen.answered for seen in served if seen.answered <= injected)]), end
