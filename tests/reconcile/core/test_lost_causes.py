"""Each cause of the published list: an order that has it, and the near one that does not; what a service's log says."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.analysis.lost_causes import AS_USUAL, NO_ANSWER, SLOWER, LostCause, tally
from reconcile.history.service_log import FILE, LogLine, Said, read_service_log
from reconcile.judge.judge import Judgement, judge
from runlog import marks as m
from runlog.outcomes import Failure, Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id


def judged(builder: RunBuilder, log: dict[str, LogLine] | None = None) -> Judgement:
    return judge(replace(builder.history(), service_log=log or {}))


def cause_of_one(at: float, took: float = 0.02) -> LostCause:
    (one,) = judged(RunBuilder().calm().order(1, at, event=False, took=took)).evidence
    return one.cause


# Ordered at 10, first failure 10.4, proven down 10.5, healing 20, proven back 21; reach is 5 + 3 s.
@pytest.mark.parametrize(
    ("at", "took", "cause"),
    [
        (10.39, 0.02, LostCause.IN_FLIGHT_AT_BREAK),
        (10.37, 0.02, LostCause.SENT_WHILE_STOPPING),
        (9.5, 1.0, LostCause.IN_FLIGHT_AT_BREAK),
        (10.41, 0.02, LostCause.SENT_WHILE_STOPPING),
        (10.5, 0.02, LostCause.SENT_WHILE_DOWN),
        (19.99, 0.02, LostCause.SENT_WHILE_DOWN),
        (20.0, 0.02, LostCause.SENT_WHILE_RETURNING),
        (21.0, 0.02, LostCause.SENT_NEAR_OUTAGE),
        (28.9, 0.02, LostCause.SENT_NEAR_OUTAGE),
        (29.1, 0.02, LostCause.OUTSIDE_OUTAGES),
        (2.1, 0.02, LostCause.SENT_NEAR_OUTAGE),
        (1.9, 0.02, LostCause.OUTSIDE_OUTAGES),
    ],
)
def test_without_a_log_the_time_of_the_order_is_the_evidence(at: float, took: float, cause: LostCause) -> None:
    assert cause_of_one(at, took) is cause


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (Said.PUBLISH_FAILED, LostCause.NOT_HANDED_OVER),
        (Said.EVENT_LOST, LostCause.GIVEN_UP),
        (Said.DELIVERED, LostCause.ACKNOWLEDGED_AND_GONE),
    ],
)
def test_the_service_knows_best(said: Said, cause: LostCause) -> None:
    builder = RunBuilder().calm().order(1, 15, event=False).order(2, 15.5, event=False)
    found = judged(builder, {str(order_id(1)): LogLine(said, "as logged")}).evidence
    assert [one.cause for one in found] == [cause, LostCause.SENT_WHILE_DOWN]
    assert tally(found) == {cause.value: 1, "sent_while_down": 1}


def test_the_line_itself_is_kept() -> None:
    builder = RunBuilder().calm().order(1, 15, event=False).order(2, 15.5, event=False)
    line = LogLine(Said.EVENT_LOST, "as logged")
    assert [one.line for one in judged(builder, {str(order_id(1)): line}).evidence] == [line, None]


def test_the_whole_baseline_and_nothing_else_is_usual() -> None:
    """Its very first attempt was the slowest; the slower one came in the outage, another has no answer."""
    builder = RunBuilder().order(1, 1, took=0.5).order(2, 2).unanswered(3, 3).order(4, 15, event=False, took=0.5)
    builder.order(5, 16, event=False, took=0.75)
    assert [one.latency_class for one in judged(builder).evidence] == [AS_USUAL, SLOWER]
    assert [one.latency_s for one in judged(builder).evidence] == [0.5, 0.75]


def test_an_order_in_no_ledger() -> None:
    (one,) = judged(RunBuilder().calm().stored(1, 77)).evidence
    assert (one.cause, one.latency_s, one.latency_class, one.in_flight) == (LostCause.NO_SEND_TIME, None, "", False)


def test_a_request_that_was_never_answered_was_under_way() -> None:
    builder = RunBuilder().calm().unanswered(1, 9).stored(1, 1)
    (one,) = judged(builder).evidence
    assert (one.cause, one.latency_class) == (LostCause.IN_FLIGHT_AT_BREAK, NO_ANSWER)


def test_control_has_no_outage_to_blame() -> None:
    builder = RunBuilder(facts=facts(scenario="control")).calm().order(1, 15, event=False)
    builder.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)
    (one,) = judged(builder).evidence
    assert one.cause is LostCause.OUTSIDE_OUTAGES


def test_latency_is_set_against_the_baseline() -> None:
    builder = RunBuilder().calm().order(1, 15, event=False, took=0.02).order(2, 16, event=False, took=0.021)
    builder.order(3, 17, Outcome.AMBIGUOUS, event=False, failure=Failure.TIMEOUT, took=5.0)
    assert [one.latency_class for one in judged(builder).evidence] == [AS_USUAL, SLOWER, SLOWER]


def test_words_of_a_cause_say_what_the_fault_did_to_its_target() -> None:
    stop, latency = facts().fault, facts(fault="latency").fault
    assert [LostCause.IN_FLIGHT_AT_BREAK.words(fault) for fault in (stop, latency)] == [
        "under way when the target was first observed to fail",
        "under way when the target was first observed to be degraded",
    ]
    assert [LostCause.SENT_WHILE_DOWN.words(fault) for fault in (stop, latency)] == [
        "sent while the target was proven down",
        "sent while the target was proven degraded",
    ]
    assert [LostCause.SENT_WHILE_RETURNING.words(fault) for fault in (stop, latency)] == [
        "sent after healing began, before the target was proven back",
        "sent after healing began, before the target was proven back to normal",
    ]


def test_only_lines_about_one_order_count(tmp_path: Path) -> None:
    one, two, three = (str(order_id(number)) for number in (1, 2, 3))
    (tmp_path / FILE).write_bytes(
        f"x WARNING a: publish failed for order {one}: no broker\n"
        f"x ERROR b: event lost for order {one}: delivery failed\n"
        f"x WARNING a: publish failed for order {one}: again\n"
        f"x DEBUG c: event delivered for order {two}: partition 0 offset 7\n"
        f"x WARNING a: publish failed for order {three[:-1]}: cut\n"
        f"GET /orders/{three} 404\n".encode()
        + b"\xff\xfe publish failed for order ?\n"
    )
    found = read_service_log(tmp_path)
    assert {order: line.said for order, line in found.items()} == {one: Said.EVENT_LOST, two: Said.DELIVERED}
    assert found[one].text.endswith("delivery failed")
    assert read_service_log(tmp_path / "none") == {}
