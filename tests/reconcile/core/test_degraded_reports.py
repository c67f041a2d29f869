"""What reports say of a run whose target was degraded."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

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
from tests.reconcile.core.degraded_runs import degraded, late, reset


def test_reports_speak_of_a_degraded_target_and_never_of_one_that_is_down() -> None:
    history = degraded(late(), "latency").history()
    judgement = judge(history)
    assert title(history, judgement, 0) == "Outage 1: latency of 300 ms to the broker"
    assert down(history, judgement, 0) == "broker degraded for at least 10.4 s (300 ms later than usual)"
    assert " answered 300 ms later than usual" in probes(history, judgement, 0)
    texts = [
        summary(history, judgement, Path("runs/x")).plain,
        markdown_report(history, judgement),
        re.sub(r"<script>.*?</script>|<summary>Words.*?</details>", "", html_report(history, judgement), flags=re.S),
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
            "broker going down",
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
        "after the broker was proven back to normal",
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
    assert f"{history.facts.fault.of(target)}; from its proof to the start of healing), not longer ones{more}" in scope(
        history, judgement
    )
    vulnerable = f"{stronger} and in other faults" if stronger else "other faults"
    assert f"can still lose events in {vulnerable};" in fix(history, judgement)


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
