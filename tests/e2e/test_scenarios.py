"""The other scenarios and variants on real parts: each behaviour of a dual write, and what honest services do."""

from typing import Any

import psycopg
import pytest

from stack.embedded import EmbeddedStack
from stack.state_file import StackState
from tests.e2e.harness import LocustProcess, Start, assert_all_up, failed_guards
from tests.e2e.independent import Counted, assert_agrees, ids_in

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PLAN = ["--headless", "--baseline", "2s", "--outage", "5s", "--recovery", "3s", "--rate", "20"]


def state_of(stack: EmbeddedStack) -> StackState:
    state = stack.status()
    assert state is not None
    return state


def agreed(run: LocustProcess, stack: EmbeddedStack) -> Counted:
    assert_all_up(stack)
    state = state_of(stack)
    return assert_agrees(run.folder.path, state.database_url, state.kafka_bootstrap, state.topic)


def applying(report: Any) -> set[str]:
    return {guard["name"] for guard in report["guards"] if guard["applies"]}


def test_phantom_events_are_provoked_and_each_is_named(start: Start, left_running: EmbeddedStack) -> None:
    run = start(*PLAN, "--scenario", "phantom-event", home=left_running.home)
    assert run.end(120) == 0, run.log[-3000:]  # phantom-events is what this scenario expects
    report: Any = run.report
    truth = agreed(run, left_running)
    assert report["verdict"] == "inconsistent"
    assert (report["expect"], report["exit_code"]) == ("phantom-events", 0)
    assert report["expect_source"] == "the default of the scenario phantom-event"
    counts = report["counts"]
    assert counts["provoked"] == counts["attempted"] == counts["phantom_events"] == len(truth.phantom) > 100
    assert counts["lost_orders"] == counts["rows"] == 0
    assert report["cells"]["provoked"]["event_only"] == counts["provoked"]
    assert failed_guards(report) == {}
    assert {"phantoms provoked", "phantoms rolled back"} <= applying(report)
    assert not {"fault proven", "fault held", "recovery proven"} & applying(report)
    assert set(truth.records.values()) == {1}
    checked = run.marks["phantoms_checked"].detail
    assert checked["asked"] == checked["get_404"] == counts["provoked"]
    with psycopg.connect(state_of(left_running).database_url) as connection:
        held = connection.execute("SELECT order_id::text FROM order_items").fetchall()
    assert not truth.phantom & {order for (order,) in held}
    assert set(ids_in(run.folder.path / "phantom-events.csv")) == truth.phantom


@pytest.mark.exhaustive
def test_control_breaks_nothing_and_loses_nothing(start: Start, left_running: EmbeddedStack) -> None:
    run = start(*PLAN, "--scenario", "control", home=left_running.home)
    assert run.end_clean(120) == "consistent"
    report: Any = run.report
    truth = agreed(run, left_running)
    assert report["outages"] == []
    assert report["counts"]["delivered"] == report["counts"]["attempted"] == len(truth.rows) > 150
    assert failed_guards(report) == {}
    assert "injecting" not in run.marks


@pytest.mark.exhaustive
def test_awaited_answers_500_for_orders_that_are_stored(start: Start, left_running: EmbeddedStack) -> None:
    answers = ["--service-variant", "awaited", "--service-publish-failure", "500"]
    run = start(*PLAN, *answers, home=left_running.home)
    assert run.end(120) == 1, run.log[-3000:]
    report: Any = run.report
    truth = agreed(run, left_running)
    assert len(truth.lost) > 50
    assert report["cells"]["ambiguous"]["row_only"] == len(truth.lost)
    assert report["cells"]["acknowledged"]["row_only"] == 0
    assert report["behaviour"]["error"]["count"] > 50


@pytest.mark.exhaustive
def test_awaited_hangs_when_the_client_is_less_patient(start: Start, left_running: EmbeddedStack) -> None:
    patience = ["--service-block-time", "4s", "--request-timeout", "2s", "--settle", "8s"]
    run = start(*PLAN, "--service-variant", "awaited", *patience, home=left_running.home)
    assert run.end(120) == 1, run.log[-3000:]
    report: Any = run.report
    agreed(run, left_running)
    assert report["behaviour"]["hang"]["count"] > 30
    assert report["cells"]["ambiguous"]["row_only"] > 0
    assert report["cells"]["ambiguous"]["row_and_event"] > 0
    assert report["counts"]["recovered"] == report["cells"]["ambiguous"]["row_and_event"]


@pytest.mark.exhaustive
def test_raised_rolls_back_and_its_events_may_still_arrive(start: Start, left_running: EmbeddedStack) -> None:
    # The client goes on trying for longer than the outage; a request gives up after a second, as no healthy one does.
    manners = ["--delivery-timeout", "15s", "--service-confirm-wait", "1s", "--settle", "17s", "--rate", "30"]
    run = start(*PLAN, "--service-variant", "raised", *manners, home=left_running.home)
    report_code = run.end(150)
    report: Any = run.report
    truth = agreed(run, left_running)
    assert truth.lost == set()
    assert report["cells"]["ambiguous"]["event_only"] == len(truth.phantom)
    assert report_code == 1 if truth.phantom else report_code in (0, 3)
    assert failed_guards(report) == {}
    assert report["counts"]["unresolved"] > 60
    assert report["behaviour"]["error"]["count"] > 60


@pytest.mark.exhaustive
def test_after_commit_loses_without_holding_connections(start: Start, left_running: EmbeddedStack) -> None:
    run = start(*PLAN, "--service-variant", "after-commit", "--service-pool", "2", home=left_running.home)
    assert run.end(120) == 1, run.log[-3000:]
    report: Any = run.report
    truth = agreed(run, left_running)
    # A pool of two would let a dual write inside the transaction lose about two a second.
    assert report["cells"]["acknowledged"]["row_only"] == len(truth.lost) > 60
    assert report["counts"]["acknowledged"] == report["counts"]["attempted"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("attribution", ["exclusive", "acknowledged-only"])
def test_orders_without_a_tag_give_the_same_verdict(
    attribution: str, start: Start, left_running: EmbeddedStack
) -> None:
    knee = ["--service-pool", "5", "--service-pool-wait", "1s"]
    run = start(*PLAN, *knee, "--attribution", attribution, home=left_running.home)
    assert run.end(120) == 1, run.log[-3000:]
    report: Any = run.report
    truth = agreed(run, left_running)
    assert report["attribution"] == attribution
    assert failed_guards(report) == {}
    assert len(truth.lost) > 10
    assert report["counts"]["unresolved"] == report["counts"]["ambiguous"] > 20


@pytest.mark.exhaustive
def test_exclusive_leaves_stored_orders_of_unanswered_attempts_by_themselves(
    start: Start, left_running: EmbeddedStack
) -> None:
    answers = ["--service-variant", "awaited", "--service-publish-failure", "500", "--attribution", "exclusive"]
    run = start(*PLAN, *answers, home=left_running.home)
    assert run.end(120) == 1, run.log[-3000:]
    report: Any = run.report
    truth = agreed(run, left_running)
    # One that was on its way when the broker stopped may have arrived all the same, although the answer was 500.
    unrecorded = report["cells"]["unrecorded"]
    assert unrecorded["row_only"] == len(truth.lost) > 50
    assert unrecorded["event_only"] == unrecorded["neither"] == 0
    assert failed_guards(report) == {}
