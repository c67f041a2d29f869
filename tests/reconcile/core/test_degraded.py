"""Guards of runs whose target was degraded; near misses fail them."""

from dataclasses import replace

import pytest

from health.effect import DOWN, Effect
from health.replies import How, ProbeResult
from reconcile.analysis.probe_summary import effect_of
from reconcile.judge.judge import judge
from reconcile.report.sentences.outages import down
from runlog import marks as m
from tests.reconcile.core.degraded_runs import BEGIN, END, Probe, degraded, guards, late, reset
from tests.reconcile.core.run_builder import T0, RunBuilder


def test_a_late_target_is_proven_held_and_back() -> None:
    found = guards(degraded(late(), "latency"))
    assert found["fault proven"].reason == "the broker was proven degraded in 1 outage, as planned"
    assert found["fault held"].reason.startswith("the broker was late to answer all ")
    assert " probes on the kept connection (by 300 ms) and all " in found["fault held"].reason
    assert found["fault held"].reason.endswith(" probes on a new connection (by 300 ms) until healing began")
    assert found["recovery proven"].reason.startswith(
        "the broker answered as usual again after 1 outage; when is known to"
    )
    assert all(found[name].passed for name in ("fault proven", "fault held", "recovery proven"))


def test_an_answer_takes_as_long_as_usual_if_it_takes_as_long_as_in_the_baseline() -> None:
    story = degraded(late(), "latency")
    results = story.probe_results or []
    before = [replace(seen, asked=seen.asked - 60, answered=seen.answered - 59) for seen in results]
    since = [replace(seen, answered=seen.answered + 0.5) if seen.asked >= T0 + 10 else seen for seen in results]
    story.probe_results = before + since
    assert effect_of(story.history()).usual_s == pytest.approx({"kept": 0.002, "new": 0.006}, abs=1e-6)
    without_end = replace(story, marks=[mark for mark in story.marks if mark.name != m.INJECTING])
    assert effect_of(without_end.history()).usual_s == pytest.approx({"kept": 0.502, "new": 0.506}, abs=1e-6)
    without_begin = story.without(m.BASELINE)
    assert effect_of(without_begin.history()).usual_s == pytest.approx({"kept": 1.002, "new": 1.006}, abs=1e-6)


def test_no_usual_time_matters_where_the_target_is_down() -> None:
    assert effect_of(RunBuilder().calm().history()) == DOWN


@pytest.mark.parametrize("by", [0.0, 0.15, 0.45])
def test_another_latency_than_the_one_that_was_asked_for_is_no_proof(by: float) -> None:
    found = guards(degraded(late(by, by), "latency"))
    assert not found["fault proven"].passed
    assert "was not observed degraded as asked for on the kept connection" in found["fault proven"].reason
    assert not found["fault held"].passed


def test_a_latency_that_was_not_held_as_asked_for_is_given_as_measured() -> None:
    assert guards(degraded(late(0.45, 0.45), "latency"))["fault held"].reason == (
        "outage 1: the broker was not degraded as asked for on the kept connection: 450 ms later than usual, not 300 ms"
    )


@pytest.mark.parametrize(("by", "held"), [(0.38, True), (0.4, False)])
def test_a_median_that_chance_may_make_of_the_jitter_is_held_as_asked_for(by: float, held: bool) -> None:
    """Of 24 answers with a jitter of 150 ms: three standard deviations of the median are 88 ms."""
    story = degraded(late(by), "latency", fault_jitter="150ms")
    results = story.probe_results or []
    kept = [seen for seen in results if seen.connection == "kept"]
    story.probe_results = sorted([*kept[::4], *(set(results) - set(kept))], key=lambda seen: seen.asked)
    assert guards(story)["fault held"].passed is held


def test_a_latency_that_new_connections_escape_is_no_proof() -> None:
    found = guards(degraded(late(0.3, 0.0), "latency"))
    assert found["fault proven"].reason == (
        "outage 1: the broker was not observed degraded as asked for on a new connection"
    )
    assert found["fault held"].reason.startswith(
        "the broker answered too early, or not at all, 190 of 190 probes on a new"
    )


def test_a_latency_that_ends_early_was_not_held() -> None:
    story = degraded(late(), "latency")
    story.probe_results = [
        replace(seen, answered=seen.asked + 0.002) if 15 < seen.asked - T0 < 16 else seen
        for seen in story.probe_results or []
    ]
    found = guards(story)
    assert found["fault proven"].passed
    assert found["fault held"].reason.startswith("the broker answered too early, or not at all, 9 of ")
    assert " while it should have been degraded, first " in found["fault held"].reason
    assert found["fault held"].reason.endswith(" s after it was proven degraded")


def test_a_target_that_stays_late_is_not_back() -> None:
    story = degraded(late(), "latency")
    story.probe_results = [
        seen if seen.asked - T0 < END else replace(seen, answered=seen.asked + 0.2)
        for seen in story.probe_results or []
    ]
    found = guards(story)
    assert found["recovery proven"].reason == (
        "outage 1: the broker was not observed to answer as usual again on the kept connection"
    )


def test_a_target_that_was_late_in_the_baseline_proves_nothing() -> None:
    story = degraded(late(), "latency")
    story.probe_results = [
        replace(seen, answered=seen.asked + 0.3) if 2 < seen.asked - T0 < 6 else seen
        for seen in story.probe_results or []
    ]
    assert guards(story)["fault proven"].reason == "the broker was degraded on the kept connection in the baseline"


@pytest.mark.parametrize("probe, fault", [(late(), "latency"), (reset(1), "reset")])
@pytest.mark.parametrize(("seconds", "counts"), [(2.8, False), (3.5, True)])
def test_a_stall_in_the_baseline_is_no_degradation(probe: Probe, fault: str, seconds: float, counts: bool) -> None:
    """What a busy machine does for less than three seconds looks like either fault on the kept connection."""
    story = degraded(probe, fault)
    how: How = "answered" if fault == "latency" else "hanging"
    story.probe_results = [
        replace(seen, answered=seen.answered + 0.3 if fault == "latency" else seen.asked + 0.1, how=how)
        if 0 <= seen.asked - T0 - 2 < seconds - 0.3 and seen.connection == "kept"
        else seen
        for seen in story.probe_results or []
    ]
    assert guards(story)["fault proven"].passed is not counts


@pytest.mark.parametrize(("seconds", "counts"), [(2.9, False), (3.1, True)])
def test_a_target_that_was_away_for_less_than_a_probe_may_take_proves_nothing_but_for_a_stall(
    seconds: float, counts: bool
) -> None:
    """The probes of a run with a latency wait longer than it: two hang, the next is answered in the end."""
    story = degraded(late(), "latency")
    begin, end = T0 + 2, T0 + 2 + seconds
    results = [seen for seen in story.probe_results or [] if seen.answered < begin or seen.asked >= end]
    away = [
        ProbeResult(begin, begin + 0.4 * seconds, "kept", "hanging"),
        ProbeResult(begin + 0.4 * seconds, begin + 0.7 * seconds, "kept", "hanging"),
        ProbeResult(begin + 0.7 * seconds, end, "kept", "answered"),
        ProbeResult(begin, end, "new", "answered"),
    ]
    story.probe_results = sorted([*results, *away], key=lambda seen: seen.asked)
    found = guards(story)["fault proven"]
    words = "the broker did not answer in its usual time on the kept connection in the baseline, for 3.100 s"
    assert (found.passed, found.reason == words) == (not counts, counts)


def test_half_of_the_connections_reset_is_proven_held_and_back_whatever_becomes_of_the_kept_one() -> None:
    for kept in (True, False):
        found = guards(degraded(reset(2, kept), "reset", fault_share="0.5"))
        assert found["fault proven"].passed
        assert found["fault held"].reason.startswith("the broker reset 95 of 190 probes")
        assert found["fault held"].reason.endswith(" probes on a new connection until healing began")
        assert found["recovery proven"].passed, found["recovery proven"].reason


def test_a_quarter_of_the_connections_is_no_half_and_a_half_is_not_all() -> None:
    quarter = guards(degraded(reset(4), "reset", fault_share="0.5"))
    assert not quarter["fault proven"].passed
    assert quarter["fault held"].reason == (
        "outage 1: the broker was not degraded as asked for on a new connection: 24.7 % of connections reset, "
        "not 50 % of connections"
    )
    half = guards(degraded(reset(2), "reset"))
    assert half["fault proven"].reason == (
        "outage 1: the broker was not observed degraded as asked for on a new connection"
    )
    assert not half["fault held"].passed


def test_all_connections_reset_is_proven_on_both() -> None:
    found = guards(degraded(reset(1), "reset"))
    assert found["fault proven"].passed
    assert found["fault held"].reason.startswith("the broker reset all ")
    spared = guards(degraded(reset(1, kept=False), "reset"))
    assert spared["fault proven"].reason == (
        "outage 1: the broker was not observed degraded as asked for on the kept connection"
    )
    assert spared["fault held"].reason.startswith("outage 1: the broker was not degraded as asked for on the kept")


def test_the_end_of_a_share_of_resets_is_known_only_within_its_proof() -> None:
    """A connection that is spared does not end it: one of two is spared while it lasts."""
    last_reset, proven = 20.8, 21.0
    partial = guards(degraded(reset(2), "reset", fault_share="0.5"))["recovery proven"]
    assert partial.reason == (
        f"the broker answered as usual again after 1 outage; when is known to {proven - last_reset:.3f} s"
    )
    assert guards(degraded(reset(1), "reset"))["recovery proven"].reason.endswith("when is known to 0.100 s")


def test_a_target_that_stays_degraded_is_never_back_to_normal() -> None:
    story = degraded(late(), "latency").without(m.HEALED)
    history = story.history()
    judgement = judge(history)
    assert down(history, judgement, 0) == "broker never proven back to normal"
    assert guards(story)["recovery proven"].reason == "outage 1: the broker was never proven back to normal"


def test_an_event_is_late_against_the_first_answer_that_came_as_usual() -> None:
    """The answers of a late target say nothing of its return; the first one as usual does."""
    story = degraded(late(), "latency")
    effect = Effect("late", 0.3, usual_s={"kept": 0.002, "new": 0.006})
    usual = [seen for seen in story.probe_results or [] if effect.is_usual(seen) and seen.asked > T0 + BEGIN]
    assert min(seen.asked for seen in usual) == pytest.approx(T0 + 20.85, abs=0.06)
