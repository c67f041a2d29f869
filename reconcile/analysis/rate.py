"""Offered and achieved rate by phase, and the run second by second.

The load is open loop: an arrival is due at a moment that was fixed beforehand. It counts whether the order was sent
then, however slow the answers are.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconcile.analysis.truth_table import Table
from reconcile.history.joins import Bools, Floats, Ints, quantile
from runlog import marks as m
from runlog.ledger import Phase, RecordKind
from runlog.marks import Mark
from runlog.outcomes import Outcome

ON_TIME_S: Final = 0.25
_PHASE_OF_MARK: Final = {
    m.BASELINE: Phase.BASELINE,
    m.INJECTING: Phase.OUTAGE,
    m.HEALED: Phase.RECOVERY,
    m.RECOVERY: Phase.RECOVERY,
    m.DRAIN: None,
    m.ENDED: None,
}


@dataclass(frozen=True, slots=True)
class PhaseRate:
    """The load of one phase, all its stretches together.

    Attributes:
        due: number of arrivals that were due.
        on_time: how many of these within ON_TIME_S of their due time.
        lag_p95_s: 95th percentile of send time minus due time, seconds; None when nothing was sent.
        seconds: length of the phase by the marks; None if they do not show it.
    """

    phase: Phase
    due: int
    sent: int
    on_time: int
    lag_p95_s: float | None
    seconds: float | None

    def per_second(self, count: int) -> float | None:
        """Return `count` as orders/s over the phase; None if its length is unknown."""
        return count / self.seconds if self.seconds else None

    def document(self) -> dict[str, Any]:
        return {
            "due": self.due,
            "sent": self.sent,
            "on_time": self.on_time,
            "lag_p95_s": self.lag_p95_s,
            "seconds": self.seconds,
            "offered": self.per_second(self.due),
            "achieved": self.per_second(self.sent),
        }


def phase_rates(arrivals: NDArray[np.void], marks: list[Mark]) -> list[PhaseRate]:
    """Return the load of each phase that has arrivals, in order.

    Args:
        arrivals: ledger records, NOT_SENT included.
        marks: of the run; they show the lengths.
    """
    seconds = _phase_seconds(marks)
    rates = []
    for phase in Phase:
        here = arrivals[arrivals["phase"] == phase]
        if not len(here) and phase not in seconds:
            continue
        sent = here[here["kind"] != RecordKind.NOT_SENT]
        lag = (sent["sent"] - sent["due"]).astype(np.float64)
        on_time = int((lag <= ON_TIME_S).sum())
        rates.append(PhaseRate(phase, len(here), len(sent), on_time, quantile(lag, 0.95), seconds.get(phase)))
    return rates


def _phase_seconds(marks: list[Mark]) -> dict[Phase, float]:
    changes = [mark for mark in marks if mark.name in _PHASE_OF_MARK]
    seconds: dict[Phase, float] = {}
    for mark, following in pairwise(changes):
        phase = _PHASE_OF_MARK[mark.name]
        if phase is not None:
            seconds[phase] = seconds.get(phase, 0.0) + following.at - mark.at
    return seconds


def rate_document(configured: float, rates: list[PhaseRate]) -> dict[str, Any]:
    """Return the key `rate` of `report.json`; rates in orders/s."""
    known = [rate for rate in rates if rate.seconds]
    seconds = sum(rate.seconds or 0.0 for rate in known)
    return {
        "configured": configured,
        "offered": sum(rate.due for rate in known) / seconds if seconds else None,
        "achieved": sum(rate.sent for rate in known) / seconds if seconds else None,
        "phases": {rate.phase.label: rate.document() for rate in rates},
    }


def timeline(table: Table, arrivals: NDArray[np.void], lost: Bools, started_at: float) -> list[dict[str, Any]]:
    """Return the run second by second: how many orders were due, and the results of the attempts sent in it.

    Args:
        arrivals: ledger records, NOT_SENT included.
        started_at: epoch seconds of second 0.

    Returns:
        One element a second from 0 to the last arrival: `second`, `at` (epoch seconds), `due`, `sent`, `acknowledged`,
        `errors` (neither acknowledged nor provoked), `lost`, `delivered` (row and event), `p50_latency_s`,
        `p95_latency_s`, `max_latency_s` of the answers to what was sent in it.
    """
    attempt = table.attempt >= 0
    own = attempt & (np.arange(len(table.sent)) < len(table.attempts))
    good = table.had(Outcome.ACKNOWLEDGED) | table.had(Outcome.PROVOKED)
    due = _seconds(arrivals["due"].astype(np.float64), started_at)
    sent = _seconds(np.where(attempt, table.sent, started_at), started_at)
    length = int(max(due.max(initial=-1), sent[attempt].max(initial=-1))) + 1

    def count(mask: Bools) -> Ints:
        return np.bincount(sent[mask], minlength=length)

    columns: dict[str, Ints] = {
        "due": np.bincount(due, minlength=length),
        "sent": count(own),
        "acknowledged": count(own & table.had(Outcome.ACKNOWLEDGED)),
        "errors": count(own & ~good),
        "lost": count(attempt & lost),
        "delivered": count(attempt & table.complete),
    }
    latency = table.completed - table.sent
    answered = own & ~np.isnan(latency)
    p50, p95, p100 = (_quantile_each(sent[answered], latency[answered], length, share) for share in (0.5, 0.95, 1.0))
    names, counts = list(columns), np.stack(list(columns.values()), axis=1).tolist()
    return [
        {
            "second": second,
            "at": started_at + second,
            **dict(zip(names, row, strict=True)),
            "p50_latency_s": middle,
            "p95_latency_s": slow,
            "max_latency_s": slowest,
        }
        for second, (row, middle, slow, slowest) in enumerate(zip(counts, p50, p95, p100, strict=True))
    ]


def _seconds(times: Floats, started_at: float) -> Ints:
    return np.maximum(np.floor(times - started_at), 0).astype(np.int64)


def _quantile_each(group: Ints, values: Floats, groups: int, share: float) -> list[float | None]:
    order = np.lexsort((values, group))
    bounds = np.searchsorted(group[order], np.arange(groups + 1))
    ranks = bounds[:-1] + np.maximum(np.ceil(share * np.diff(bounds)).astype(np.int64) - 1, 0)
    filled = np.diff(bounds) > 0
    return [float(values[order[rank]]) if full else None for rank, full in zip(ranks, filled, strict=True)]
