"""Whether events and rows could be read at all: the guards, their near misses, and every word of their reasons."""

from dataclasses import replace

import pytest

from reconcile.judge.judge import judge
from runlog.facts import CheckOrder
from tests.reconcile.core.run_builder import RunBuilder, facts

SEEN = facts().check_order
EXTERNAL = facts(stack="external")


def reasons(order: CheckOrder | None, *, row: bool, event: bool) -> dict[str, tuple[bool | None, str]]:
    builder = RunBuilder(facts=replace(EXTERNAL, check_order=order))
    for seq, at in enumerate((1.0, 5.0, 24.0)):
        builder.order(seq, at, row=row, event=event)
    guards = judge(builder.history()).guards
    return {one.name: (one.passed, one.reason) for one in guards if one.name in {"events readable", "rows readable"}}


def unseen(*, row: bool = True, event: bool = True) -> CheckOrder:
    assert SEEN is not None
    return replace(SEEN, row=row, event=event)


def test_what_was_read_is_counted() -> None:
    found = reasons(SEEN, row=True, event=True)
    assert found["events readable"] == (True, "events of the run that were read: 3")
    assert found["rows readable"] == (True, "rows of the run that were read: 3")


@pytest.mark.parametrize(
    ("order", "event", "passed"),
    [
        (unseen(event=False), False, False),
        (None, False, False),
        (SEEN, False, True),
        (unseen(event=False), True, True),
        (None, True, True),
    ],
)
def test_no_event_at_all_proves_nothing_unless_the_check_order_had_one(
    order: CheckOrder | None, event: bool, passed: bool
) -> None:
    found = reasons(order, row=True, event=event)["events readable"]
    assert found[0] is passed
    if not passed:
        assert found[1] == (
            "no event of the run was read, and the event of the check order was not found: are --topic, --event-id, "
            "--event-filter and --event-tag right?"
        )


@pytest.mark.parametrize(
    ("order", "row", "passed"),
    [
        (unseen(row=False), False, False),
        (None, False, False),
        (SEEN, False, True),
        (unseen(row=False), True, True),
        (None, True, True),
    ],
)
def test_no_row_at_all_proves_nothing_unless_the_check_order_had_one(
    order: CheckOrder | None, row: bool, passed: bool
) -> None:
    found = reasons(order, row=row, event=True)["rows readable"]
    assert found[0] is passed
    if not passed:
        assert found[1] == (
            "no row of the run was read, and the row of the check order was not found: are --orders-table (orders) "
            "and its columns right?"
        )


def test_rows_that_are_not_of_the_run_prove_that_rows_can_be_read() -> None:
    builder = RunBuilder(facts=replace(EXTERNAL, check_order=None), elsewhere=[9]).published(9, None)
    for places, count in (((), 1), ((1,), 2)):
        for seq in places:
            builder.order(seq, 5)
        (found,) = [one for one in judge(builder.history()).guards if one.name == "rows readable"]
        assert (found.passed, found.reason) == (True, f"rows of the run that were read: {count}")


def test_a_service_that_did_nothing_at_all_is_no_doubt_on_events() -> None:
    assert reasons(None, row=False, event=False)["events readable"] == (True, "events of the run that were read: 0")


def test_counts_have_their_names() -> None:
    builder = RunBuilder().calm()
    builder.events_changes = {"opaque": 3}
    assert judge(builder.history()).counts["opaque_records"] == 3
