"""Every sentence of the reports, recomputed from the raw history of some two hundred runs, and none said elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from reconcile.history.confirmation import Confirmation
from reconcile.history.history import History
from reconcile.judge.judge import Judgement, judge
from reconcile.report.sentences.registry import SENTENCES
from reconcile.report.step_summary import step_summary
from reconcile.report.summary import summary
from runlog.outcomes import Failure, Outcome
from tests.reconcile.core.probed import probed, probes
from tests.reconcile.core.rich_run import rich_run
from tests.reconcile.core.run_builder import RunBuilder, facts
from tests.reconcile.core.run_cases import RUN_CASES
from tests.reconcile.core.test_phantom_guards import provoked
from tests.reconcile.core.test_recovery import dense
from tests.reconcile.report.raw_history import raw
from tests.reconcile.report.raw_run import RawRun
from tests.reconcile.report.recomputed import RECOMPUTED, expectation

# What the ruling itself says, which `tests/reconcile/core/test_sentences.py` has word by word.
GIVEN = {"reason", "exit code raised", "expectation"}


def runs() -> Iterator[tuple[str, History]]:
    for title, change in RUN_CASES:
        if title == "inferred":  # an attribution that no run has
            continue
        builder = RunBuilder().calm()
        change(builder)
        yield title, builder.history()
    lossy = RunBuilder().calm().order(1, 12, event=False).order(2, 13, Outcome.AMBIGUOUS, event=False, status=503)
    lossy.order(3, 14, Outcome.AMBIGUOUS, row=False, event=False, failure=Failure.TIMEOUT, status=0, took=5)
    lossy.order(4, 15, Outcome.REJECTED, row=False, event=False, failure=Failure.REFUSED, status=0)
    lossy.order(5, 15, Outcome.AMBIGUOUS, row=False, event=False).unanswered(6, 16)
    yield "each behaviour", lossy.history()
    yield "each kind", rich_run()[0]
    yield "phantoms", provoked().history()
    yield "as quick as before", dense(*[0.02] * 10).history()
    yield "slower", dense(*[0.06] * 10).history()
    yield "a new connection is served", probed(RunBuilder().calm().order(1, 12, event=False)).history()
    yield "external", replace(lossy.history(), facts=facts(stack="external", delivery_timeout_s=None))
    yield (
        "external, kept",
        replace(RunBuilder().calm().history(), facts=facts(stack="external", delivery_timeout_s=None)),
    )
    half = probed(RunBuilder().calm().order(1, 12, event=False))
    probes("new", 12, 18, "answered")(half)
    yield "half down", half.history()
    sooner = probed(RunBuilder().calm().order(1, 12, event=False))
    probes("new", 20.2, 30, "answered")(sooner)
    yield "back on a new connection first", sooner.history()
    flapping = probed(RunBuilder().calm().order(1, 12, event=False))
    probes("new", 20.2, 30, "answered")(flapping)
    probes("kept", 20.4, 20.5, "answered")(flapping)
    yield "back on both in turn", flapping.history()
    stopping = probed(RunBuilder().calm().order(1, 12, event=False))
    probes("new", 10, 10.6, "answered")(stopping)
    yield "served while it was stopping", stopping.history()
    for confirmation in (Confirmation("", 2, 2), Confirmation("", 30_000, 10_000), Confirmation("", 1, 1)):
        yield f"confirmed {confirmation.checked}", replace(lossy.history(), confirmation=confirmation)
    far = RunBuilder().calm().order(1, 12, event=False).order(2, 30.5, event=False).stored(77, None)
    far.facts = facts(request_timeout_s=1.0, delivery_timeout_s=3.0)
    yield "far from the outage", far.history()


RUNS = dict(runs())


@cache
def judged(title: str) -> Judgement:
    return judge(RUNS[title])


def plain(history: History, judgement: Judgement) -> bool:
    """Whether doubt comes from guards and named orders alone: what the recomputation knows of."""
    table, counts = judgement.table, judgement.counts
    odd = table.alone.any() or table.shared.any() or counts["disputed_phantom"] or counts["opaque_records"]
    named = sum(one.row and not one.event for one in raw(history).orders if one.identity is not None)
    return not odd and (not counts["disputed"] or named > 0) and counts["lost_at_least"] == counts["lost_events"]


@pytest.mark.parametrize("title", RUNS)
def test_each_sentence_is_what_the_raw_history_says(title: str) -> None:
    history = RUNS[title]
    judgement = judged(title)
    if not plain(history, judgement):
        pytest.skip("doubt of single orders is recomputed in tests/properties")
    run = RawRun(raw(history), judgement.guards)
    said = {name: SENTENCES[name].texts(history, judgement) for name in RECOMPUTED}
    assert said == {name: recompute(run) for name, recompute in RECOMPUTED.items()}
    assert SENTENCES["expectation"].texts(history, judgement) == expectation(run, judgement.ruling)


def test_no_sentence_is_forgotten() -> None:
    assert set(SENTENCES) == set(RECOMPUTED) | GIVEN
    assert all(one.of for one in SENTENCES.values())


@pytest.mark.parametrize("title", RUNS)
def test_short_reports_only_place_sentences(title: str) -> None:
    """Whatever has a number in it, and is no table, no picture, no id and no path, is one of the sentences."""
    history = RUNS[title]
    judgement = judged(title)
    known = [text for one in SENTENCES.values() for text in one.texts(history, judgement) if text]
    shown = " ".join(summary(history, judgement, Path("runs/x"), width=120).plain.split())
    for text in sorted(known, key=len, reverse=True):
        shown = shown.replace(" ".join(text.split()), "")
    rest = step_summary(history, judgement, "runs/x")
    left = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", shown)
    for guard in judgement.guards:
        left = left.replace(f"- {guard.name} ({guard.kind.value}): {' '.join(guard.reason.split())}", "")
    sentences = [part for part in re.findall(r"[a-z]{3,} [a-z]{2,} \d[\d.]* [a-z]{2,}", left) if "second 0" not in part]
    assert sentences == []
    assert judgement.ruling.verdict.value.upper() in rest
