"""How the service answered during an outage: silent 201, error, or hang, with counts, HTTP statuses and latencies.

Orders count by send time, from `injecting` to `healed`. Further kinds count all other answers, so that the kinds sum to
the attempts of the outage.
"""

from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconcile.analysis.truth_table import Table
from reconcile.history.joins import Bools, Floats, Ints, quantile
from runlog.ledger import Phase
from runlog.outages import Outage
from runlog.outcomes import Failure, Outcome

_UNANSWERED: Final = 255
_FAILURES: Final = {
    int(Failure.TIMEOUT): "timeout",
    int(Failure.REFUSED): "refused",
    int(Failure.RESET): "reset",
    int(Failure.UNREADABLE): "success without a readable order id",
    int(Failure.OTHER): "other failure",
    _UNANSWERED: "no answer when the run ended",
}


class Behaviour(Enum):
    """How one attempt during an outage was answered; the values are the keys of `report.json`."""

    SILENT_201 = "silent_201"
    """Acknowledged, and the event is lost."""
    SUSPECTED = "suspected"
    """Acknowledged, and the event is suspected to be lost."""
    DISPUTED = "disputed"
    """Acknowledged, and a record that does not count might be the order's event."""
    ERROR = "error"
    """A complete answer that is no acknowledgement."""
    HANG = "hang"
    """No answer within the request timeout."""
    KEPT = "kept"
    """Acknowledged, and row and event are there."""
    PENDING = "pending"
    """Acknowledged, and a known backlog still holds the event."""
    LOST_ORDER = "lost_order"
    """Acknowledged, and there is no row (proven or suspected)."""
    SHARED_ID = "shared_id"
    """Acknowledged with the order id of another order."""
    BROKEN = "broken"
    """No usable answer for another reason: refused, reset, no order id, or the harness ended first."""


def behaviour_document(table: Table, lost: Bools, outages: list[Outage]) -> dict[str, Any]:
    """Return the key `behaviour` of `report.json`.

    Args:
        lost: cases whose event is proven lost.
        outages: in order.

    Returns:
        The kinds over all outages (`count`, latencies in seconds, number of answers by HTTP status, number of exchanges
        by their failure below HTTP), the same by outage, and latencies by phase.
    """
    count, statuses = len(table.attempts), table.attempts["status"]
    latency = (table.completed - table.sent)[:count]
    kinds = _kinds(table, lost[:count])
    failures = np.where(np.isnan(latency), _UNANSWERED, table.attempts["failure"])
    sent = table.sent[:count]
    during = [(sent >= outage.begin) & (sent < outage.end) for outage in outages]
    anywhere: Bools = np.logical_or.reduce(during) if during else np.zeros(count, dtype=np.bool_)

    def summaries(inside: Bools) -> dict[str, Any]:
        return {
            kind.value: _summary(latency, mask & inside)
            | {"http_statuses": _statuses(statuses[mask & inside]), "failures": _failures(failures[mask & inside])}
            for kind, mask in kinds.items()
        }

    return {
        **summaries(anywhere),
        "outages": [
            {"index": outage.index, **summaries(inside)} for outage, inside in zip(outages, during, strict=True)
        ],
        "phases": {
            phase.label: summary
            for phase in Phase
            if (summary := _summary(latency, table.phase[:count] == phase))["count"]
        },
    }


def _kinds(table: Table, lost: Bools) -> dict[Behaviour, Bools]:
    attempts, count = table.attempts, len(table.attempts)
    acknowledged = table.had(Outcome.ACKNOWLEDGED)[:count]
    complete = (attempts["status"] != 0) & (attempts["failure"] == Failure.NONE)
    hang = ~acknowledged & (attempts["failure"] == Failure.TIMEOUT)
    error = ~acknowledged & ~hang & complete
    return {
        Behaviour.SILENT_201: acknowledged & lost,
        Behaviour.SUSPECTED: acknowledged & table.lost[:count] & ~lost,
        Behaviour.DISPUTED: acknowledged & table.disputed[:count],
        Behaviour.ERROR: error,
        Behaviour.HANG: hang,
        Behaviour.KEPT: acknowledged & table.complete[:count],
        Behaviour.PENDING: acknowledged & table.pending[:count],
        Behaviour.LOST_ORDER: acknowledged & ~table.row[:count] & ~table.shared[:count],
        Behaviour.SHARED_ID: acknowledged & ~table.row[:count] & table.shared[:count],
        Behaviour.BROKEN: ~acknowledged & ~hang & ~error,
    }


def _statuses(statuses: NDArray[np.unsignedinteger[Any]]) -> dict[str, int]:
    """Return the number of answers by HTTP status, the most frequent first."""
    codes, counts = np.unique(statuses[statuses != 0], return_counts=True)
    order = np.lexsort((codes, -counts))
    return {str(code): int(count) for code, count in zip(codes[order].tolist(), counts[order].tolist(), strict=True)}


def _failures(failures: Ints) -> dict[str, int]:
    """Return the number of exchanges by their failure below HTTP, or that had no answer when the run ended."""
    return {words: count for code, words in _FAILURES.items() if (count := int((failures == code).sum()))}


def _summary(latency: Floats, mask: Bools) -> dict[str, Any]:
    known = latency[mask & ~np.isnan(latency)]
    return {
        "count": int(mask.sum()),
        "p50_s": quantile(known, 0.5),
        "p95_s": quantile(known, 0.95),
        "max_s": quantile(known, 1.0),
    }
