"""Which order belongs to which attempt: ids are numbered across all witnesses, then owned by the rules of the table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS
from contract.run_events import NO_SEQUENCE
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import EventsWitness, RowsWitness
from reconcile.history.joins import Bools, Ints, Words, first_in_each, number_ids, split_ids, words


@dataclass(frozen=True, slots=True)
class OrderNumbers:
    """Every id in a row, an event, the backlog or an answer, as parallel arrays by its number, shape (n,).

    Attributes:
        hi, lo: words of the id.
        row, event, backlog: whether it has a row, an event, a place in a known backlog.
        seq: sequence number that its row carries, else its event's; NO_SEQUENCE when neither does.
        answered: for each attempt the number of the id that its answer returned, or -1, shape (attempts,).
        of_event: for each event the number of its order, shape (events,).
        conflicts: ids whose row and event carry different sequence numbers.
        mentioned: whether a record names it that is not its event, but might be.
        stray: sequence numbers of events whose order has no row with that number, ascending.
        row_seq: sequence number that its row carries, else NO_SEQUENCE.
        changed: whether the verification found that it came or changed after the stores were read.
    """

    hi: Words
    lo: Words
    row: Bools
    event: Bools
    backlog: Bools
    seq: Words
    answered: Ints
    of_event: Ints
    conflicts: int
    mentioned: Bools
    stray: Words
    row_seq: Words
    changed: Bools

    @property
    def there(self) -> Bools:
        """Whether it has a row or an event: it is an order, not just an id that an answer returned."""
        return self.row | self.event


def number_orders(
    sent: NDArray[np.void], rows: RowsWitness, events: EventsWitness, confirmation: Confirmation | None = None
) -> OrderNumbers:
    """Number every id in a row, an event, the backlog or an answer.

    Args:
        sent: ledger records of the attempts.
        confirmation: result of the verification; None before it.
    """
    answered_hi, answered_lo = split_ids(sent["order_id"])
    has_id = sent["has_id"] != 0
    disputed, changed = _doubts(confirmation)
    parts: list[NDArray[np.void]] = [rows.rows, rows.elsewhere, events.events, rows.pending]
    parts += [events.mentions, disputed, changed]
    hi = np.concatenate([*(words(part, "hi") for part in parts), answered_hi[has_id]])
    lo = np.concatenate([*(words(part, "lo") for part in parts), answered_lo[has_id]])
    numbers, count = number_ids(hi, lo)
    *of_parts, in_answers = np.split(numbers, np.cumsum([len(part) for part in parts]))
    in_rows, elsewhere, of_event, in_backlog, *doubted = of_parts
    all_hi, all_lo = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint64)
    all_hi[numbers], all_lo[numbers] = hi, lo
    row, event, backlog, mentioned, later = (np.zeros(count, dtype=np.bool_) for _ in range(5))
    mentioned[doubted[0]] = mentioned[doubted[1]] = later[doubted[2]] = True
    row[in_rows] = row[elsewhere] = event[of_event] = backlog[in_backlog] = True
    by_event, seq = np.full(count, NO_SEQUENCE), np.full(count, NO_SEQUENCE)
    by_event[of_event] = words(events.events, "seq")
    by_row = seq.copy()
    by_row[in_rows] = words(rows.rows, "seq")
    seq = np.where(by_row != NO_SEQUENCE, by_row, by_event)
    conflicts = (by_row != by_event) & (by_row != NO_SEQUENCE) & (by_event != NO_SEQUENCE)
    answered = np.full(len(sent), -1, dtype=np.int64)
    answered[has_id] = in_answers
    carried = words(events.events, "seq")
    own = row[of_event] & (by_row[of_event] == carried)
    stray = np.unique(carried[(carried != NO_SEQUENCE) & ~own])
    conflicting = int(conflicts.sum())
    return OrderNumbers(
        all_hi, all_lo, row, event, backlog, seq, answered, of_event, conflicting, mentioned, stray, by_row, later
    )


def _doubts(confirmation: Confirmation | None) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return IDS of the orders that the verification disputes, and of those that changed since the first reading."""
    if confirmation is None:
        return np.empty(0, dtype=IDS), np.empty(0, dtype=IDS)
    both = (confirmation.disputed, confirmation.unsettled)
    disputed, changed = (b"".join(bytes.fromhex(one.identity) for one in found) for found in both)
    return np.frombuffer(disputed, dtype=IDS), np.frombuffer(changed, dtype=IDS)


def own_orders(sent: NDArray[np.void], orders: OrderNumbers, home: Ints) -> tuple[Ints, Ints]:
    """Return the order that each attempt owns and the attempt that owns each order; -1 for none.

    Args:
        sent: ledger records of the attempts.
        home: for each of them the attempt whose sequence number it carries, or -1.
    """
    owned = np.full(len(sent), -1, dtype=np.int64)
    owner = np.full(len(orders.hi), -1, dtype=np.int64)
    claims = np.flatnonzero(orders.answered >= 0)
    claims = claims[orders.there[orders.answered[claims]]]
    if len(claims):
        claimed = orders.answered[claims]
        winners = claims[first_in_each(claimed, home[claimed] != claims)]
        owned[winners], owner[orders.answered[winners]] = orders.answered[winners], winners
    free = np.flatnonzero(orders.there & (owner < 0) & (home >= 0))
    free = free[orders.answered[home[free]] < 0]
    if len(free):
        taken = free[first_in_each(home[free], ~(orders.row & orders.event)[free], ~orders.row[free])]
        owned[home[taken]], owner[taken] = taken, home[taken]
    return owned, owner
