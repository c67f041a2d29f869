"""The picture of a run: the gap first, then orders by second, latencies, errors, and lost events as dots."""

import math
from typing import Any

import numpy as np

from look.chart import Chart, Dots, Line, NamedPhase, Panel, bands_of
from look.gap import TITLES, errors_panel, gap_panel, latency_panel, phantom_panel
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.sentences import losses, outages
from reconcile.report.sentences.gap import gap_in_the_end, never_came, waited
from reconcile.report.text_format import capital
from reconcile.report.violation_kinds import LOST, SUSPECTED_LOST, cases_of
from runlog import marks as m
from runlog.marks import Mark
from runlog.stages import phases, stages


def run_chart(history: History, judgement: Judgement) -> Chart | None:
    """Return the picture of the run; None when no order fell due."""
    if not judgement.timeline:
        return None
    started_at, gap = history.facts.started_at, judgement.gap
    seconds = max(gap.seconds, float(len(judgement.timeline)))
    return Chart(
        name="run",
        title=TITLES[judgement.gap.outcome],
        description=_description(history, judgement),
        seconds=seconds,
        panels=(_gap_panel(history, judgement), *_panels(judgement.timeline, history.marks, started_at)),
        bands=bands_of(stages(judgement.fault, judgement.outages, started_at), seconds),
        phases=tuple(NamedPhase(*stretch) for stretch in phases(history.marks, started_at, seconds)),
        dots=_dots(judgement, started_at),
    )


def _dots(judgement: Judgement, started_at: float) -> Dots | None:
    """Return a dot for each lost event, or for each suspected one where none is proven."""
    kind = SUSPECTED_LOST if judgement.counts[SUSPECTED_LOST.key] and not judgement.counts[LOST.key] else LOST
    sent = judgement.table.sent[cases_of(judgement, kind)] - started_at
    known = sent[~np.isnan(sent)].tolist()
    return Dots(losses.plural(kind), known, doubtful=kind is SUSPECTED_LOST) if known else None


def _gap_panel(history: History, judgement: Judgement) -> Panel:
    gap, title = judgement.gap, TITLES[judgement.gap.outcome]
    never = never_came(history, judgement)
    if gap.outcome == "provoked":
        return phantom_panel(title, gap.step_s, provoked=gap.answered, with_event=gap.with_event, words=never)
    return gap_panel(
        title,
        gap.step_s,
        answered=gap.answered,
        with_event=gap.with_event,
        waiting=gap.waiting,
        missing_words=never,
        waiting_words=waited(history, judgement),
        proven="without event" not in never,
    )


def _panels(timeline: list[dict[str, Any]], marks: list[Mark], started_at: float) -> list[Panel]:
    whole = _whole_seconds(marks, started_at, len(timeline))

    def values(key: str) -> list[float | None]:
        return [second[key] for second in timeline]

    def rate(key: str) -> list[float | None]:
        return [second[key] if second["second"] in whole else None for second in timeline]

    rates = [Line("due", "due in the second", rate("due"))]
    if any(second["acknowledged"] for second in timeline):
        rates.append(Line("rate", "acknowledged of those sent in it", rate("acknowledged")))
    errors = [errors_panel(values("errors"))] if any(second["errors"] for second in timeline) else []
    return [
        Panel("orders by second", tuple(rates), 1.0, 60, stepped=True),
        latency_panel(values("p50_latency_s"), values("p95_latency_s")),
        *errors,
    ]


def _whole_seconds(marks: list[Mark], started_at: float, length: int) -> range:
    """Return the seconds during all of which orders fell due: a second cut by the load's begin or end shows no rate."""
    at = {mark.name: mark.at - started_at for mark in marks}
    return range(math.ceil(at.get(m.BASELINE, 0.0)), min(length, math.floor(at.get(m.DRAIN, length - 1.0))))


def _description(history: History, judgement: Judgement) -> str:
    titles = (outages.title(history, judgement, place) for place in range(len(judgement.outages)))
    return " ".join([f"{capital(gap_in_the_end(history, judgement))}.", *(f"{title}." for title in titles)])
