"""The picture of a run: the gap first, then orders by second, latencies, errors, and lost events as dots."""

import math
from itertools import pairwise
from typing import Any, Final

from look.chart import Area, Band, Chart, Dots, Line, Panel, Phase
from reconcile.history.history import History
from reconcile.history.outages import Outage
from reconcile.judge.judge import Judgement
from reconcile.report.sentences import losses, outages
from reconcile.report.sentences.gap import TITLES, gap_in_the_end, never_came, waited
from reconcile.report.text_format import capital
from reconcile.report.violation_kinds import LOST, SUSPECTED_LOST, cases_of
from runlog import marks as m
from runlog.fault_facts import FaultFacts
from runlog.marks import Mark

_PHASES: Final = {m.BASELINE: "baseline", m.INJECTING: "outage", m.HEALED: "recovery", m.DRAIN: "drain"}
_ENDS: Final = frozenset({m.DRAINED, m.INTERRUPTED, m.FAILED, m.ENDED})


def run_chart(history: History, judgement: Judgement) -> Chart | None:
    """Return the picture of the run; None when no order fell due."""
    if not judgement.timeline:
        return None
    started_at, gap = history.facts.started_at, judgement.gap
    seconds = max(gap.seconds, float(len(judgement.timeline)))
    kind = SUSPECTED_LOST if judgement.counts[SUSPECTED_LOST.key] and not judgement.counts[LOST.key] else LOST
    sent = judgement.table.sent[cases_of(judgement, kind)] - started_at
    return Chart(
        name="run",
        title=TITLES[judgement.gap.outcome],
        description=_description(history, judgement),
        seconds=seconds,
        panels=(_gap_panel(history, judgement), *_panels(judgement.timeline, history.marks, started_at)),
        bands=tuple(_bands(judgement.fault, judgement.outages, started_at)),
        phases=tuple(_phases(history.marks, started_at, seconds)),
        dots=Dots(f"{losses.plural(kind)} by send time, one dot each", sent.tolist()) if len(sent) else None,
    )


def _gap_panel(history: History, judgement: Judgement) -> Panel:
    gap = judgement.gap
    if gap.outcome == "provoked":
        lines = (
            Line("provoked", "orders rolled back", gap.answered),
            Line("phantom", "their events in Kafka", gap.with_event),
        )
        areas: tuple[Area, ...] = (
            Area("missing", gap.with_event, [0] * len(gap.with_event), never_came(history, judgement)),
        )
    else:
        came = [answered - never for answered, never in zip(gap.answered, gap.never, strict=True)]
        lines = (
            Line("acknowledged", "acknowledged", gap.answered),
            Line("delivered", "acknowledged and in Kafka", gap.with_event),
        )
        areas = (
            Area("waiting", came, gap.with_event, waited(history, judgement)),
            Area("missing", gap.answered, came, never_came(history, judgement)),
        )
    return Panel(TITLES[gap.outcome], lines, gap.step_s, 240, areas=areas)


def _panels(timeline: list[dict[str, Any]], marks: list[Mark], started_at: float) -> list[Panel]:
    whole = _whole_seconds(marks, started_at, len(timeline))

    def values(key: str, *, cut: bool = False) -> list[float | None]:
        return [None if cut and number not in whole else second[key] for number, second in enumerate(timeline)]

    rates = (
        Line("due", "due in the second", values("due", cut=True)),
        Line("acknowledged by-second", "acknowledged of these", values("acknowledged", cut=True)),
    )
    return [
        Panel("orders by second", rates, 1.0, 60, stepped=True),
        Panel(
            "latency",
            (Line("p95", "95th percentile", values("p95_latency_s")), Line("p50", "median", values("p50_latency_s"))),
            1.0,
            70,
            "seconds",
            stepped=True,
        ),
        Panel("not acknowledged", (Line("errors", "not acknowledged", values("errors")),), 1.0, 40, stepped=True),
    ]


def _whole_seconds(marks: list[Mark], started_at: float, length: int) -> range:
    """Return the seconds during all of which orders fell due: a second cut by the load's begin or end shows no rate."""
    at = {mark.name: mark.at - started_at for mark in marks}
    return range(math.ceil(at.get(m.BASELINE, 0.0)), min(length, math.floor(at.get(m.DRAIN, length - 1.0))))


def _bands(fault: FaultFacts, found: list[Outage], started_at: float) -> list[Band]:
    bands: list[Band] = []
    for outage in found:
        target, edges = outage.target or "target", [edge - started_at for edge in outage.edges]
        stages = ("edge", fault.stages[0]), ("down", f"proven {fault.state}"), ("edge", fault.stages[1])
        bands += [
            Band(begin, end, style, f"{target} {words}")
            for (style, words), (begin, end) in zip(stages, pairwise(edges), strict=True)
            if begin < end
        ]
    return bands


def _phases(marks: list[Mark], started_at: float, seconds: float) -> list[Phase]:
    begins = [(mark.at - started_at, _PHASES[mark.name]) for mark in marks if mark.name in _PHASES]
    end = min([seconds, *(mark.at - started_at for mark in marks if mark.name in _ENDS)])
    moments = [at for at, _ in begins[1:]] + [max(end, begins[-1][0])] if begins else []
    return [Phase(begin, until, words) for (begin, words), until in zip(begins, moments, strict=True)]


def _description(history: History, judgement: Judgement) -> str:
    titles = (outages.title(history, judgement, place) for place in range(len(judgement.outages)))
    return " ".join([f"{capital(gap_in_the_end(history, judgement))}.", *(f"{title}." for title in titles)])
