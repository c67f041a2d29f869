"""Every cell of the truth table, and the rules by which orders belong to attempts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.ids import IDS
from contract.run_events import NO_SEQUENCE
from reconcile.analysis.counts import CELLS, equations
from reconcile.analysis.duplicates import find_duplicates
from reconcile.analysis.order_numbers import number_orders
from reconcile.analysis.truth_table import EXTRA, UNRECORDED
from reconcile.history.history import EVENT, ROW, RowsWitness
from reconcile.history.joins import first_in_each, number_ids
from reconcile.judge.judge import judge
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder

ACK, AMB, REJ, PROV = Outcome.ACKNOWLEDGED, Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.PROVOKED
KINDS = ("delivered", "lost_events", "phantom_events", "lost_orders", "visible_after_reject", "recovered", "unresolved")


@pytest.mark.parametrize(
    ("outcome", "row", "event", "becomes"),
    [
        (ACK, True, True, {"delivered"}),
        (ACK, True, False, {"lost_events"}),
        (ACK, False, True, {"phantom_events", "lost_orders"}),
        (ACK, False, False, {"lost_orders"}),
        (AMB, True, True, {"recovered"}),
        (AMB, True, False, {"lost_events"}),
        (AMB, False, True, {"phantom_events"}),
        (AMB, False, False, {"unresolved"}),
        (REJ, True, True, {"visible_after_reject"}),
        (REJ, True, False, {"lost_events", "visible_after_reject"}),
        (REJ, False, True, {"phantom_events", "visible_after_reject"}),
        (REJ, False, False, set()),
        (PROV, True, True, {"visible_after_reject"}),
        (PROV, True, False, {"lost_events"}),
        (PROV, False, True, {"phantom_events"}),
        (PROV, False, False, set()),
    ],
)
def test_every_cell(outcome: Outcome, row: bool, event: bool, becomes: set[str]) -> None:
    judgement = judge(RunBuilder().order(5, 12, outcome, row=row, event=event).history())
    assert {kind: judgement.counts[kind] for kind in KINDS} == {kind: int(kind in becomes) for kind in KINDS}
    place = CELLS[{(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}[row, event]]
    filled = {(label, cell) for label, cells in judgement.cells.items() for cell, n in cells.items() if n}
    assert filled == {(outcome.label, place)}


def test_an_unanswered_attempt_is_ambiguous() -> None:
    counts = judge(RunBuilder().unanswered(3, 12).stored(3, 3).history()).counts
    assert (counts["ambiguous"], counts["unanswered"], counts["lost_events"]) == (1, 1, 1)


def test_the_acknowledged_id_decides_what_is_looked_for() -> None:
    """The service returned id 50 but stored id 7 under the same customer id: 7 is an extra order, 50 is suspected."""
    judgement = judge(RunBuilder().order(7, 12, answered_id=50).history())
    counts = judgement.counts
    assert (counts["lost_orders"], counts["suspected_lost_orders"]) == (0, 1)
    assert (counts["extra_orders"], counts["delivered"]) == (1, 0)
    assert judgement.cells["extra"]["row_and_event"] == 1


def test_an_acknowledged_id_is_found_under_another_customer_id() -> None:
    builder = RunBuilder().order(7, 12, row=False, event=False).stored(7, 8).published(7, 8)
    counts = judge(builder.history()).counts
    assert (counts["delivered"], counts["lost_orders"], counts["unrecorded"]) == (1, 0, 0)


def test_two_acks_of_one_id_are_no_lost_order() -> None:
    """The order carries the number of the later attempt, so the earlier one is the one without an id of its own."""
    judgement = judge(RunBuilder().order(1, 11, answered_id=2, row=False, event=False).order(2, 12).history())
    assert (judgement.counts["lost_orders"], judgement.counts["shared_order_ids"]) == (0, 1)
    assert judgement.table.row.tolist() == [False, True]


def test_two_acks_of_one_id_that_neither_sent() -> None:
    builder = (
        RunBuilder()
        .order(1, 11, answered_id=9, row=False, event=False)
        .order(2, 12, answered_id=9, row=False, event=False)
    )
    judgement = judge(builder.stored(9, 4).published(9, 4).history())
    assert judgement.table.row.tolist() == [True, False]


def test_a_second_row_of_one_attempt_is_judged_for_its_own_event() -> None:
    judgement = judge(RunBuilder().order(1, 12).stored(60, 1).history())
    counts = judgement.counts
    assert (counts["delivered"], counts["extra_orders"], counts["lost_events"]) == (1, 1, 1)
    assert judgement.cells["extra"]["row_only"] == 1


def test_an_attempt_without_an_id_owns_the_whole_one_of_its_orders() -> None:
    builder = RunBuilder().order(1, 12, AMB, row=False, event=False).stored(60, 1).stored(61, 1).published(61, 1)
    judgement = judge(builder.history())
    assert (judgement.counts["recovered"], judgement.cells["extra"]["row_only"]) == (1, 1)


def test_an_attempt_without_an_id_owns_a_row_before_a_bare_event() -> None:
    """Whichever id is the lower one."""
    for row, event in ((60, 61), (61, 60)):
        builder = RunBuilder().order(1, 12, AMB, row=False, event=False).stored(row, 1).published(event, 1)
        cells = judge(builder.history()).cells
        assert (cells["ambiguous"]["row_only"], cells["extra"]["event_only"]) == (1, 1)


def test_rows_and_events_without_a_ledger_entry() -> None:
    builder = RunBuilder().order(1, 12).not_sent(2, 12.5).stored(2, 2).stored(70, 7000).published(71, None)
    judgement = judge(builder.history())
    counts = judgement.counts
    assert (counts["unrecorded"], counts["lost_events"], counts["phantom_events"]) == (3, 2, 1)
    assert (counts["due"], counts["not_sent"], counts["attempted"]) == (2, 1, 1)


def test_pending_is_not_lost() -> None:
    builder = RunBuilder().order(1, 12, event=False).order(2, 12.5, event=False).order(3, 13)
    builder.pending = [1, 3]
    counts = judge(builder.history()).counts
    assert (counts["pending"], counts["lost_events"], counts["delivered"]) == (1, 1, 1)


def test_a_row_elsewhere_in_the_table_saves_an_event_from_being_a_phantom() -> None:
    builder = RunBuilder().order(1, 12, row=False)
    builder.elsewhere = [1]
    counts = judge(builder.history()).counts
    assert (counts["delivered"], counts["phantom_events"], counts["rows"]) == (1, 0, 1)


def test_redelivered_and_published_twice_are_kept_apart() -> None:
    builder = RunBuilder().order(1, 12).order(2, 12.1).order(3, 12.2)
    builder.published(1, 1).published(1, 1)
    builder.published(2, 2, event=900).published(2, 2, event=900)
    judgement = judge(builder.history())
    counts = judgement.counts
    assert (counts["events"], counts["events_raw"]) == (3, 7)
    assert (counts["redelivered"], counts["published_twice"]) == (3, 1)
    assert judgement.duplicates.published_twice.sum() == 1


def test_one_event_id_of_two_orders_is_no_duplicate() -> None:
    builder = RunBuilder().order(1, 12).order(2, 12.1, event=False).published(2, 2, event=1)
    counts = judge(builder.history()).counts
    assert (counts["redelivered"], counts["published_twice"]) == (0, 0)


def test_a_run_without_any_order() -> None:
    judgement = judge(RunBuilder().history())
    assert judgement.counts["attempted"] == 0
    assert all(equation.holds for equation in judgement.equations)


def test_ids_that_share_their_upper_word_stay_apart() -> None:
    hi, lo = np.array([7, 7, 7, 1], dtype=np.uint64), np.array([2, 1, 2, 1], dtype=np.uint64)
    numbers, count = number_ids(hi, lo)
    assert (numbers.tolist(), count) == ([2, 1, 2, 0], 3)


def test_the_smallest_of_each_group() -> None:
    group, first, second = (np.array(each) for each in ([3, 1, 3, 1, 3], [2, 9, 1, 9, 1], [0, 5, 7, 4, 6]))
    assert first_in_each(group, first, second).tolist() == [3, 4]


def events_at(*records: tuple[int, int, int]) -> NDArray[np.void]:
    """Events of partition 0, by the number of their order, their event id and their offset."""
    return np.array([(0, order, 0, event, 0, 0, offset) for order, event, offset in records], dtype=EVENT)


def test_the_first_by_offset_is_no_duplicate_in_whatever_order_they_were_read() -> None:
    """Order 1 came at 10 (event 5), 20 (5 again) and 30 (6); order 2 came at 40 with event 5, and at 35."""
    events = events_at((1, 6, 30), (2, 5, 40), (1, 5, 10), (1, 5, 20), (2, 5, 35))
    found = find_duplicates(events, np.array([0, 1, 0, 0, 1]))
    assert (found.index.tolist(), found.published_twice.tolist()) == ([0, 1, 3], [True, False, False])
    assert found.counts == {"redelivered": 2, "published_twice": 1}


def test_partition_weighs_more_than_offset() -> None:
    events = events_at((1, 5, 10), (1, 6, 20))
    events["partition"] = [1, 0]
    found = find_duplicates(events, np.array([0, 0]))
    assert (found.index.tolist(), found.published_twice.tolist()) == ([0], [True])


def test_one_order_is_owned_once() -> None:
    """Attempt 0 was answered with the id of the order that carries the number of attempt 1, which had no answer."""
    builder = (
        RunBuilder().order(0, 11, answered_id=9, row=False, event=False).unanswered(1, 12).stored(9, 1).published(9, 1)
    )
    judgement = judge(builder.history())
    counts = judgement.counts
    assert (counts["delivered"], counts["unresolved"], counts["extra_orders"], counts["unrecorded"]) == (1, 1, 0, 0)
    assert judgement.table.row.tolist() == [True, False]


def test_three_acks_of_one_id_whose_number_is_that_of_the_last() -> None:
    builder = (
        RunBuilder()
        .order(1, 11, answered_id=3, row=False, event=False)
        .order(2, 12, answered_id=3, row=False, event=False)
    )
    assert judge(builder.order(3, 13).history()).table.row.tolist() == [False, False, True]


def test_what_is_not_known_of_a_case() -> None:
    """A refused attempt, an unanswered one, an extra order, one in no ledger."""
    builder = RunBuilder().order(1, 12, REJ, row=False, event=False).unanswered(2, 13).stored(60, 2).stored(61, 2)
    table = judge(builder.stored(7, 70).published(8, None).history()).table
    assert table.outcome.tolist() == [REJ, AMB, EXTRA, UNRECORDED, UNRECORDED]
    assert table.known.tolist() == [False, True, True, True, True]
    assert (int(table.hi[0]), int(table.lo[0])) == (0, 0)
    assert table.attempt.tolist() == [0, 1, 1, -1, -1]
    assert table.seq.tolist() == [1, 2, 2, 70, int(NO_SEQUENCE)]
    assert table.phase.tolist() == [2, 2, 2, 0, 0]
    nan = float("nan")
    np.testing.assert_equal(table.sent, [T0 + 12, T0 + 13, T0 + 13, nan, nan])
    np.testing.assert_equal(table.completed, [T0 + 12 + 0.02, nan, nan, nan, nan])


def test_an_id_that_another_attempt_owns_is_shown_but_counted_once() -> None:
    judgement = judge(
        RunBuilder(pending=[2]).order(1, 11, answered_id=2, row=False, event=False).order(2, 12).history()
    )
    table = judgement.table
    assert table.known.tolist() == [True, True]
    assert table.lo.tolist() == [table.lo[1]] * 2
    assert (table.row.tolist(), table.event.tolist(), table.backlog.tolist()) == ([False, True],) * 3


def test_conflicts_are_ids_whose_witnesses_carry_different_numbers() -> None:
    builder = RunBuilder().order(1, 11).order(2, 12, event=False).published(2, 1).stored(9, None).published(9, 1)
    assert judge(builder.published(3, 3).history()).table.conflicts == 1


def test_equations_side_by_side() -> None:
    """Numbers that are powers of two, so that no sum can come about in two ways."""
    names = [
        *(
            "due",
            "attempted",
            "not_sent",
            "unreported",
            "acknowledged",
            "rejected",
            "ambiguous",
            "provoked",
            "extra_orders",
        ),
        *("unrecorded", "rows", "events", "events_raw", "redelivered", "published_twice", "lost_events", "pending"),
        *("suspected_lost", "disputed", "disputed_phantom", "phantom_events", "suspected_phantom"),
    ]
    c = {name: 2**place for place, name in enumerate(names)}
    cells = {
        outcome: {cell: 2 ** (24 + 4 * place + column) for column, cell in enumerate(CELLS)}
        for place, outcome in enumerate(("acknowledged", "ambiguous"))
    }
    whole, row, event, neither = (cells["acknowledged"][cell] + cells["ambiguous"][cell] for cell in CELLS)
    assert [(one.left, one.right) for one in equations(c, cells)] == [
        (c["due"], c["attempted"] + c["not_sent"] + c["unreported"]),
        (c["attempted"], c["acknowledged"] + c["rejected"] + c["ambiguous"] + c["provoked"]),
        (whole + row + event + neither, c["attempted"] + c["extra_orders"] + c["unrecorded"]),
        (c["rows"], whole + row),
        (c["events"], whole + event),
        (c["events_raw"], c["events"] + c["redelivered"] + c["published_twice"]),
        (c["lost_events"], row - c["pending"] - c["disputed"] - c["suspected_lost"]),
        (c["phantom_events"], event - c["disputed_phantom"] - c["suspected_phantom"]),
    ]


def test_numbers_ascend_with_the_ids_whatever_their_order() -> None:
    """The last one has the lower word of the very first id, and an upper word that another one shares."""
    hi, lo = np.array([1, 7, 7], dtype=np.uint64), np.array([2, 5, 2], dtype=np.uint64)
    numbers, count = number_ids(hi, lo)
    assert (numbers.tolist(), count) == ([0, 2, 1], 3)


def test_ids_keep_every_bit() -> None:
    """Both words are beyond what a float can hold."""
    hi, lo = 0xFEDC_BA98_7654_3211, 0x8123_4567_89AB_CDEF
    rows = RowsWitness(np.array([(hi, lo, 7)], dtype=ROW), *(np.empty(0, dtype=IDS),) * 2, T0, complete=True)
    history = RunBuilder().history()
    orders = number_orders(history.ledger.attempts, rows, history.events)
    assert (orders.hi.tolist(), orders.lo.tolist(), orders.seq.tolist()) == ([hi], [lo], [7])


def test_of_equals_the_first() -> None:
    assert first_in_each(np.array([2, 1, 2, 1]), np.array([0, 0, 0, 0])).tolist() == [1, 0]
    assert first_in_each(np.array([2, 1, 2, 1])).tolist() == [1, 0]
