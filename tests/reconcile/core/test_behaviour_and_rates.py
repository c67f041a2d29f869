"""Behaviour while the broker was down, rates by phase, and the run second by second."""

from typing import Any

import pytest

from reconcile.analysis.behaviour import Behaviour
from reconcile.judge.judge import judge
from reconcile.report.sentences import behaviour as behaviour_words
from runlog import marks as m
from runlog.outcomes import Failure, Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder

AMB = Outcome.AMBIGUOUS


def mixed() -> RunBuilder:
    builder = RunBuilder().calm()
    builder.order(1, 11, event=False, took=1.0).order(2, 12, event=False, took=1.2).order(3, 13, event=False, took=3.0)
    builder.order(4, 14, AMB, row=False, event=False, took=2.0)
    builder.order(5, 15, AMB, row=False, event=False, status=0, failure=Failure.TIMEOUT, took=5.0)
    builder.order(6, 16, AMB, row=False, event=False, status=0, failure=Failure.RESET, took=0.1)
    builder.order(7, 17, Outcome.REJECTED, row=False, event=False, took=0.3).unanswered(8, 18)
    return builder.order(9, 2, event=False).order(10, 25, AMB, row=False, event=False)


def test_the_three_behaviours_of_an_outage() -> None:
    behaviour = judge(mixed().history()).behaviour
    kinds = {key: behaviour[key]["count"] for key in ("silent_201", "error", "hang", "kept", "broken")}
    # Number 9 was lost and number 10 failed outside the outage; 2 of the calm orders were sent in it.
    assert kinds == {"silent_201": 3, "error": 2, "hang": 1, "kept": 2, "broken": 2}
    assert behaviour["silent_201"]["p50_s"] == pytest.approx(1.2, abs=1e-6)
    assert behaviour["silent_201"]["max_s"] == pytest.approx(3.0, abs=1e-6)
    assert behaviour["hang"]["p95_s"] == pytest.approx(5.0, abs=1e-6)
    assert [outage["silent_201"]["count"] for outage in behaviour["outages"]] == [3]
    assert behaviour["phases"]["baseline"]["count"] == 3


def test_without_an_outage_there_is_no_behaviour_and_unknown_is_none() -> None:
    judgement = judge(mixed().without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED).history())
    assert judgement.behaviour["hang"] == {
        **{"count": 0, "p50_s": None, "p95_s": None, "max_s": None},
        **{"http_statuses": {}, "failures": {}},
    }
    assert judgement.behaviour["outages"] == []


def test_rates_by_phase() -> None:
    builder = RunBuilder().calm().not_sent(7, 6)
    rate = judge(builder.history()).rate
    assert rate["phases"]["baseline"]["due"] == 3
    assert rate["phases"]["baseline"]["sent"] == 2
    assert rate["phases"]["baseline"]["seconds"] == 10
    assert rate["phases"]["outage"]["seconds"] == 11
    assert rate["phases"]["recovery"]["achieved"] == pytest.approx(0.2)
    assert rate["offered"] == pytest.approx(7 / 31)


def test_a_phase_that_never_ended_has_no_rate() -> None:
    rate = judge(RunBuilder().calm().without(*{mark.name for mark in RunBuilder().marks}).history()).rate
    assert rate["phases"]["baseline"]["offered"] is None
    assert rate["offered"] is None


def second(builder: RunBuilder, number: int) -> dict[str, Any]:
    return judge(builder.history()).timeline[number]


def test_timeline_counts_by_the_second_of_the_send() -> None:
    builder = RunBuilder().order(1, 12.0, event=False, took=0.5).order(2, 12.99, appended=20.85, took=0.25)
    builder.order(3, 13.0, AMB, row=False, event=False).not_sent(4, 12.5)
    assert second(builder, 12) == {
        "second": 12,
        "at": T0 + 12,
        "due": 3,
        "sent": 2,
        "acknowledged": 2,
        "errors": 0,
        "lost": 1,
        "delivered": 1,
        "p50_latency_s": pytest.approx(0.25, abs=1e-6),
        "p95_latency_s": pytest.approx(0.5, abs=1e-6),
        "max_latency_s": pytest.approx(0.5, abs=1e-6),
    }
    assert second(builder, 13)["errors"] == 1
    assert second(builder, 0)["p95_latency_s"] is None


def test_timeline_sums_to_the_counts() -> None:
    judgement = judge(mixed().history())
    totals = {key: sum(entry[key] for entry in judgement.timeline) for key in ("due", "sent", "acknowledged", "lost")}
    assert totals == {
        "due": judgement.counts["due"],
        "sent": judgement.counts["attempted"],
        "acknowledged": judgement.counts["acknowledged"],
        "lost": judgement.counts["lost_events"],
    }
    assert len(judgement.timeline) == 29


@pytest.mark.parametrize(
    ("statuses", "name"), [({"201": 3}, "silent 201"), ({"202": 3}, "silent 202"), ({"202": 2, "200": 1}, "silent 2xx")]
)
def test_a_silent_loss_is_named_by_what_was_answered(statuses: dict[str, int], name: str) -> None:
    nothing: Any = None
    label = behaviour_words._label(Behaviour.SILENT_201, {"http_statuses": statuses}, nothing, nothing)
    assert label == f"{name} (acknowledged, event lost)"
