"""The picture of a run while it goes on: the gap so far, latencies and errors, and the stages of its outages."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chaos.live.counter import LiveCounts
from chaos.live.series import GapSeries, LatencySeries
from look.chart import Chart, NamedPhase, Panel, bands_of
from look.figure import figure
from look.gap import TITLES, errors_panel, gap_panel, latency_panel, phantom_panel
from runlog.facts import RunFacts
from runlog.marks import read_marks
from runlog.outages import read_outages
from runlog.outcomes import Outcome
from runlog.stages import phases, stages


class LiveChart:
    """The picture.

    Args:
        marks: the file of the run's marks.
        outcome: of the orders whose gap is drawn.
        planned_s: seconds from the start to the planned end of the load: the time axis is at least as long.
    """

    def __init__(self, facts: RunFacts, marks: Path, outcome: Outcome, planned_s: float) -> None:
        self._facts, self._marks, self._outcome, self._planned_s = facts, marks, outcome, planned_s
        self._gap = GapSeries()
        self._counts: LiveCounts | None = None
        self._latency = LatencySeries(outcome, facts.started_at)

    def take_attempts(self, records: NDArray[np.void]) -> None:
        """Take records of the ledger."""
        self._latency.take_attempts(records)

    def add(self, now: float, counts: LiveCounts) -> None:
        """Add the counts of now, epoch seconds."""
        self._counts = counts
        in_gap = counts.without_event + (counts.waiting or 0)
        answered = counts.with_event + in_gap if self._outcome is Outcome.ACKNOWLEDGED else counts.answered
        self._gap.add(now - self._facts.started_at, answered, counts.with_event, counts.waiting or 0)

    def figure(self, now: float) -> str:
        """Return the picture as HTML."""
        try:
            marks = read_marks(self._marks)
        except (OSError, ValueError):
            marks = []
        started_at = self._facts.started_at
        since = now - started_at
        middle, slow, errors = self._latency.values()
        step = self._latency.step_s
        seen = [errors_panel(errors, step)] if any(errors) else []
        return figure(
            Chart(
                name="live",
                title=TITLES[self._outcome.label],
                description="The run so far.",
                seconds=max(self._planned_s, since + 1.0),
                panels=(self._gap_panel(), latency_panel(middle, slow, step), *seen),
                bands=bands_of(stages(self._facts.fault, read_outages(marks), started_at), since),
                now_s=(len(self._gap.answered) - 1) * self._gap.step_s,
                phases=tuple(NamedPhase(*stretch) for stretch in phases(marks, started_at, since)),
            )
        )

    def _gap_panel(self) -> Panel:
        gap, title = self._gap, TITLES[self._outcome.label]
        if self._outcome is Outcome.PROVOKED:
            words = f"{gap.with_event[-1]} events"
            return phantom_panel(title, gap.step_s, provoked=gap.answered, with_event=gap.with_event, words=words)
        missing = self._counts.without_event if self._counts is not None else 0
        waiting = (self._counts.waiting or 0) if self._counts is not None else 0
        return gap_panel(
            title,
            gap.step_s,
            answered=gap.answered,
            with_event=gap.with_event,
            waiting=gap.waiting,
            missing_words=f"{missing} not in Kafka" if missing else "",
            waiting_words=f"{waiting} pending" if waiting else "",
        )
