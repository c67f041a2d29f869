"""How soon the service recovered after an outage, from the moment at which the target was proven back.

Two measures: when the first order sent after that moment, with row and event, was acknowledged; and whether and from
when on orders were acknowledged as quickly as in the baseline (`reconcile.analysis.pace`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reconcile.analysis.pace import SHARE, Stretch, find_pace
from reconcile.analysis.truth_table import Table
from reconcile.history.joins import Bools, Floats, quantile
from runlog.ledger import Phase
from runlog.outages import Outage
from runlog.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Recovery:
    """The recovery of one outage. Times are seconds after `healed`; None: it did not happen, or is unknown.

    Attributes:
        first_delivered_s: until the first order sent after it, with row and event, was acknowledged.
        pace: whether orders were acknowledged as quickly as in the baseline, a `reconcile.analysis.pace.Pace`; None
            when the target was never proven back.
        to_baseline_p95_s: from when on they were: 0 for the entire recovery; None if never, or unknown.
        baseline_p95_s, recovery_p95_s: 95th percentile of the time to the acknowledgement; None if more than 5 % of
            the orders were not acknowledged, or none was sent.
        baseline_orders, recovery_orders: number of orders behind these percentiles.
        recovery_s: seconds from `healed` to the last order of the recovery.
    """

    first_delivered_s: float | None
    pace: str | None
    to_baseline_p95_s: float | None
    baseline_p95_s: float | None
    recovery_p95_s: float | None
    baseline_orders: int
    recovery_orders: int
    recovery_s: float


@dataclass(frozen=True, slots=True)
class OutageRates:
    """Orders/s of those sent within an outage, from its first mark to its last; None if it never ended."""

    offered: float | None
    acknowledged: float | None
    delivered: float | None
    lost: float | None


def recoveries(table: Table, outages: list[Outage]) -> list[Recovery]:
    """Return the recovery of each outage; one ends where the next outage begins."""
    count = len(table.attempts)
    sent, answered = table.sent[:count], table.completed[:count]
    acknowledged = table.had(Outcome.ACKNOWLEDGED)[:count]
    latency = np.where(acknowledged, answered - sent, np.inf)
    baseline = _stretch(sent, latency, table.phase[:count] == Phase.BASELINE, None)
    ends = [*(outage.begin for outage in outages[1:]), np.inf][: len(outages)]
    delivered = acknowledged & table.complete[:count]
    found = []
    for outage, end in zip(outages, ends, strict=True):
        if outage.healed is None:
            found.append(Recovery(None, None, None, _p95(baseline), None, len(baseline.since), 0, 0.0))
            continue
        inside = (sent >= outage.healed) & (sent < end)
        answers = answered[inside & delivered]
        first = float(answers.min()) - outage.healed if len(answers) else None
        found.append(_recovery(first, baseline, _stretch(sent, latency, inside, outage.healed)))
    return found


def _recovery(first: float | None, baseline: Stretch, after: Stretch) -> Recovery:
    found = find_pace(baseline, after)
    return Recovery(
        first_delivered_s=first,
        pace=found.pace.value,
        to_baseline_p95_s=found.until_s,
        baseline_p95_s=_p95(baseline),
        recovery_p95_s=_p95(after),
        baseline_orders=len(baseline.since),
        recovery_orders=len(after.since),
        recovery_s=after.seconds,
    )


def _stretch(sent: Floats, latency: Floats, inside: Bools, start: float | None) -> Stretch:
    """Return the orders of `inside` by send time, counted from `start`, or from the first of them."""
    order = np.argsort(sent[inside], kind="stable")
    times = sent[inside][order]
    if not len(times):
        return Stretch(times, times, 0.0)
    begin = float(times[0]) if start is None else start
    return Stretch(times - begin, latency[inside][order], float(times[-1]) - begin)


def _p95(stretch: Stretch) -> float | None:
    value = quantile(stretch.latency, SHARE)
    return None if value is None or math.isinf(value) else value


def outage_rates(table: Table, arrivals: NDArray[np.void], outages: list[Outage], lost: Bools) -> list[OutageRates]:
    """Return the rates within each outage.

    Args:
        arrivals: ledger records, NOT_SENT included.
        lost: cases whose event is proven lost.
    """
    attempt = np.arange(len(table.sent)) < len(table.attempts)
    found = []
    for outage in outages:
        seconds = outage.end - outage.begin
        if not np.isfinite(seconds) or seconds <= 0:
            found.append(OutageRates(None, None, None, None))
            continue
        inside = attempt & (table.sent >= outage.begin) & (table.sent < outage.end)
        due = arrivals["due"]
        offered = int(((due >= outage.begin) & (due < outage.end)).sum())
        masks = (table.had(Outcome.ACKNOWLEDGED), table.complete, lost)
        found.append(OutageRates(offered / seconds, *(int((inside & mask).sum()) / seconds for mask in masks)))
    return found
