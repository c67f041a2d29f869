"""The guards of the scenario phantom-event: what makes them fire, what is near, and where they do not apply."""

from typing import Any

import pytest

from reconcile.judge.judge import judge
from reconcile.judge.ruling import Verdict
from runlog import exit_codes
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts

CHECKED: dict[str, Any] = {
    "asked": 3,
    "get_404": 3,
    "in_orders": 0,
    "in_order_items": 0,
    "rows_of_run": 0,
    "health_up": True,
    "problem": None,
}


def provoked(**checked: Any) -> RunBuilder:
    builder = RunBuilder(facts=facts(scenario="phantom-event", expect="phantom-events"))
    builder.marks = [mark for mark in builder.marks if mark.outage is None]
    for seq in range(3):
        builder.order(seq, 1 + seq, Outcome.PROVOKED, row=False, answered_id=seq)
    builder.mark_late(m.PHANTOMS_CHECKED, 33.2, **{**CHECKED, **checked})
    return builder


def failing(builder: RunBuilder) -> dict[str, str]:
    ours = ("phantoms provoked", "phantoms rolled back")
    return {g.name: g.reason for g in judge(builder.history()).guards if g.failed and g.name in ours}


def test_provoked_phantoms_are_what_the_scenario_expects() -> None:
    judgement = judge(provoked().history())
    assert failing(provoked()) == {}
    assert judgement.ruling.verdict is Verdict.INCONSISTENT
    assert judgement.ruling.exit_code == exit_codes.AS_EXPECTED
    assert judgement.counts["phantom_events"] == 3
    assert judgement.counts["lost_orders"] == 0


@pytest.mark.parametrize(
    ("checked", "reason"),
    [
        ({"get_404": 2}, "GET found 1 of 3 provoked orders"),
        ({"asked": 4}, "looked up 4 of 3 provoked orders"),
        ({"asked": 0, "get_404": 0}, "looked up 0 of 3 provoked orders"),
        ({"in_orders": 1}, "the orders table has 1 provoked order"),
        ({"in_order_items": 2}, "order_items has 2 provoked orders"),
        ({"rows_of_run": 1}, "1 row of the run appeared"),
        ({"rows_of_run": None}, "unknown whether rows of the run appeared"),
        ({"health_up": False}, "the service is no longer healthy"),
        (
            {"problem": "in_orders: PostgreSQL could not be reached"},
            "not all could be looked up: in_orders: PostgreSQL",
        ),
    ],
)
def test_each_contradiction_is_named(checked: dict[str, Any], reason: str) -> None:
    found = failing(provoked(**checked))
    assert list(found) == ["phantoms rolled back"]
    assert reason in found["phantoms rolled back"]


def test_asking_for_fewer_than_all_is_enough() -> None:
    assert failing(provoked(asked=2, get_404=2)) == {}


def test_no_phantom_was_asked_for() -> None:
    builder = provoked()
    builder.marks = [mark for mark in builder.marks if mark.name != m.PHANTOMS_CHECKED]
    assert "were not looked up" in failing(builder)["phantoms rolled back"]


def test_an_order_without_its_event_was_not_provoked() -> None:
    builder = provoked()
    builder.order(3, 5, Outcome.PROVOKED, row=False, event=False, answered_id=3)
    assert failing(builder) == {"phantoms provoked": "3 of 4 provoked orders left one event"}


def test_an_order_with_two_events_was_provoked_twice() -> None:
    builder = provoked()
    builder.published(1, 1, 6, 77)
    assert failing(builder) == {"phantoms provoked": "2 of 3 provoked orders left one event, 1 left several"}


@pytest.mark.parametrize("scenario", ["lost-event", "control"])
def test_elsewhere_they_do_not_apply(scenario: str) -> None:
    builder = provoked()
    builder.facts = facts(scenario=scenario)
    guards = {guard.name: guard for guard in judge(builder.history()).guards}
    assert not guards["phantoms provoked"].applies
    assert not guards["phantoms rolled back"].applies
