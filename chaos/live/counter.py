"""Counts the orders of a run while it goes on, each by its own number: acknowledged, with event, or still without.

Never by subtraction: events without an acknowledgement, duplicates and control records would cancel losses in it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, Bools, Words, among, bytes_of
from runlog.ledger import RecordKind
from runlog.outcomes import Outcome

_LEAST: Final = 1024
# An event may be read before the ledger's record of its order, but never far ahead of it.
_AHEAD: Final = 1_000_000
# States beside the outcomes.
_NONE: Final = 253
_UNANSWERED: Final = 254
_NOT_SENT: Final = 255
_ORDER: Final = np.dtype([("state", "u1"), ("event", "?"), ("answered_at", "<f8"), ("id", IDS), ("event_id", IDS)])


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """How many orders are in which state.

    Attributes:
        sent: attempts that were sent.
        answered: orders with the outcome that the run asks for: `acknowledged`, or `provoked`.
        rejected, ambiguous, unanswered, not_sent: attempts by outcome; `unanswered`: none is known yet.
        with_event: answered orders whose event was read.
        without_event: answered orders whose event was not read, those in the backlog left out.
        waiting: answered orders whose event a known backlog holds; None: there is no known backlog, or its ids could
            not be read.
        may_be_lost: ambiguous attempts whose event was not read: whether there is a row is not known; None where events
            carry no number: theirs cannot be distinguished from others.
        event_only: events read of orders that were not answered so, those still without any answer left out; None where
            events carry no number: each may be of another client.
        events: orders of the run with an event.
    """

    sent: int
    answered: int
    rejected: int
    ambiguous: int
    unanswered: int
    not_sent: int
    with_event: int
    without_event: int
    waiting: int | None
    may_be_lost: int | None
    event_only: int | None
    events: int

    @property
    def otherwise(self) -> int:
        """Attempts that were answered in another way than the run asks for, or failed."""
        return self.sent - self.answered - self.unanswered


class OrderCounter:
    """Takes records of the ledger and events of the topic, in any order.

    As in the truth table, the event of an answered order is the one that has the id of its answer; that of any other
    attempt is the one that carries its number.

    Args:
        outcome: of the orders that are counted as answered.
        by_number: events carry the number of their order; otherwise the ids of answers alone tell whose they are.
    """

    def __init__(self, outcome: Outcome, *, by_number: bool) -> None:
        self._outcome = outcome
        self._by_number = by_number
        self._orders = np.zeros(0, dtype=_ORDER)
        self._length = 0
        self._number_of: dict[bytes, int] = {}
        self._others: set[bytes] = set()
        # Events by id that came before the answer of their order, or are of another client; and older ones of them.
        self._early: set[bytes] = set()
        self._earlier: set[bytes] = set()

    def take_attempts(self, records: NDArray[np.void]) -> None:
        """Take records of the ledger, array of `runlog.ledger.FIELDS`."""
        records = records[records["kind"] != RecordKind.CLOSED]
        if not len(records):
            return
        numbers = records["seq"].astype(np.int64)
        self._grow(int(numbers.max()) + 1)
        state = self._orders["state"]
        sent = numbers[records["kind"] == RecordKind.SENT]
        state[sent[state[sent] == _NONE]] = _UNANSWERED
        state[numbers[records["kind"] == RecordKind.NOT_SENT]] = _NOT_SENT
        done = records[records["kind"] == RecordKind.COMPLETED]
        numbers = done["seq"].astype(np.int64)
        state[numbers] = done["outcome"]
        self._orders["answered_at"][numbers] = done["completed"]
        named = done[(done["has_id"] == 1) & (done["outcome"] == self._outcome)]
        self._orders["id"][named["seq"].astype(np.int64)] = np.frombuffer(named["order_id"].tobytes(), dtype=IDS)
        if not self._by_number:
            self._match(named)

    def take_events(self, orders: NDArray[np.void], sequences: Words) -> None:
        """Take events: their order ids (IDS) and the numbers in their tags (NO_SEQUENCE: none)."""
        if not self._by_number:
            for identity in bytes_of(orders):
                number = self._number_of.get(identity)
                if number is None:
                    self._early.add(identity)
                else:
                    self._note(np.array([number]), np.frombuffer(identity, dtype=IDS))
            return
        near = sequences < np.uint64(self._length + _AHEAD)
        numbers = sequences[near].astype(np.int64)
        if len(numbers):
            self._grow(int(numbers.max()) + 1)
            self._note(numbers, orders[near])
        self._others.update(bytes_of(orders[~near]))

    def forget_strangers(self) -> None:
        """Forget the events that no answer has named since the last call but one: they are of other clients."""
        self._earlier, self._early = self._early, set()

    def counts(self, until: float, backlog: NDArray[np.void] | None) -> LiveCounts:
        """Return the counts of now.

        Args:
            until: epoch seconds; only orders answered by then are counted as being without their event.
            backlog: IDS of the orders that a known backlog holds; None: none is known.
        """
        orders = self._orders[: self._length]
        state, event = orders["state"], orders["event"]
        answered = state == self._outcome
        own = answered & event & self._has_own_event(answered & event)
        lacking = np.flatnonzero(answered & ~own & (orders["answered_at"] <= until))
        waiting = None if backlog is None else int(among(orders["id"][lacking], np.unique(backlog)).sum())
        tally = Counter(state.tobytes())
        events = int(event.sum()) + len(self._others)
        with_event = int(own.sum())
        on_their_way = int((event & (state == _UNANSWERED)).sum())
        return LiveCounts(
            sent=self._length - tally[_NONE] - tally[_NOT_SENT],
            answered=tally[int(self._outcome)],
            rejected=tally[int(Outcome.REJECTED)],
            ambiguous=tally[int(Outcome.AMBIGUOUS)],
            unanswered=tally[_UNANSWERED],
            not_sent=tally[_NOT_SENT],
            with_event=with_event,
            without_event=len(lacking) - (waiting or 0),
            waiting=waiting,
            may_be_lost=int(((state == Outcome.AMBIGUOUS) & ~event).sum()) if self._by_number else None,
            event_only=events - with_event - on_their_way if self._by_number else None,
            events=events if self._by_number else with_event,
        )

    def _note(self, numbers: NDArray[np.int64], ids: NDArray[np.void]) -> None:
        """Note the first event of each number; others under the same number are kept by their ids."""
        fresh = ~self._orders["event"][numbers]
        self._orders["event_id"][numbers[fresh]] = ids[fresh]
        self._orders["event"][numbers] = True
        kept = self._orders["event_id"][numbers]
        other = (kept["hi"] != ids["hi"]) | (kept["lo"] != ids["lo"])
        self._others.update(bytes_of(ids[other]))

    def _has_own_event(self, which: Bools) -> Bools:
        """Return which of these orders have an event with the id of their answer."""
        orders = self._orders[: self._length]
        same: Bools = (orders["id"]["hi"] == orders["event_id"]["hi"]) & (
            orders["id"]["lo"] == orders["event_id"]["lo"]
        )
        for number in np.flatnonzero(which & ~same).tolist():
            same[number] = orders["id"][number].tobytes() in self._others
        return same

    def _match(self, named: NDArray[np.void]) -> None:
        for number, identity in zip(named["seq"].tolist(), bytes_of(named["order_id"]), strict=True):
            self._number_of.setdefault(identity, number)
            if identity in self._early or identity in self._earlier:
                self._note(np.array([number]), np.frombuffer(identity, dtype=IDS))

    def _grow(self, length: int) -> None:
        self._length = max(self._length, length)
        if self._length > len(self._orders):
            grown = np.zeros(max(self._length, 2 * len(self._orders), _LEAST), dtype=_ORDER)
            grown["state"] = _NONE
            grown[: len(self._orders)] = self._orders
            self._orders = grown
