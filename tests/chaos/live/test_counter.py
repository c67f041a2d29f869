"""Live counts: order by order, however ledger and topic are read, and in the end what the truth table says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.live.counter import LiveCounts, OrderCounter
from contract.ids import IDS
from contract.run_events import NO_SEQUENCE
from reconcile.judge.judge import judge
from runlog.ledger import FIELDS, NO_ID, RecordKind
from runlog.outcomes import Outcome
from tests.property_examples import examples
from tests.reconcile.core.run_builder import RunBuilder, order_id

NOW = 1e12


def sent(number: int) -> tuple[Any, ...]:
    return (RecordKind.SENT, 0, 0, 1, 0, 0, number, 1.0, 1.0, 0.0, NO_ID)


def done(number: int, outcome: Outcome = Outcome.ACKNOWLEDGED, *, order: int | None = None, at: float = 2.0) -> Any:
    has_id = outcome in {Outcome.ACKNOWLEDGED, Outcome.PROVOKED}
    identity = order_id(number if order is None else order).bytes if has_id else NO_ID
    return (RecordKind.COMPLETED, outcome, 201, 1, has_id, 0, number, 1.0, 1.0, at, identity)


def ledger(*records: tuple[Any, ...]) -> Any:
    return np.array(list(records), dtype=np.dtype(FIELDS))


def events(*orders: tuple[int, int | None]) -> tuple[Any, Any]:
    """Order ids, each with the number in its tag."""
    ids = np.frombuffer(b"".join(order_id(order).bytes for order, _ in orders), dtype=IDS)
    return ids, np.array([NO_SEQUENCE if number is None else number for _, number in orders], dtype=np.uint64)


def counter(outcome: Outcome = Outcome.ACKNOWLEDGED, *, by_number: bool = True) -> OrderCounter:
    return OrderCounter(outcome, by_number=by_number)


def counted(one: OrderCounter, until: float = NOW, backlog: Any = None) -> LiveCounts:
    return one.counts(until, backlog)


def test_an_order_passes_through_its_states() -> None:
    one = counter()
    one.take_attempts(ledger(sent(0)))
    assert (counted(one).sent, counted(one).unanswered, counted(one).without_event) == (1, 1, 0)
    one.take_attempts(ledger(done(0)))
    assert (counted(one).answered, counted(one).unanswered, counted(one).without_event) == (1, 0, 1)
    one.take_events(*events((0, 0)))
    assert (counted(one).with_event, counted(one).without_event, counted(one).event_only) == (1, 0, 0)


def test_an_event_before_its_answer_is_no_event_without_one() -> None:
    one = counter()
    one.take_attempts(ledger(sent(0)))
    one.take_events(*events((0, 0)))
    assert (counted(one).events, counted(one).event_only, counted(one).with_event) == (1, 0, 0)
    one.take_attempts(ledger(done(0)))
    assert counted(one).with_event == 1


def test_what_would_cancel_losses_in_a_difference_does_not() -> None:
    """Acknowledged minus events is -1 here, where one event is missing."""
    one = counter()
    one.take_attempts(ledger(done(0), done(1, Outcome.AMBIGUOUS), done(2, Outcome.REJECTED)))
    one.take_events(*events((1, 1), (1, 1), (2, 2)))
    found = counted(one)
    assert (found.answered, found.with_event, found.without_event, found.event_only) == (1, 0, 1, 2)


def test_only_what_was_answered_by_then_is_without_its_event() -> None:
    one = counter()
    one.take_attempts(ledger(done(0, at=2.0), done(1, at=3.0)))
    assert (counted(one, 2.5).answered, counted(one, 2.5).without_event) == (2, 1)


def test_what_the_backlog_holds_is_waiting_and_nothing_else_is() -> None:
    one = counter()
    one.take_attempts(ledger(*(done(number) for number in range(4))))
    one.take_events(*events((0, 0)))
    backlog = events((0, None), (1, None), (2, None), (2, None), (99, None))[0]
    found = counted(one, backlog=backlog)
    assert (found.waiting, found.without_event, found.with_event) == (2, 1, 1)
    assert counted(one).waiting is None


def test_an_attempt_without_a_usable_answer_may_be_lost_until_its_event_comes() -> None:
    one = counter()
    one.take_attempts(
        ledger(sent(0), done(0, Outcome.AMBIGUOUS), done(1, Outcome.AMBIGUOUS), done(2, Outcome.REJECTED))
    )
    one.take_events(*events((1, 1)))
    assert (counted(one).may_be_lost, counted(one).ambiguous, counted(one).rejected) == (1, 2, 1)


def test_the_event_of_another_order_under_its_number_is_not_its_event() -> None:
    one = counter()
    one.take_attempts(ledger(done(0, order=7)))
    one.take_events(*events((8, 0)))
    assert (counted(one).with_event, counted(one).without_event, counted(one).event_only) == (0, 1, 1)
    one.take_events(*events((7, 0)))
    assert (counted(one).with_event, counted(one).without_event, counted(one).event_only) == (1, 0, 1)


def test_two_events_under_one_number_in_one_batch() -> None:
    one = counter()
    one.take_events(*events((7, 0), (7, 0), (8, 0)))
    one.take_attempts(ledger(done(0, order=7)))
    assert counted(one).with_event == 1


def test_where_events_carry_no_number_the_ids_of_answers_tell() -> None:
    one = counter(by_number=False)
    one.take_events(*events((5, None), (77, None)))
    one.take_attempts(ledger(done(0, order=5), done(1, order=6)))
    one.take_events(*events((6, None)))
    found = counted(one)
    assert (found.with_event, found.without_event, found.events, found.event_only) == (2, 0, 2, None)


def test_events_of_other_clients_are_forgotten_those_of_answers_to_come_are_not() -> None:
    one = counter(by_number=False)
    one.take_events(*events((5, None), (77, None)))
    one.forget_strangers()
    one.take_events(*events((6, None)))
    one.take_attempts(ledger(done(0, order=5)))
    one.forget_strangers()
    one.take_attempts(ledger(done(1, order=6), done(2, order=77)))
    found = counted(one)
    assert (found.with_event, found.without_event) == (2, 1), "what was forgotten is that of another client by then"
    one.forget_strangers()
    assert not one._early
    assert not one._earlier


def test_arrivals_that_were_not_sent_are_no_attempts() -> None:
    one = counter()
    one.take_attempts(ledger((RecordKind.NOT_SENT, 0, 0, 1, 0, 0, 3, 1.0, 0.0, 0.0, NO_ID)))
    assert (counted(one).sent, counted(one).not_sent) == (0, 1)


def test_a_number_from_elsewhere_takes_no_memory() -> None:
    one = counter()
    one.take_events(*events((0, 2**61)))
    assert (counted(one).events, len(one._orders)) == (1, 0)


@pytest.mark.parametrize("outcome", [Outcome.ACKNOWLEDGED, Outcome.PROVOKED])
@given(data=st.data())
@settings(max_examples=examples(100), deadline=None)
def test_in_the_end_it_is_what_the_truth_table_says(outcome: Outcome, data: st.DataObject) -> None:
    """Orders with any outcome, row and event, read in batches of any size, in any order of ledger and topic."""
    kinds = st.sampled_from([Outcome.ACKNOWLEDGED, Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.PROVOKED])
    drawn = data.draw(st.lists(st.tuples(kinds, st.booleans(), st.integers(0, 3)), min_size=1, max_size=25))
    builder, one = RunBuilder(), counter(outcome)
    records: list[tuple[Any, ...]] = []
    log: list[tuple[int, int | None]] = []
    for number, (kind, row, copies) in enumerate(drawn):
        builder.order(number, 5 + number / 10, kind, row=row, event=False)
        records += [sent(number), done(number, kind)]
        for _ in range(copies):
            builder.published(number, number, 8.0)
            log.append((number, number))
    while records or log:
        some = data.draw(st.integers(1, 5))
        if records and (not log or data.draw(st.booleans())):
            one.take_attempts(ledger(*records[:some]))
            del records[:some]
        else:
            one.take_events(*events(*log[:some]))
            del log[:some]
    table = judge(builder.history()).table
    mine, found = table.had(outcome), counted(one)
    assert found.answered == mine.sum()
    assert found.with_event == (mine & table.event).sum()
    assert found.without_event == (mine & ~table.event).sum()
    assert found.may_be_lost == (table.had(Outcome.AMBIGUOUS) & ~table.event).sum()
    assert found.event_only == (~mine & table.event).sum()
    assert found.events == table.event.sum()
