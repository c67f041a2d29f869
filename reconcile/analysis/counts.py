"""The counts of a run, the cells of the truth table, and the equations that must hold between them.

Both sides of an equation come from different sources if possible (records as read, cases as judged), so that an order
that was counted twice or dropped shows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.ids import among
from reconcile.analysis.duplicates import Duplicates
from reconcile.analysis.late_events import LateEvents
from reconcile.analysis.truth_table import EXTRA, OUTCOMES, UNRECORDED, Table
from reconcile.history.history import History, ids_of
from reconcile.history.joins import Bools, number_ids, words
from runlog.ledger import RecordKind
from runlog.outcomes import Outcome

CELLS: Final = ("row_and_event", "row_only", "event_only", "neither")
Cells = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What is only suspected, because the witness that it rests on may be incomplete.

    Attributes:
        lost_events: the events witness, or the end of the drain, is in doubt.
        phantom_events: the rows witness, or the end of the drain, is in doubt.
        lost_orders: the rows witness is in doubt.
    """

    lost_events: bool = False
    phantom_events: bool = False
    lost_orders: bool = False

    def __or__(self, other: "Suspicion") -> "Suspicion":
        return Suspicion(
            self.lost_events or other.lost_events,
            self.phantom_events or other.phantom_events,
            self.lost_orders or other.lost_orders,
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """The proven violations of a table, as masks over its cases.

    Attributes:
        lost, phantom, lost_order: those of the table without doubt.
        lost_at_least: least number of lost events: the number of `lost`, or, if there are records that cannot be
            attributed, fewer, as each of them may be the event of one order.
    """

    lost: Bools
    phantom: Bools
    lost_order: Bools
    lost_at_least: int


def proven(table: Table, suspicion: Suspicion, opaque: int | None) -> Proven:
    """Return what is proven.

    Args:
        suspicion: what the failed guards make suspected.
        opaque: number of records that cannot be attributed, if they are the only doubt about lost events; else None.
    """
    certain = ~table.alone
    left = _sum(table.lost & certain)
    lost = table.lost & certain & (not suspicion.lost_events)
    return Proven(
        lost=lost,
        phantom=table.phantom & certain & (not suspicion.phantom_events),
        lost_order=table.lost_order & certain & (not suspicion.lost_orders),
        lost_at_least=_sum(lost) if opaque is None else max(0, left - opaque),
    )


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation between counts, in words and in numbers."""

    text: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return self.left == self.right


def count_cells(table: Table) -> Cells:
    """Return the number of cases by outcome (extra and unrecorded included) and by row and event."""
    place = np.where(table.row, np.where(table.event, 0, 1), np.where(table.event, 2, 3))
    tally = np.bincount(table.outcome * len(CELLS) + place, minlength=len(OUTCOMES) * len(CELLS))
    grid = tally.reshape(len(OUTCOMES), len(CELLS))
    return {label: dict(zip(CELLS, grid[code].tolist(), strict=True)) for code, label in OUTCOMES.items()}


def count(history: History, table: Table, duplicates: Duplicates, late: LateEvents, sure: Proven) -> dict[str, int]:
    """Return the counts of `report.json`, in its order, and some more after them.

    `rows` counts the run's rows, and rows outside the run's range that have the id of one of its events. `delivered`
    and `recovered` include late ones; `lost_events`, `phantom_events`, `lost_orders` are the proven ones.
    `lost_with_other_records`: lost or suspected, and tombstones or filtered records name the order.
    """
    ledger, rows, events = history.ledger, history.rows, history.events
    lost, phantom, lost_orders = _sum(sure.lost), _sum(sure.phantom), _sum(sure.lost_order)
    suspected = _sum(table.lost) - lost
    distinct = number_ids(words(events.events, "hi"), words(events.events, "lo"))[1]
    return {
        "due": ledger.due,
        "not_sent": int((ledger.attempts["kind"] == RecordKind.NOT_SENT).sum()),
        # A damaged record explains a missing one; without damage a gap is a mistake of the harness.
        "unreported": min(ledger.missing, ledger.damaged),
        "attempted": len(table.attempts),
        "acknowledged": _sum(table.had(Outcome.ACKNOWLEDGED)),
        "rejected": _sum(table.had(Outcome.REJECTED)),
        "ambiguous": _sum(table.had(Outcome.AMBIGUOUS)),
        "provoked": _sum(table.had(Outcome.PROVOKED)),
        "rows": len(rows.rows) + len(rows.elsewhere),
        "events": distinct,
        "events_raw": len(events.events),
        "delivered": _sum(table.had(Outcome.ACKNOWLEDGED) & table.complete),
        "lost_events": lost,
        "lost_at_least": sure.lost_at_least,
        "phantom_events": phantom,
        "lost_orders": lost_orders,
        "visible_after_reject": _sum(table.visible_after_reject),
        "recovered": _sum(table.recovered),
        "late_events": _sum(late.late),
        "unresolved": _sum(table.unresolved),
        "pending": _sum(table.pending),
        **duplicates.counts,
        "extra_orders": _sum(table.had(EXTRA)),
        "unrecorded": _sum(table.had(UNRECORDED)),
        "foreign_events": events.foreign,
        "unreadable_events": events.unreadable,
        "suspected_lost": suspected,
        "suspected_phantom": _sum(table.phantom) - phantom,
        "suspected_lost_orders": _sum(table.lost_order) - lost_orders,
        "disputed": _sum(table.disputed),
        "disputed_phantom": _sum(table.disputed_phantom),
        "opaque_records": events.opaque,
        "lost_with_other_records": _sum(among(table.ids(table.lost), np.unique(ids_of(events.aside)))),
        "shared_order_ids": _sum(table.shared),
        "late_undecided": _sum(late.undecided),
        "unanswered": int((table.attempts["kind"] == RecordKind.SENT).sum()),
    }


def equations(counts: dict[str, int], cells: Cells) -> list[Equation]:
    """Return the equations that must hold; if one does not, the harness itself is wrong."""
    column = {name: sum(row[name] for row in cells.values()) for name in CELLS}
    c = counts
    return [
        Equation("due = attempted + not_sent + unreported", c["due"], c["attempted"] + c["not_sent"] + c["unreported"]),
        Equation(
            "attempted = acknowledged + rejected + ambiguous + provoked",
            c["attempted"],
            c["acknowledged"] + c["rejected"] + c["ambiguous"] + c["provoked"],
        ),
        Equation(
            "sum of the cells = attempted + extra_orders + unrecorded",
            sum(column.values()),
            c["attempted"] + c["extra_orders"] + c["unrecorded"],
        ),
        Equation("rows = row_and_event + row_only", c["rows"], column["row_and_event"] + column["row_only"]),
        Equation("events = row_and_event + event_only", c["events"], column["row_and_event"] + column["event_only"]),
        Equation(
            "events_raw = events + redelivered + published_twice",
            c["events_raw"],
            c["events"] + c["redelivered"] + c["published_twice"],
        ),
        Equation(
            "lost_events = row_only - pending - disputed - suspected_lost",
            c["lost_events"],
            column["row_only"] - c["pending"] - c["disputed"] - c["suspected_lost"],
        ),
        Equation(
            "phantom_events = event_only - disputed_phantom - suspected_phantom",
            c["phantom_events"],
            column["event_only"] - c["disputed_phantom"] - c["suspected_phantom"],
        ),
    ]


def _sum(mask: Bools) -> int:
    return int(mask.sum())
