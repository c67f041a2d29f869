"""Answers that return the same order id: several orders, of which no one knows which of them was stored."""

import pytest

from reconcile.judge.judge import judge
from runlog import marks as m
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id
from tests.reconcile.core.test_disputes import guard, ruled


def own_ids(builder: RunBuilder) -> tuple[bool, str]:
    return guard(judge(builder.history()), "answers return ids of their own")


def test_many_answers_with_one_id_are_no_lost_orders_and_no_fault_of_the_harness() -> None:
    builder = RunBuilder().calm()
    for number in range(1, 5):
        builder.order(number, 12 + number / 10, answered_id=1, row=number == 1, event=number == 1)
    verdict, code, counts = ruled(builder)
    assert (verdict, code) == ("inconclusive", 3)
    assert (counts["lost_orders"], counts["suspected_lost_orders"], counts["shared_order_ids"]) == (0, 0, 3)
    judgement = judge(builder.history())
    assert "4 answers returned the same order id" in own_ids(builder)[1]
    assert judgement.ruling.reason.startswith("answers return ids of their own: 4 answers returned the same order id")


def test_of_several_ids_that_answers_share_the_most_frequent_is_named() -> None:
    builder = RunBuilder().calm()
    for number, answered in enumerate((1, 1, 3, 3, 3, 6, 6), 1):
        builder.order(number, 12 + number / 10, answered_id=answered, row=number == answered, event=number == answered)
    said = own_ids(builder)[1]
    assert said.startswith(f"3 answers returned the same order id, {order_id(3)}; ")


@pytest.mark.parametrize(("stack", "named"), [("external", True), ("embedded", False)])
def test_answers_with_one_id_name_where_a_key_can_differ_only_where_an_option_says_so(stack: str, named: bool) -> None:
    builder = RunBuilder(facts=facts(stack=stack)).calm()
    for number in (1, 2):
        builder.order(number, 12 + number / 10, answered_id=1, row=number == 1, event=number == 1)
    failed, said = own_ids(builder)
    assert failed
    assert ("${customer_id} into --order-body" in said, "--" in said) == (named, named)


def test_one_id_for_all_of_which_the_run_has_nothing_is_no_lost_order() -> None:
    """The check order has taken it: its row is not of the run."""
    builder = RunBuilder().calm()
    for number in range(301):
        builder.order(number, 23 + number / 100, answered_id=999_999, row=False, event=False)
    verdict, code, counts = ruled(builder)
    assert (verdict, code) == ("inconclusive", 3)
    assert (counts["lost_orders"], counts["suspected_lost_orders"], counts["shared_order_ids"]) == (0, 0, 301)
    assert judge(builder.history()).ruling.reason.startswith(
        f"answers return ids of their own: 301 answers returned the same order id, {order_id(999_999)}; if the service"
    )


@pytest.mark.parametrize(("answered", "shared"), [(999_999, 1), (888_888, 1), (777_777, 0)])
def test_an_answer_with_the_id_of_a_check_order_shares_it(answered: int, shared: int) -> None:
    builder = RunBuilder().calm().order(1, 23, answered_id=answered, row=False, event=False)
    builder.mark(m.DRAINED, own_orders=[str(order_id(888_888))])
    counts = ruled(builder)[2]
    assert (counts["shared_order_ids"], counts["lost_orders"]) == (shared, 1 - shared)
    failed, said = own_ids(builder)
    assert failed == bool(shared)
    assert ("the order id of a check order," in said) == bool(shared)
