"""Doubt order by order: who is pending, disputed, suspected or lost, and what the verdict rests on then."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from contract.event import Why
from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.judge.judge import Judgement, judge
from reconcile.report.csv_lists import csv_texts
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id


def lossy(lost: int = 9, **changes: Any) -> RunBuilder:
    """A calm run in which orders 0 to `lost` - 1 have no event."""
    builder = RunBuilder(facts=facts(**changes)).calm()
    for number in range(lost):
        builder.order(number, 12 + number / 10, event=False)
    return builder


def ruled(builder: RunBuilder) -> tuple[str, int, dict[str, int]]:
    judgement = judge(builder.history())
    return judgement.ruling.verdict.value, judgement.ruling.exit_code, judgement.counts


def listed(builder: RunBuilder, name: str) -> list[dict[str, str]]:
    history = builder.history()
    return list(csv.DictReader(io.StringIO(csv_texts(history, judge(history))[f"{name}.csv"])))


def guard(judgement: Judgement, name: str) -> tuple[bool, str]:
    (found,) = [one for one in judgement.guards if one.name == name]
    return found.failed, found.reason


@pytest.mark.parametrize("why", [why for why in Why if not why.certain])
def test_a_record_that_may_be_the_event_makes_its_order_disputed_and_no_other(why: Why) -> None:
    verdict, code, counts = ruled(lossy().mentioned(3, why).mentioned(4, why, 7))
    assert (verdict, code) == ("inconsistent", 1)
    assert (counts["lost_events"], counts["disputed"], counts["suspected_lost"]) == (7, 2, 0)
    judgement = judge(lossy().mentioned(3, why).history())
    assert judgement.ruling.reason.endswith("; 1 order is disputed")
    assert guard(judgement, "no order disputed")[0]


@pytest.mark.parametrize("why", [why for why in Why if why.certain])
def test_what_is_certainly_no_event_is_counted_beside_the_loss(why: Why) -> None:
    builder = lossy(2).mentioned(1, why, 3)
    _, _, counts = ruled(builder)
    assert (counts["lost_events"], counts["disputed"], counts["lost_with_other_records"]) == (2, 0, 1)
    assert [row["other_records"] for row in listed(builder, "lost-events")] == ["0", "3"]


@pytest.mark.parametrize("expect", ["consistent", "lost-events", "any"])
def test_only_disputed_orders_prove_nothing_whatever_is_expected(expect: str) -> None:
    builder = lossy(2, expect=expect).mentioned(0).mentioned(1)
    verdict, code, counts = ruled(builder)
    assert (verdict, code, counts["lost_events"], counts["disputed"]) == ("inconclusive", 3, 0, 2)
    reason = judge(builder.history()).ruling.reason
    assert reason.startswith("2 orders are disputed; no order disputed: 2 stored orders without an event are disputed")


def test_pending_comes_before_disputed_and_disputed_before_suspected() -> None:
    builder = lossy(4).mentioned(0).mentioned(1)
    builder.pending = [0, 2]
    builder.events_changes = {"complete": False, "problem": "gone"}
    _, _, counts = ruled(builder)
    assert (counts["pending"], counts["disputed"], counts["suspected_lost"], counts["lost_events"]) == (2, 1, 1, 0)


def test_an_order_with_an_event_is_in_no_doubt() -> None:
    verdict, _, counts = ruled(RunBuilder().calm().mentioned(1000))
    assert (verdict, counts["disputed"]) == ("consistent", 0)


@pytest.mark.parametrize(
    ("why", "named_at", "words"),
    [
        (Why.NO_ID, {"value:order.id": 2}, "--event-id value:order.id would count it"),
        (Why.KEY_DIFFERS, {"value": 5, "value:orderId": 2}, "--event-id value:orderId would count it"),
        (Why.UNREADABLE, {"key": 1}, "--event-id key may count it, if the tag is no part of the value"),
        (Why.OTHER_TYPE, {}, "--event-filter says which records are events"),
        (Why.OTHER_TAG, {}, "--event-tag says where the customer id is"),
    ],
)
def test_the_reason_says_what_would_settle_it(why: Why, named_at: dict[str, int], words: str) -> None:
    for stack, settled in (("external", True), ("embedded", False)):
        builder = lossy(1, stack=stack).mentioned(0, why)
        builder.events_changes = {"named_at": named_at}
        failed, reason = guard(judge(builder.history()), "no order disputed")
        assert failed
        assert "the record at partition 0, offset 0 names one" in reason
        # No option says what the events of our own service look like.
        assert (words in reason, "--" in reason) == (settled, settled)


def test_a_place_that_is_not_known_is_not_named() -> None:
    for named_at in ({}, {"value": 3}):
        builder = lossy(1).mentioned(0, Why.NO_ID)
        builder.events_changes = {"named_at": named_at}
        assert "would count it" not in guard(judge(builder.history()), "no order disputed")[1]


def test_disputed_orders_are_listed_with_the_first_record() -> None:
    builder = lossy(3).mentioned(2, Why.KEY_DIFFERS, 4).mentioned(0, Why.NO_ID)
    rows = [
        (r["order_id"], r["records"], r["partition"], r["offset"], r["why"]) for r in listed(builder, "disputed-orders")
    ]
    assert rows == [
        (str(order_id(0)), "1", "0", "0", "no_id"),
        (str(order_id(2)), "4", "0", "2", "key_differs"),
    ]
    assert [row["order_id"] for row in listed(builder, "lost-events")] == [str(order_id(1))]


def test_an_event_under_another_id_disputes_the_order_of_its_attempt() -> None:
    """Attempt 7 stored order 7 and published an event under an id that has no row: neither is proven."""
    builder = RunBuilder().calm().order(7, 12, event=False).published(77, 7)
    verdict, code, counts = ruled(builder)
    assert (verdict, code) == ("inconclusive", 3)
    assert (counts["disputed"], counts["disputed_phantom"]) == (1, 1)
    assert (counts["lost_events"], counts["phantom_events"]) == (0, 0)
    (row,) = listed(builder, "disputed-orders")
    assert (row["order_id"], row["records"]) == (str(order_id(7)), "")
    assert [one["order_id"] for one in listed(builder, "disputed-phantom")] == [str(order_id(77))]
    assert listed(builder, "phantom-events") == []


@pytest.mark.parametrize("seq", [None, 9])
def test_the_row_of_the_order_that_was_acknowledged_need_not_carry_the_number(seq: int | None) -> None:
    """The answer returned order 7, which has a row with no number, or with another one."""
    builder = RunBuilder().calm().order(7, 12, row=False, event=False).stored(7, seq).published(77, 7)
    _, _, counts = ruled(builder)
    assert (counts["disputed"], counts["disputed_phantom"]) == (1, 1)
    assert (counts["lost_events"], counts["phantom_events"], counts["lost_orders"]) == (0, 0, 0)


@pytest.mark.parametrize(("carried", "where"), [(8, "disputed-orders"), (9, "lost-events")])
def test_an_event_with_the_number_of_the_row_that_an_answer_names_may_be_its_own(carried: int, where: str) -> None:
    """The answer to attempt 7 returned the id of an order whose row carries number 8."""
    builder = RunBuilder().calm().order(7, 12, answered_id=50, row=False, event=False).stored(50, 8)
    builder.published(90, carried)
    for each in ("disputed-orders", "lost-events"):
        expected = [str(order_id(50))] if each == where else []
        assert [one["order_id"] for one in listed(builder, each)] == expected


def test_a_second_order_of_an_attempt_with_its_own_event_disputes_nothing() -> None:
    builder = RunBuilder().calm().order(7, 12, event=False).stored(77, 7).published(77, 7)
    _, _, counts = ruled(builder)
    assert (counts["lost_events"], counts["disputed"], counts["disputed_phantom"]) == (1, 0, 0)


def test_an_event_with_the_number_of_another_attempt_disputes_the_order_of_that_one() -> None:
    """Order 8 has its row under number 8; its event carries number 7: it may be the event of order 7."""
    builder = RunBuilder().calm().order(7, 12, event=False).order(8, 13, event=False).published(8, 7)
    _, _, counts = ruled(builder)
    assert (counts["lost_events"], counts["disputed"], counts["delivered"]) == (0, 1, 7)


def test_a_phantom_of_an_attempt_without_a_row_stays_one() -> None:
    builder = RunBuilder().calm().order(7, 12, row=False).order(8, 13)
    verdict, _, counts = ruled(builder)
    assert (verdict, counts["phantom_events"], counts["disputed_phantom"]) == ("inconsistent", 1, 0)


@pytest.mark.parametrize(
    ("opaque", "at_least", "verdict", "code"),
    [(0, 9, "inconsistent", 1), (8, 1, "inconsistent", 1), (9, 0, "inconclusive", 3), (30, 0, "inconclusive", 3)],
)
def test_opaque_records_bound_how_many_are_lost(opaque: int, at_least: int, verdict: str, code: int) -> None:
    builder = lossy()
    builder.events_changes = {"opaque": opaque}
    found, exit_code, counts = ruled(builder)
    assert (found, exit_code, counts["lost_at_least"]) == (verdict, code, at_least)
    assert (counts["lost_events"], counts["suspected_lost"]) == ((9, 0) if not opaque else (0, 9))
    assert len(listed(builder, "suspected-lost" if opaque else "lost-events")) == 9
    if opaque == 8:
        reason = judge(builder.history()).ruling.reason
        assert reason.startswith("at least 1 of 9 events that did not reach Kafka is lost")


@pytest.mark.parametrize(("opaque", "code"), [(8, 0), (9, 3)])
def test_the_expectation_rests_on_the_bound(opaque: int, code: int) -> None:
    builder = lossy(expect="lost-events")
    builder.events_changes = {"opaque": opaque}
    assert ruled(builder)[1] == code


def test_disputed_pending_and_changed_orders_are_not_among_those_that_an_opaque_record_may_be_of() -> None:
    builder = lossy(4).mentioned(0)
    builder.pending, builder.events_changes = [1], {"opaque": 1}
    one = Contradiction(str(order_id(2)), "lost event", "a row, no event", "an event later", order_id(2).hex)
    history = replace(builder.history(), confirmation=Confirmation("", 2, 2, unsettled=[one]))
    judgement = judge(history)
    assert (judgement.counts["lost_at_least"], judgement.counts["suspected_lost"]) == (0, 2)
    assert (
        "may belong to 1 order without an event, of which none is proven lost"
        in guard(judgement, "no opaque record")[1]
    )


@pytest.mark.parametrize(
    ("changes", "settles"),
    [({"stack": "external"}, True), ({"stack": "external", "event_filter": "type=created"}, False), ({}, False)],
)
def test_the_reason_says_what_leaves_opaque_records_out(changes: dict[str, Any], settles: bool) -> None:
    builder = lossy(**changes)
    builder.events_changes = {"opaque": 1}
    assert ("--event-filter" in guard(judge(builder.history()), "no opaque record")[1]) is settles


def test_opaque_records_matter_only_where_an_event_is_missing() -> None:
    builder = RunBuilder().calm()
    builder.events_changes = {"opaque": 50}
    judgement = judge(builder.history())
    assert judgement.ruling.verdict.value == "consistent"
    assert not guard(judgement, "no opaque record")[0]


def test_another_doubt_takes_the_bound_away() -> None:
    builder = lossy()
    builder.events_changes = {"opaque": 2, "complete": False, "problem": "gone"}
    verdict, code, counts = ruled(builder)
    assert (verdict, code, counts["lost_at_least"], counts["suspected_lost"]) == ("inconclusive", 3, 0, 9)


def test_orders_of_no_attempt_are_suspected_in_an_exclusive_run() -> None:
    builder = lossy(2, attribution="exclusive")
    for number in (50, 51):
        builder.stored(number, None)
    builder.published(60, None)
    verdict, code, counts = ruled(builder)
    # One event is of an order that is not known: it may be that of either lost one.
    assert (verdict, code) == ("inconsistent", 1)
    assert (counts["lost_events"], counts["lost_at_least"], counts["suspected_lost"]) == (0, 1, 4)
    assert (counts["phantom_events"], counts["suspected_phantom"]) == (0, 1)


def test_unresolved_attempts_account_for_orders_of_no_attempt() -> None:
    builder = lossy(2, attribution="exclusive").stored(50, None)
    builder.order(60, 13, Outcome.AMBIGUOUS, row=False, event=False)
    verdict, _, counts = ruled(builder)
    assert (verdict, counts["lost_events"], counts["suspected_lost"]) == ("inconsistent", 3, 0)
