"""How soon the service was itself again after an outage, from the moment at which the target was proven back.

Two answers: when the first order that was sent after it is answered and whole, and from which second on the service is
as quick as before: the first full second after `healed` from which on the 95th percentile of every second's latencies
stays at or below that of the whole baseline.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconcile.joins import Bools, Floats, quantile
from reconcile.outages import Outage
from reconcile.table import Table
from runlog.ledger import Phase
from runlog.outcomes import Outcome

SHARE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds after `healed`; None when it did not happen in the run, or is not known.

    Attributes:
        first_delivered_s: until the first order that was sent after it was acknowledged, and is whole.
        baseline_p95_s: 95th percentile of the baseline's latencies, seconds.
        to_baseline_p95_s: until latencies stayed at or below that.
    """

    first_delivered_s: float | None
    baseline_p95_s: float | None
    to_baseline_p95_s: float | None


@dataclass(frozen=True, slots=True)
class OutageRates:
    """Orders a second of those sent within an outage, from its first mark to its last; None when it never ended."""

    offered: float | None
    acknowledged: float | None
    delivered: float | None
    lost: float | None


def recoveries(table: Table, outages: list[Outage]) -> list[Recovery]:
    """Return the recovery of each outage; one ends where the next outage begins."""
    latency = (table.completed - table.sent)[: len(table.attempts)]
    sent = table.sent[: len(table.attempts)]
    usual = latency[(table.phase[: len(sent)] == Phase.BASELINE) & ~np.isnan(latency)]
    p95 = quantile(usual, SHARE)
    ends = [*(outage.begin for outage in outages[1:]), np.inf][: len(outages)]
    whole = (table.whole & table.had(Outcome.ACKNOWLEDGED))[: len(sent)]
    found = []
    for outage, end in zip(outages, ends, strict=True):
        if outage.healed is None:
            found.append(Recovery(None, p95, None))
            continue
        after = (sent >= outage.healed) & (sent < end)
        answers = table.completed[: len(sent)][after & whole]
        first = float(answers.min()) - outage.healed if len(answers) else None
        # A request that was never answered is slower than any that was.
        slow = np.where(np.isnan(latency[after]), np.inf, latency[after])
        found.append(Recovery(first, p95, _until_usual(sent[after] - outage.healed, slow, p95)))
    return found


def outage_rates(table: Table, arrivals: NDArray[np.void], outages: list[Outage], lost: Bools) -> list[OutageRates]:
    """Return what went on within each outage.

    Args:
        table: the truth table.
        arrivals: ledger records, NOT_SENT included.
        outages: in order.
        lost: cases whose event is lost, as they are to be told.
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
        masks = (table.had(Outcome.ACKNOWLEDGED), table.whole, lost)
        found.append(OutageRates(offered / seconds, *(int((inside & mask).sum()) / seconds for mask in masks)))
    return found


def _until_usual(since: Floats, latency: Floats, p95: float | None) -> float | None:
    """Return the start of the first second from which on each second's 95th percentile is at most `p95`."""
    if p95 is None or not len(since):
        return None
    seconds = np.floor(since)
    usual: float | None = None
    for second in np.unique(seconds)[::-1]:
        slow = quantile(latency[seconds == second], SHARE)
        if slow is None or slow > p95:
            break
        usual = float(second)
    return usual
