"""A run's raw history in plain Python: ledger records, ids of rows and events, marks, probe results. No numpy joins.

What the recomputed sentences rest on. Only what the harness and the stores wrote down is used, nothing of the judge.
"""

import uuid
from collections import Counter
from dataclasses import dataclass

import numpy as np

from contract.run_events import NO_SEQUENCE
from reconcile.history.history import History
from runlog.ledger import RecordKind
from runlog.marks import Mark
from runlog.outcomes import Failure, Outcome


@dataclass(frozen=True)
class Order:
    """One order as the raw records show it; times in epoch seconds, None where there is none."""

    seq: int | None
    outcome: str
    status: int
    failure: Failure
    sent: float | None
    answered: float | None
    row: bool
    event: bool
    waiting: bool
    identity: int | None

    @property
    def lost(self) -> bool:
        return self.row and not self.event and not self.waiting

    @property
    def acknowledged(self) -> bool:
        return self.outcome == "acknowledged"


@dataclass(frozen=True)
class Raw:
    """All orders: those of the ledger first, then extra and unrecorded ones."""

    history: History
    orders: list[Order]

    @property
    def attempts(self) -> list[Order]:
        return [order for order in self.orders if order.outcome not in {"extra", "unrecorded"}]

    def marks(self, name: str) -> list[Mark]:
        return [mark for mark in self.history.marks if mark.name == name]

    def mark(self, name: str, outage: int) -> float | None:
        found = [mark.at for mark in self.marks(name) if mark.outage == outage]
        return found[-1] if found else None

    def edge(self, name: str, outage: int) -> tuple[float, float] | None:
        found = [mark.detail[name] for mark in self.history.marks if mark.outage == outage and mark.detail.get(name)]
        return tuple(found[-1]) if found else None

    def outages(self) -> list[int]:
        return sorted({mark.outage for mark in self.history.marks if mark.outage is not None})

    def duplicates(self) -> Counter[str]:
        """How many records repeat an order under a known event id, and how many under another one."""
        counts: Counter[str] = Counter()
        seen: dict[int, set[int]] = {}
        for record in self.history.events.events:
            order, event = _id(record), _word(record, "event_hi", "event_lo")
            if order in seen:
                counts["redelivered" if event in seen[order] else "published_twice"] += 1
            seen.setdefault(order, set()).add(event)
        return counts


def raw(history: History) -> Raw:
    """Attribute rows and events to attempts, one record after another."""
    rows = {_id(record): _seq(record) for record in history.rows.rows}
    rows |= {_id(record): None for record in history.rows.elsewhere}
    events: dict[int, int | None] = {}
    for record in history.events.events:
        events.setdefault(_id(record), _seq(record))
    waiting = {_id(record) for record in history.rows.pending}
    sent = [record for record in history.ledger.attempts if record["kind"] != RecordKind.NOT_SENT]
    there = set(rows) | set(events)
    carried = {order: rows.get(order) if rows.get(order) is not None else events.get(order) for order in there}
    owner: dict[int, int] = {}
    for order in sorted(there):
        claims = [int(a["seq"]) for a in sent if a["has_id"] and uuid.UUID(bytes=a["order_id"].tobytes()).int == order]
        if claims:
            home = carried[order]
            owner[order] = home if home is not None and home in claims else claims[0]
    with_id = {int(a["seq"]) for a in sent if a["has_id"]}
    for record in sent:
        seq = int(record["seq"])
        free = [order for order in there if order not in owner and carried[order] == seq]
        free.sort(key=lambda order: (order not in rows or order not in events, order not in rows, order))
        if seq not in with_id and free:
            owner[free[0]] = seq
    owned = {seq: order for order, seq in owner.items()}
    found = [_attempt(record, owned.get(int(record["seq"])), rows, events, waiting) for record in sent]
    by_seq = {int(record["seq"]): float(record["sent"]) for record in sent}
    for order in sorted(there - set(owner)):
        seq_of = carried[order]
        outcome, when = ("extra", by_seq[seq_of]) if seq_of in by_seq else ("unrecorded", None)
        found.append(
            Order(seq_of, outcome, 0, Failure.NONE, when, None, order in rows, order in events, order in waiting, order)
        )
    return Raw(history, found)


def _attempt(
    a: np.void, order: int | None, rows: dict[int, int | None], events: dict[int, int | None], waiting: set[int]
) -> Order:
    done = a["kind"] == RecordKind.COMPLETED
    return Order(
        seq=int(a["seq"]),
        outcome=Outcome(int(a["outcome"])).label if done else "ambiguous",
        status=int(a["status"]),
        failure=Failure(int(a["failure"])),
        sent=float(a["sent"]),
        answered=float(a["completed"]) if done else None,
        row=order in rows,
        event=order in events,
        waiting=order in waiting,
        identity=order,
    )


def _id(record: np.void) -> int:
    return _word(record, "hi", "lo")


def _word(record: np.void, upper: str, lower: str) -> int:
    return (int(record[upper]) << 64) | int(record[lower])


def _seq(record: np.void) -> int | None:
    seq = int(record["seq"])
    return None if seq == int(NO_SEQUENCE) else seq
