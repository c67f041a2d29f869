"""What the service did while the target was away: silent 201, error, or hang, with counts and latencies.

Orders count by send time, from `injecting` to `healed`; what fits none of the three is told as well, so that the kinds
sum to the attempts of the outage.
"""

from enum import Enum
from typing import Any

import numpy as np

from reconcile.joins import Bools, Floats, quantile
from reconcile.outages import Outage
from reconcile.table import Table
from runlog.ledger import Phase
from runlog.outcomes import Failure, Outcome


class Behaviour(Enum):
    """How one attempt of an outage was answered; the values are the keys of `report.json`."""

    SILENT_201 = "silent_201"
    """Acknowledged, and the event is lost (proven or suspected)."""
    ERROR = "error"
    """Another complete answer than an acknowledgement."""
    HANG = "hang"
    """No answer within the request timeout."""
    KEPT = "kept"
    """Acknowledged, and the event is there or still in a known backlog (or the order itself is lost)."""
    BROKEN = "broken"
    """No complete answer for another reason: refused, reset, unreadable, or the harness ended first."""


def behaviour_document(table: Table, lost: Bools, outages: list[Outage]) -> dict[str, Any]:
    """Return the key `behaviour` of `report.json`.

    Args:
        table: the truth table.
        lost: cases whose event is lost, suspected ones included.
        outages: in order.

    Returns:
        The kinds over all outages (`count` and latency), the same by outage, and latencies by phase; seconds.
    """
    count = len(table.attempts)
    latency = (table.completed - table.sent)[:count]
    kinds = _kinds(table, lost[:count])
    sent = table.sent[:count]
    during = [(sent >= outage.begin) & (sent < outage.end) for outage in outages]
    anywhere: Bools = np.logical_or.reduce(during) if during else np.zeros(count, dtype=np.bool_)
    return {
        **_summaries(kinds, latency, anywhere),
        "outages": [
            {"index": outage.index, **_summaries(kinds, latency, inside)}
            for outage, inside in zip(outages, during, strict=True)
        ],
        "phases": {
            phase.label: summary
            for phase in Phase
            if (summary := _summary(latency, table.phase[:count] == phase))["count"]
        },
    }


def _kinds(table: Table, lost: Bools) -> dict[Behaviour, Bools]:
    attempts, acknowledged = table.attempts, table.had(Outcome.ACKNOWLEDGED)[: len(table.attempts)]
    complete = (attempts["status"] != 0) & (attempts["failure"] == Failure.NONE)
    hang = ~acknowledged & (attempts["failure"] == Failure.TIMEOUT)
    error = ~acknowledged & ~hang & complete
    return {
        Behaviour.SILENT_201: acknowledged & lost,
        Behaviour.ERROR: error,
        Behaviour.HANG: hang,
        Behaviour.KEPT: acknowledged & ~lost,
        Behaviour.BROKEN: ~acknowledged & ~hang & ~error,
    }


def _summaries(kinds: dict[Behaviour, Bools], latency: Floats, inside: Bools) -> dict[str, Any]:
    return {kind.value: _summary(latency, mask & inside) for kind, mask in kinds.items()}


def _summary(latency: Floats, mask: Bools) -> dict[str, Any]:
    known = latency[mask & ~np.isnan(latency)]
    return {
        "count": int(mask.sum()),
        "p50_s": quantile(known, 0.5),
        "p95_s": quantile(known, 0.95),
        "max_s": quantile(known, 1.0),
    }
