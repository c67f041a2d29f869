"""Runs whose target was degraded: guards, and what reports say of it; near misses fail the guards."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.faults.registry import chosen_fault
from health.effect import Effect
from health.replies import Connection, How, ProbeResult
from reconcile.judge.findings import Guard
from reconcile.judge.judge import judge
from reconcile.report.csv_lists import csv_texts
from reconcile.report.html_report import html_report
from reconcile.report.markdown_report import markdown_report
from reconcile.report.sentences.explanations import fix
from reconcile.report.sentences.outages import down, probes, title
from reconcile.report.sentences.verdict import scope
from reconcile.report.step_summary import step_summary
from reconcile.report.summary import summary
from runlog import marks as m
from runlog.outcomes import Outcome
from settings.run_settings import make_settings
from tests.reconcile.core.run_builder import T0, RunBuilder, facts

BEGIN, END = 10.35, 20.85
"""Seconds between which the target of these stories is degraded; it was injected at 10.5 and healing began at 20."""
Probe = Callable[[float, Connection, int], ProbeResult]


def late(by: float = 0.3, new: float = 0.3) -> Probe:
    """Answers that come late by so many seconds on the kept connection, and on a new one."""

    def probe(at: float, connection: Connection, place: int) -> ProbeResult:
        usual, added = (0.002, by) if connection == "kept" else (0.006, new)
        took = usual + (added if BEGIN <= at < END else 0.0)
        return ProbeResult(T0 + at, T0 + at + took, connection, "answered")

    return probe


def reset(every: int, kept: bool = True) -> Probe:
    """Every so many new connections are reset, and the kept one or not."""

    def probe(at: float, connection: Connection, place: int) -> ProbeResult:
        hit = BEGIN <= at < END and (kept if connection == "kept" else place % every == 0)
        how: How = "broken" if hit else "answered"
        return ProbeResult(T0 + at, T0 + at + 0.004, connection, how)

    return probe


def degraded(probe: Probe, fault: str, **options: str) -> RunBuilder:
    story = RunBuilder().calm().order(1, 12, event=False)
    found = chosen_fault(make_settings({"fault": fault, **options}))
    story.facts = facts(fault=found.facts, fault_target="broker")
    story.mark(m.INJECTING, fault=fault, target="broker")
    story.mark(m.INJECTED, seen={"kept": "answered", "new": "answered"}, measured={"kept": 0.3, "new": 0.9})
    kept = [probe(tick / 10, "kept", tick) for tick in range(340)]
    new = [probe(0.05 + tick / 20, "new", tick) for tick in range(680)]
    story.probe_results = sorted([*kept, *new], key=lambda seen: seen.asked)
    return story


def guards(story: RunBuilder) -> dict[str, Guard]:
    return {guard.name: guard for guard in judge(story.history()).guards}


def test_a_late_target_is_proven_held_and_back() -> None:
    found = guards(degraded(late(), "latency"))
    assert found["fault proven"].reason == "the broker was proven degraded in 1 outage, as planned"
    assert found["fault held"].reason.startswith("the broker was late to answer all ")
    assert " probes on the kept connection (by 300 ms) and all " in found["fault held"].reason
    assert found["fault held"].reason.endswith(" probes on a new connection (by 300 ms) until healing began")
    assert found["recovery proven"].reason.startswith("the broker answered as usual again after 1 outage, known within")
    assert all(found[name].passed for name in ("fault proven", "fault held", "recovery proven"))


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
        f"the broker answered as usual again after 1 outage, known within {proven - last_reset:.3f} s"
    )
    assert guards(degraded(reset(1), "reset"))["recovery proven"].reason.endswith("known within 0.100 s")


def test_reports_speak_of_a_degraded_target_and_never_of_one_that_is_down() -> None:
    history = degraded(late(), "latency").history()
    judgement = judge(history)
    assert title(history, judgement, 0) == "Outage 1: latency of 300 ms to the broker"
    assert down(history, judgement, 0) == "broker degraded for at least 10.4 s (300 ms later than usual)"
    assert " answered 300 ms later than usual" in probes(history, judgement, 0)
    texts = [
        summary(history, judgement, Path("runs/x")).plain,
        markdown_report(history, judgement),
        html_report(history, judgement),
        *csv_texts(history, judgement).values(),
    ]
    for text in texts:
        for words in (
            "broker down",
            "proven down",
            "is down",
            "was down",
            "while it should have been down",
            "proven back,",
            "proven back:",
            "proven back<",
            "'s return",
            "outage of the",
            "broker stopping",
            "Down",
            "observed failure",
        ):
            assert words not in text
    everything = "".join(texts)
    for words in (
        "latency of 300 ms to the broker",
        "proven degraded: 900 ms later than usual on a new connection, 300 ms later than usual on an old one",
        "while the target was degraded",
        "broker degraded",
        "- Degraded: broker degraded for at least 10.4 s",
        "from the first loss to the first observed degradation of the broker",
        "(from when the last probe that showed it was sent to the last loss)",
        "broker proven back to normal",
        "sent in the outage (broker degraded) ",
        "(topic read until 14.0 s after the broker was back to normal)",
        "after the broker was proven back to normal: ",
    ):
        assert words in everything, words


def test_reports_say_how_long_the_orders_of_a_slow_target_took() -> None:
    story = degraded(late(), "latency").order(2, 13, took=0.7).order(3, 14, Outcome.AMBIGUOUS, took=0.9)
    story.unanswered(4, 15)
    history = story.history()
    text = markdown_report(history, judge(history))
    assert "| sent in the outage (broker degraded) | orders | median | 95th percentile | slowest |" in text
    assert "| kept (acknowledged, with row and event) | 3 | 20 ms | 700 ms | 700 ms |" in text
    assert "| no usable answer (no answer when the run ended: 1) | 1 | unknown | unknown | unknown |" in text


@pytest.mark.parametrize("target", ["broker", "service", "database"])
def test_the_picture_keeps_its_columns_beside_a_long_label(target: str) -> None:
    story = degraded(late(), "latency")
    story.facts = replace(story.facts, fault_target=target)
    story.mark(m.INJECTING, fault="latency", target=target)
    history = story.history()
    judgement = judge(history)
    for text in (summary(history, judgement, Path("runs/x")).plain, step_summary(history, judgement, "runs/x")):
        label = f"{target} degraded"
        (bar,) = (line for line in text.splitlines() if line.startswith(label))
        assert bar.startswith(f"{label} ·")
        (axis,) = (line for line in text.splitlines() if line.startswith("second "))
        assert axis.index("0") == bar.index("·")


@pytest.mark.parametrize(
    ("fault", "options", "target", "stronger"),
    [
        ("latency", {}, "broker", "a higher latency"),
        ("latency", {}, "service", "a higher latency"),
        ("reset", {"fault_share": "0.5"}, "broker", "a larger share of resets"),
        ("reset", {}, "broker", ""),
        ("reset", {}, "service", ""),
    ],
)
def test_a_clean_verdict_names_what_it_does_not_cover(
    fault: str, options: dict[str, str], target: str, stronger: str
) -> None:
    story = degraded(late() if fault == "latency" else reset(2 if options else 1), fault, **options)
    story.published(1, 1, 12.5)
    story.facts = replace(story.facts, fault_target=target)
    story.mark(m.INJECTING, fault=fault, target=target)
    history = story.history()
    judgement = judge(history)
    restart = [] if target == "service" else ["a restart of the service in between"]
    beyond = [*filter(None, [stronger]), "longer outages", *restart]
    listed = " or ".join(filter(None, [", ".join(beyond[:-1]), beyond[-1]]))
    assert judgement.ruling.reason.endswith(f"; this says nothing about {listed}"), judgement.ruling.reason
    more = f" or {stronger}" if stronger else ""
    assert f"{history.facts.fault.of(target)}), not longer ones{more}" in scope(history, judgement)
    vulnerable = f"{stronger} and to other faults" if stronger else "other faults"
    assert f"remains vulnerable to {vulnerable}." in fix(history, judgement)


def test_a_target_that_stays_degraded_is_never_back_to_normal() -> None:
    story = degraded(late(), "latency").without(m.HEALED)
    history = story.history()
    judgement = judge(history)
    assert down(history, judgement, 0) == "broker never proven back to normal"
    assert guards(story)["recovery proven"].reason == "outage 1: the broker was never proven back to normal"


def test_a_degraded_broker_may_take_some_events_of_a_run_that_expects_losses() -> None:
    story = degraded(late(), "latency")
    story.facts = replace(story.facts, expect="lost-events")
    history = story.history()
    assert "| Chaos event in Kafka | DEPENDS |" in markdown_report(history, judge(history))


def test_reports_leave_out_probes_that_there_are_none_of() -> None:
    story = degraded(late(), "latency")
    story.probe_results = []
    history = story.history()
    judgement = judge(history)
    assert probes(history, judgement, 0) == ""
    assert "probes of the broker" not in summary(history, judgement, Path("runs/x")).plain


def test_reports_speak_of_resets() -> None:
    history = degraded(reset(2), "reset", fault_share="0.5").history()
    judgement = judge(history)
    assert title(history, judgement, 0) == "Outage 1: reset of 50 % of connections to the broker"
    assert down(history, judgement, 0) == "broker degraded for at least 10.4 s (50 % of connections reset)"
    assert probes(history, judgement, 0).endswith(" probes on a new connection reset")


def test_an_event_is_late_against_the_first_answer_that_came_as_usual() -> None:
    """The answers of a late target say nothing of its return; the first one as usual does."""
    story = degraded(late(), "latency")
    effect = Effect("late", 0.3, usual_s={"kept": 0.002, "new": 0.006})
    usual = [seen for seen in story.probe_results or [] if effect.is_usual(seen) and seen.asked > T0 + BEGIN]
    assert min(seen.asked for seen in usual) == pytest.approx(T0 + 20.85, abs=0.06)
