"""Why each lost event was lost, as far as evidence goes: by the service's own log, else by the send time. Pure.

A cause is a code from a published list (`docs/causes.md`). It says what was observed of that one order, not what
happened inside the service.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.analysis.truth_table import Table
from reconcile.history.history import id_text
from reconcile.history.joins import Bools, Floats, quantile
from reconcile.history.moments import Moment
from reconcile.history.service_log import LogLine, Said
from runlog.fault_facts import FaultFacts
from runlog.ledger import Phase
from runlog.outages import Outage


class LostCause(Enum):
    """The published list; the values are those of CSV and `report.json`."""

    NOT_HANDED_OVER = "not_handed_over"
    GIVEN_UP = "given_up"
    ACKNOWLEDGED_AND_GONE = "acknowledged_and_gone"
    IN_FLIGHT_AT_BREAK = "in_flight_at_break"
    SENT_WHILE_STOPPING = "sent_while_stopping"
    SENT_WHILE_DOWN = "sent_while_down"
    SENT_WHILE_RETURNING = "sent_while_returning"
    SENT_NEAR_OUTAGE = "sent_near_outage"
    OUTSIDE_OUTAGES = "outside_outages"
    PUBLISHES_NOTHING = "publishes_nothing"
    NO_SEND_TIME = "no_send_time"

    def words(self, fault: FaultFacts) -> str:
        """Return the cause in words, for people, in a run with this fault."""
        failing = "fail" if fault.state == "down" else f"be {fault.state}"
        return _WORDS[self].format(state=fault.state, failing=failing, back=fault.back)


_WORDS: Final = {
    LostCause.NOT_HANDED_OVER: "never handed to the Kafka client, says the service's log",
    LostCause.GIVEN_UP: "given up by the Kafka client, says the service's log",
    LostCause.ACKNOWLEDGED_AND_GONE: "acknowledged by a broker, says the service's log, yet missing",
    LostCause.IN_FLIGHT_AT_BREAK: "under way when the target was first observed to {failing}",
    LostCause.SENT_WHILE_STOPPING: "sent after injection began, before the target was proven {state}",
    LostCause.SENT_WHILE_DOWN: "sent while the target was proven {state}",
    LostCause.SENT_WHILE_RETURNING: "sent after healing began, before the target was proven {back}",
    LostCause.SENT_NEAR_OUTAGE: "sent before or after an outage, within request timeout plus delivery timeout of it",
    LostCause.OUTSIDE_OUTAGES: "sent far from every outage",
    LostCause.PUBLISHES_NOTHING: "sent after the last outage, and the service has published nothing since",
    LostCause.NO_SEND_TIME: "in no ledger, so its send time is unknown",
}
_OF_LINE: Final = {
    Said.PUBLISH_FAILED: LostCause.NOT_HANDED_OVER,
    Said.EVENT_LOST: LostCause.GIVEN_UP,
    Said.DELIVERED: LostCause.ACKNOWLEDGED_AND_GONE,
}
_OF_MOMENT: Final = {
    Moment.STOPPING: LostCause.SENT_WHILE_STOPPING,
    Moment.DOWN: LostCause.SENT_WHILE_DOWN,
    Moment.STARTING: LostCause.SENT_WHILE_RETURNING,
    Moment.UNKNOWN: LostCause.NO_SEND_TIME,
}
AS_USUAL: Final = "as in the baseline"
SLOWER: Final = "slower than the baseline"
NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence about one lost event.

    Attributes:
        in_flight: its request was under way when a target was first observed to fail.
        latency_s: seconds from send to answer; None without an answer.
        latency_class: AS_USUAL (at most the baseline's 99th percentile), SLOWER, NO_ANSWER; empty if unknown.
        line: of the service's log about it; None without one.
    """

    cause: LostCause
    in_flight: bool
    latency_s: float | None
    latency_class: str
    line: LogLine | None


def evidence_of(
    table: Table,
    cases: NDArray[np.intp],
    moments: NDArray[np.uint8],
    outages: list[Outage],
    *,
    log: dict[str, LogLine],
    reach: float,
    silent_since: float | None = None,
) -> list[Evidence]:
    """Return the evidence about each of `cases`, indices into the table.

    Args:
        moments: of each case of the table, see `reconcile.history.moments.moments`.
        outages: in order.
        log: lines of the service's log, by order id.
        reach: seconds for which the service may work on an order before or after an outage.
        silent_since: since when the service is proven to publish nothing any more, epoch seconds; None: not proven.
    """
    usual = _baseline_latency(table)
    in_flight = _in_flight(table, outages)
    near = _near(table.sent, outages, reach)
    found = []
    for case in cases.tolist():
        line = log.get(id_text(int(table.hi[case]), int(table.lo[case])))
        latency = float(table.completed[case] - table.sent[case])
        known = None if np.isnan(latency) else latency
        cause = _cause(line, bool(in_flight[case]), Moment(int(moments[case])), bool(near[case]))
        if line is None and silent_since is not None and table.sent[case] >= silent_since:
            cause = LostCause.PUBLISHES_NOTHING
        found.append(Evidence(cause, bool(in_flight[case]), known, _class(table, case, known, usual), line))
    return found


def tally(found: list[Evidence]) -> dict[str, int]:
    """Return the number of lost events by cause, in the order of the list; causes of none are left out."""
    counts = dict.fromkeys(LostCause, 0)
    for one in found:
        counts[one.cause] += 1
    return {cause.value: count for cause, count in counts.items() if count}


def _cause(line: LogLine | None, in_flight: bool, moment: Moment, near: bool) -> LostCause:
    if line is not None:
        return _OF_LINE[line.said]
    if in_flight:
        return LostCause.IN_FLIGHT_AT_BREAK
    return _OF_MOMENT.get(moment) or (LostCause.SENT_NEAR_OUTAGE if near else LostCause.OUTSIDE_OUTAGES)


def _in_flight(table: Table, outages: list[Outage]) -> Bools:
    """Return which requests were under way at the first failure of an outage, those without an answer included.

    A case without a send time is not among them: a comparison with NaN is false.
    """
    found = np.zeros(len(table.sent), dtype=np.bool_)
    for outage in outages:
        if outage.down_edge is not None:
            found |= (table.sent < outage.down_edge[1]) & ~(table.completed < outage.down_edge[1])
    return found


def _near(sent: Floats, outages: list[Outage], reach: float) -> Bools:
    near = np.zeros(len(sent), dtype=np.bool_)
    for outage in outages:
        near |= (sent >= outage.begin - reach) & (sent <= outage.end + reach)
    return near


def _baseline_latency(table: Table) -> float | None:
    latency = (table.completed - table.sent)[table.phase == Phase.BASELINE]
    return quantile(latency[~np.isnan(latency)], 0.99)


def _class(table: Table, case: int, latency: float | None, usual: float | None) -> str:
    if table.attempt[case] < 0:
        return ""
    if latency is None:
        return NO_ANSWER
    return "" if usual is None else AS_USUAL if latency <= usual else SLOWER
