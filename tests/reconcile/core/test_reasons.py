"""The sentences that people read and scripts grep, word by word."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.analysis.lost_causes import LostCause, tally
from reconcile.judge.evidence_guards import end_of_topic_reached
from reconcile.judge.findings import Findings
from reconcile.judge.judge import judge
from reconcile.report.summary import summary
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts
from tests.reconcile.core.test_phantom_guards import provoked


def reason(builder: RunBuilder) -> str:
    return judge(builder.history()).ruling.reason


def doubtful() -> RunBuilder:
    """Two lost events, a phantom that is a lost order as well, and a drain that was cut short."""
    builder = RunBuilder().calm().order(1, 12, event=False).order(2, 13, event=False).order(3, 14, row=False)
    return builder.mark(m.DRAINED, complete=False, missing=["answers to 3 requests", "the monitor to follow the topic"])


def test_what_is_only_suspected_and_why() -> None:
    assert reason(doubtful()) == (
        "2 events may be lost, unproven; 1 event may be a phantom, unproven; "
        "1 order was acknowledged, but never stored; "
        "drain complete: the drain was cut short while waiting for answers to 3 requests and for the monitor to "
        "follow the topic"
    )


def test_more_guards_that_failed_are_counted() -> None:
    one = doubtful().mark(m.ENDED, wall_step=2.0)
    assert reason(one).endswith("the monitor to follow the topic (and 1 more guard failed)")
    two = one.without(m.RECOVERY)
    assert reason(two).endswith("the monitor to follow the topic (and 2 more guards failed)")


def test_rows_in_doubt() -> None:
    builder = RunBuilder().calm().order(1, 12, row=False, event=False)
    builder.rows_changes = {"complete": False, "problem": "it went away"}
    assert reason(builder) == (
        "1 order may be lost, unproven; snapshot complete: PostgreSQL was not read completely: it went away"
    )


def test_each_kind_of_violation_is_a_clause() -> None:
    builder = RunBuilder().calm().order(1, 12, event=False).order(2, 13, Outcome.AMBIGUOUS, event=False)
    builder.order(3, 14, row=False).order(4, 15, Outcome.REJECTED)
    assert reason(builder) == (
        "2 orders were stored, 1 of them acknowledged, but their events never reached Kafka "
        "(topic read until 14.0 s after the broker's return); "
        "1 event reached Kafka without an order in PostgreSQL; 1 order was acknowledged, but never stored; "
        "1 order was rejected, yet left a row or an event"
    )


def test_clean_runs() -> None:
    assert reason(RunBuilder().calm()) == (
        "the events of all 6 stored orders reached Kafka, 2 of them late by up to 8.9 s; this says nothing about "
        "longer outages or a restart of the service in between"
    )
    vacuous = RunBuilder().calm().mark(m.ENDED, wall_step=2.0)
    assert reason(vacuous) == (
        "nothing was lost, but that proves little; "
        "clock steady: the wall clock moved by +2.000 s against the monotonic clock"
    )


def test_partitions_that_were_not_read_are_named() -> None:
    history = RunBuilder().calm().history()
    short = replace(history.events, ends={0: 200, 3: 20, 2: 30}, reached={0: 200, 3: 15, 2: 28})
    judgement = judge(history)
    findings = Findings(
        replace(history, events=short), judgement.outages, judgement.table, judgement.rates, judgement.late
    )
    assert end_of_topic_reached(findings).reason == "not read: 7 records of partitions 2, 3"


@pytest.mark.parametrize(
    ("checked", "words"),
    [
        ({"get_404": None}, "unknown what GET answered for the provoked orders"),
        ({"asked": None, "get_404": 3}, "unknown what GET answered for the provoked orders"),
        ({"rows_of_run": None}, "unknown whether rows of the run appeared"),
        ({"health_up": False}, "the service is no longer healthy"),
        ({"rows_of_run": 2, "health_up": None}, "2 rows of the run appeared; the service is no longer healthy"),
    ],
)
def test_what_contradicts_a_rollback(checked: dict[str, object], words: str) -> None:
    guards = {guard.name: guard for guard in judge(provoked(**checked).history()).guards}
    assert guards["phantoms rolled back"].reason == words


def test_an_answer_that_was_not_asked_for_is_unknown() -> None:
    builder = provoked()
    builder.marks = [
        replace(mark, detail={k: v for k, v in mark.detail.items() if k != "in_orders"})
        if mark.name == m.PHANTOMS_CHECKED
        else mark
        for mark in builder.marks
    ]
    guards = {guard.name: guard for guard in judge(builder.history()).guards}
    assert guards["phantoms rolled back"].reason == "unknown whether the orders table has provoked orders"


def test_causes_are_counted() -> None:
    builder = RunBuilder().calm().order(1, 12, event=False).order(2, 13, event=False).order(3, 20.5, event=False)
    assert tally(judge(builder.history()).evidence) == {
        LostCause.SENT_WHILE_DOWN.value: 2,
        LostCause.SENT_WHILE_RETURNING.value: 1,
    }


def test_without_a_baseline_a_latency_has_no_class() -> None:
    (one,) = judge(RunBuilder().order(1, 12, event=False).history()).evidence
    assert one.latency_class == ""
    assert one.latency_s == pytest.approx(0.02)


def test_delays_are_those_of_late_events() -> None:
    assert judge(RunBuilder().order(1, 1).history()).late.delays() == {"p50_s": None, "p95_s": None, "max_s": None}


def test_an_outage_that_lost_nothing_has_counts_of_zero() -> None:
    (window,) = judge(RunBuilder().calm().history()).windows
    assert (window.lost, window.sent, window.before, window.after) == (0, 0, 0, 0)
    assert (window.first_sent_at, window.last_sent_at, window.lead_s, window.tail_s) == (None, None, None, None)
    assert window.density is None


def test_guards_and_pictures_name_what_was_broken() -> None:
    builder = RunBuilder(facts=facts(fault_target="database")).calm().order(1, 12, event=False)
    builder.mark(m.INJECTING, target="database")
    judgement = judge(builder.history())
    assert not [guard.reason for guard in judgement.guards if "broker" in guard.reason and guard.applies]
    text = summary(builder.history(), judgement, Path("runs/x")).plain
    assert "database down" in text
    assert "sent in the outage of the database" in text
    assert "broker" not in text
