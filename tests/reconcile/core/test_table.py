"""Every cell of the truth table, and the rules by which orders belong to attempts."""

import numpy as np
import pytest

from reconcile.counts import CELLS
from reconcile.joins import number_ids
from reconcile.judge import judge
from runlog.outcomes import Outcome
from tests.reconcile.core.story import Story

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
    judgement = judge(Story().order(5, 12, outcome, row=row, event=event).history())
    assert {kind: judgement.counts[kind] for kind in KINDS} == {kind: int(kind in becomes) for kind in KINDS}
    place = CELLS[{(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}[row, event]]
    filled = {(label, cell) for label, cells in judgement.cells.items() for cell, n in cells.items() if n}
    assert filled == {(outcome.label, place)}


def test_an_unanswered_attempt_is_ambiguous() -> None:
    counts = judge(Story().unanswered(3, 12).stored(3, 3).history()).counts
    assert (counts["ambiguous"], counts["unanswered"], counts["lost_events"]) == (1, 1, 1)


def test_the_acknowledged_id_decides_what_is_looked_for() -> None:
    """The service said id 50 but stored id 7 under the same customer id: 50 is lost, 7 is an extra order."""
    judgement = judge(Story().order(7, 12, told=50).history())
    counts = judgement.counts
    assert (counts["lost_orders"], counts["extra_orders"], counts["delivered"]) == (1, 1, 0)
    assert judgement.cells["extra"]["row_and_event"] == 1


def test_an_acknowledged_id_is_found_under_another_customer_id() -> None:
    story = Story().order(7, 12, row=False, event=False).stored(7, 8).published(7, 8)
    counts = judge(story.history()).counts
    assert (counts["delivered"], counts["lost_orders"], counts["unrecorded"]) == (1, 0, 0)


def test_two_acks_of_one_id_are_one_lost_order() -> None:
    """The order carries the number of the later attempt, so the earlier one is the one without an order."""
    judgement = judge(Story().order(1, 11, told=2, row=False, event=False).order(2, 12).history())
    assert judgement.counts["lost_orders"] == 1
    assert judgement.table.row.tolist() == [False, True]


def test_two_acks_of_one_id_that_neither_sent() -> None:
    story = Story().order(1, 11, told=9, row=False, event=False).order(2, 12, told=9, row=False, event=False)
    judgement = judge(story.stored(9, 4).published(9, 4).history())
    assert judgement.table.row.tolist() == [True, False]


def test_a_second_row_of_one_attempt_is_judged_for_its_own_event() -> None:
    judgement = judge(Story().order(1, 12).stored(60, 1).history())
    counts = judgement.counts
    assert (counts["delivered"], counts["extra_orders"], counts["lost_events"]) == (1, 1, 1)
    assert judgement.cells["extra"]["row_only"] == 1


def test_an_attempt_without_an_id_owns_the_whole_one_of_its_orders() -> None:
    story = Story().order(1, 12, AMB, row=False, event=False).stored(60, 1).stored(61, 1).published(61, 1)
    judgement = judge(story.history())
    assert (judgement.counts["recovered"], judgement.cells["extra"]["row_only"]) == (1, 1)


def test_an_attempt_without_an_id_owns_a_row_before_a_bare_event() -> None:
    """Whichever id is the lower one."""
    for row, event in ((60, 61), (61, 60)):
        story = Story().order(1, 12, AMB, row=False, event=False).stored(row, 1).published(event, 1)
        cells = judge(story.history()).cells
        assert (cells["ambiguous"]["row_only"], cells["extra"]["event_only"]) == (1, 1)


def test_rows_and_events_without_a_ledger_entry() -> None:
    story = Story().order(1, 12).not_sent(2, 12.5).stored(2, 2).stored(70, 7000).published(71, None)
    judgement = judge(story.history())
    counts = judgement.counts
    assert (counts["unrecorded"], counts["lost_events"], counts["phantom_events"]) == (3, 2, 1)
    assert (counts["due"], counts["not_sent"], counts["attempted"]) == (2, 1, 1)


def test_pending_is_not_lost() -> None:
    story = Story().order(1, 12, event=False).order(2, 12.5, event=False).order(3, 13)
    story.pending = [1, 3]
    counts = judge(story.history()).counts
    assert (counts["pending"], counts["lost_events"], counts["delivered"]) == (1, 1, 1)


def test_a_row_elsewhere_in_the_table_saves_an_event_from_being_a_phantom() -> None:
    story = Story().order(1, 12, row=False)
    story.elsewhere = [1]
    counts = judge(story.history()).counts
    assert (counts["delivered"], counts["phantom_events"], counts["rows"]) == (1, 0, 1)


def test_redelivered_and_published_twice_are_kept_apart() -> None:
    story = Story().order(1, 12).order(2, 12.1).order(3, 12.2)
    story.published(1, 1).published(1, 1)
    story.published(2, 2, event=900).published(2, 2, event=900)
    judgement = judge(story.history())
    counts = judgement.counts
    assert (counts["events"], counts["events_raw"]) == (3, 7)
    assert (counts["redelivered"], counts["published_twice"]) == (3, 1)
    assert judgement.duplicates.published_twice.sum() == 1


def test_one_event_id_of_two_orders_is_no_duplicate() -> None:
    story = Story().order(1, 12).order(2, 12.1, event=False).published(2, 2, event=1)
    counts = judge(story.history()).counts
    assert (counts["redelivered"], counts["published_twice"]) == (0, 0)


def test_a_run_without_any_order() -> None:
    judgement = judge(Story().history())
    assert judgement.counts["attempted"] == 0
    assert all(equation.holds for equation in judgement.equations)


def test_ids_that_share_their_upper_word_stay_apart() -> None:
    hi, lo = np.array([7, 7, 7, 1], dtype=np.uint64), np.array([2, 1, 2, 1], dtype=np.uint64)
    numbers, count = number_ids(hi, lo)
    assert (numbers.tolist(), count) == ([2, 1, 2, 0], 3)
