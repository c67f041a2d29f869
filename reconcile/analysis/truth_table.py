"""The truth table: the result of every attempt, by its outcome and by whether a row and an event are there.

One *case* is judged for each attempt that was sent, for each extra order (a second order under the sequence number of
one attempt) and for each unrecorded one (its sequence number was never sent). An order is any id that has a row or an
event; each belongs to exactly one case, by these rules in this order:

1. an attempt whose answer returned an id owns the order of that id, and no other. When two answers returned one id,
   the attempt whose sequence number the order carries owns it, else the earlier one;
2. an attempt without a returned id owns the order that carries its sequence number; of several first one with row and
   event, then one with a row, then the lowest id;
3. any further order under an attempt's number is an `extra order`, anything else `unrecorded`. Both are judged only by
   row and event, like an ambiguous attempt.

An order with a row and without an event is exactly one of pending, disputed and lost, in this order. A lost one may be
only suspected, by itself (`alone`) or because a guard failed. Doubt belongs to one order, never to a share of them.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.ids import among, pack_ids
from contract.run_events import NO_SEQUENCE
from reconcile.analysis.order_numbers import OrderNumbers, number_orders, own_orders
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import EventsWitness, RowsWitness
from reconcile.history.joins import Bools, Floats, Ints, Words, index_of, words
from runlog.ledger import RecordKind
from runlog.outcomes import Outcome

T = TypeVar("T", bound=np.generic)
EXTRA: Final = 4
UNRECORDED: Final = 5
OUTCOMES: Final = {
    int(Outcome.ACKNOWLEDGED): Outcome.ACKNOWLEDGED.label,
    int(Outcome.AMBIGUOUS): Outcome.AMBIGUOUS.label,
    int(Outcome.REJECTED): Outcome.REJECTED.label,
    int(Outcome.PROVOKED): Outcome.PROVOKED.label,
    EXTRA: "extra",
    UNRECORDED: "unrecorded",
}


@dataclass(frozen=True, slots=True)
class Table:
    """The cases as parallel arrays of shape (n,): attempts by sequence number, then extra orders, then unrecorded ones.

    Attributes:
        outcome: a key of OUTCOMES.
        backlog: whether a known backlog still holds the order's event.
        known, hi, lo: whether the order's id is known, and its words.
        seq: sequence number; NO_SEQUENCE when none is known.
        attempt: index into `attempts`, -1 for unrecorded cases.
        sent, completed: epoch seconds; NaN when not known (no answer, not an attempt).
        phase: number of `runlog.ledger.Phase`, 0 when not known.
        case_of_event: for each event of the witness the index of its case, shape (events,).
        conflicts: orders whose row and event carry different sequence numbers.
        attempts: the ledger's records of what was sent.
        doubted: whether a record that does not count might be the order's event: one names the order, or an event
            carries its attempt's number under an order id without a row of that number.
        moved: whether its attempt has a row under another order id.
        shared: whether its answer returned an order id that belongs to another attempt or to a check order of the
            harness, or an id without row and event that several answers returned.
        alone: whether its violation is only suspected, for a reason of its own.
    """

    outcome: NDArray[np.uint8]
    row: Bools
    event: Bools
    backlog: Bools
    known: Bools
    hi: Words
    lo: Words
    seq: Words
    attempt: Ints
    sent: Floats
    completed: Floats
    phase: NDArray[np.uint8]
    case_of_event: Ints
    conflicts: int
    attempts: NDArray[np.void]
    doubted: Bools
    moved: Bools
    shared: Bools
    alone: Bools

    def ids(self, cases: Bools | Ints) -> NDArray[np.void]:
        """Return the order ids of these cases as an array of IDS."""
        return pack_ids(self.hi[cases], self.lo[cases])

    def had(self, outcome: int) -> Bools:
        """Whether the outcome is this key of OUTCOMES."""
        mask: Bools = self.outcome == outcome
        return mask

    @property
    def complete(self) -> Bools:
        return self.row & self.event

    @property
    def pending(self) -> Bools:
        """Whether the row's event is still in a known backlog."""
        return self.row & ~self.event & self.backlog

    @property
    def disputed(self) -> Bools:
        """Whether there is a row without an event, not pending, and a record that might be its event."""
        return self.row & ~self.event & ~self.backlog & self.doubted

    @property
    def lost(self) -> Bools:
        """Lost events, suspected ones included: a row without an event that is neither pending nor disputed."""
        return self.row & ~self.event & ~self.backlog & ~self.doubted

    @property
    def disputed_phantom(self) -> Bools:
        """Whether there is an event without a row whose attempt has a row under another order id."""
        return self.event & ~self.row & self.moved

    @property
    def phantom(self) -> Bools:
        """Phantom events, suspected ones included: an event without a row anywhere in the table, not disputed."""
        return self.event & ~self.row & ~self.moved

    @property
    def lost_order(self) -> Bools:
        """Lost orders, suspected ones included: acknowledged with an order id of its own, but no row."""
        return self.had(Outcome.ACKNOWLEDGED) & ~self.row & ~self.shared

    @property
    def visible_after_reject(self) -> Bools:
        """Row or event of a rejected attempt, or both of one that the service said it had rolled back."""
        rejected = self.had(Outcome.REJECTED) & (self.row | self.event)
        return rejected | (self.had(Outcome.PROVOKED) & self.complete)

    @property
    def unexplained(self) -> int:
        """How many unrecorded orders are more than the unresolved ambiguous attempts can explain."""
        return max(0, int(self.had(UNRECORDED).sum()) - int(self.unresolved.sum()))

    @property
    def recovered(self) -> Bools:
        """Ambiguous attempts with row and event."""
        return self.had(Outcome.AMBIGUOUS) & self.complete

    @property
    def unresolved(self) -> Bools:
        """Ambiguous attempts without row and event."""
        return self.had(Outcome.AMBIGUOUS) & ~self.row & ~self.event


def build_table(
    attempts: NDArray[np.void],
    rows: RowsWitness,
    events: EventsWitness,
    *,
    confirmation: Confirmation | None,
    exclusive: bool,
    own: NDArray[np.void],
) -> Table:
    """Return the truth table.

    Args:
        attempts: the ledger's records (`runlog.ledger.FIELDS`) in order of `seq`; those never sent are left out here.
        confirmation: result of the verification; None before it.
        exclusive: no other client writes, so every order since the start is of the run.
        own: IDS of the harness's check orders, ascending, each once.
    """
    sent = attempts[(attempts["kind"] == RecordKind.SENT) | (attempts["kind"] == RecordKind.COMPLETED)]
    orders = number_orders(sent, rows, events, confirmation)
    home = index_of(orders.seq, words(sent, "seq"))
    owned, owner = own_orders(sent, orders, home)
    table = _assemble(sent, orders, owned, home, loose=orders.there & (owner < 0))
    table = replace(table, shared=table.shared | _taken(table, orders, own))
    # Orders of other clients are no losses of this run, and without a tag nothing says which ones they are.
    strangers = table.had(UNRECORDED) if exclusive and table.unexplained else np.zeros(len(table.row), dtype=np.bool_)
    return replace(table, alone=table.alone | strangers)


def _taken(table: Table, orders: OrderNumbers, own: NDArray[np.void]) -> Bools:
    """Return which cases without row and event have the id of a check order, or one that several answers returned."""
    absent = table.known & (table.attempt >= 0) & ~table.row & ~table.event
    returned = orders.answered[table.attempt[absent]]
    answers = np.bincount(orders.answered[orders.answered >= 0])
    taken = absent.copy()
    taken[absent] = (answers[returned] > 1) | among(table.ids(absent), own)
    return taken


def _assemble(sent: NDArray[np.void], orders: OrderNumbers, owned: Ints, home: Ints, loose: Bools) -> Table:
    extra, unrecorded = np.flatnonzero(loose & (home >= 0)), np.flatnonzero(loose & (home < 0))
    order = np.concatenate([np.where(owned >= 0, owned, orders.answered), extra, unrecorded])
    attempt = np.concatenate([np.arange(len(sent)), home[extra], np.full(len(unrecorded), -1, dtype=np.int64)])
    # A returned id that another attempt owns is shown, but its row and event are not counted twice.
    present = np.concatenate([owned >= 0, np.ones(len(extra) + len(unrecorded), dtype=np.bool_)])
    known = order >= 0
    of_attempt = attempt >= 0
    case_of_order = np.full(len(orders.hi), -1, dtype=np.int64)
    case_of_order[order[present]] = np.flatnonzero(present)
    seq = _spread(orders.seq, order, known, NO_SEQUENCE)
    seq[of_attempt] = words(sent, "seq")[attempt[of_attempt]]
    answered = (sent["kind"] == RecordKind.COMPLETED)[attempt[of_attempt]]
    row, event = (_spread(part, order, present, np.bool_(False)) for part in (orders.row, orders.event))
    row_seq = _spread(orders.row_seq, order, present, NO_SEQUENCE)
    moved = ~row & np.isin(seq, orders.row_seq[orders.row_seq != NO_SEQUENCE])
    # The row of the order whose id the answer returned need not carry the attempt's number.
    stored = np.flatnonzero(owned >= 0)[orders.row[owned[owned >= 0]]]
    moved |= ~row & np.isin(attempt, stored)
    completed = _spread(sent["completed"], attempt, of_attempt, np.float64(np.nan))
    completed[np.flatnonzero(of_attempt)[~answered]] = np.nan
    outcome = np.where(sent["kind"] == RecordKind.COMPLETED, sent["outcome"], int(Outcome.AMBIGUOUS))
    false, zero = np.bool_(False), np.uint64(0)
    return Table(
        outcome=np.concatenate([outcome, np.full(len(extra), EXTRA), np.full(len(unrecorded), UNRECORDED)]).astype(
            np.uint8
        ),
        row=row,
        event=event,
        backlog=_spread(orders.backlog, order, present, false),
        known=known,
        hi=_spread(orders.hi, order, known, zero),
        lo=_spread(orders.lo, order, known, zero),
        seq=seq,
        attempt=attempt.astype(np.int64),
        sent=_spread(sent["sent"], attempt, of_attempt, np.float64(np.nan)),
        completed=completed,
        phase=_spread(sent["phase"], attempt, of_attempt, np.uint8(0)),
        case_of_event=case_of_order[orders.of_event],
        conflicts=orders.conflicts,
        attempts=sent,
        doubted=_spread(orders.mentioned, order, present, false)
        | np.isin(seq, orders.stray)
        | np.isin(row_seq, orders.stray),
        moved=moved,
        shared=known & ~present & _spread(orders.there, order, known, false),
        alone=_spread(orders.changed, order, present, false) | moved,
    )


def _spread(values: NDArray[T], index: Ints, valid: Bools, otherwise: T) -> NDArray[T]:
    spread = np.full(len(index), otherwise, dtype=values.dtype)
    spread[valid] = values[index[valid]]
    return spread
