"""The gap over the run: orders acknowledged, those of them whose event was in Kafka, and those whose event never came.

It is counted order by order. An order is *with its event* from its answer on, unless its first event is proven to have
been appended after that; then from the upper bound of that append (see `reconcile.analysis.late_events`). A difference
of two totals would say less: events without an acknowledgement and duplicates cancel losses in it.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from reconcile.analysis.late_events import LateEvents
from reconcile.analysis.truth_table import Table
from reconcile.history.joins import Bools, Floats
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome

MOST_STEPS: Final = 480
_STEPS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Cumulative counts at the moments 0, `step_s`, 2 `step_s`, ... since the start; the last one counts everything.

    Attributes:
        outcome: which orders are counted: `acknowledged`, or `provoked` where the run provokes phantom events.
        seconds: when load, outages and drain were over, since the start.
        answered: orders with that outcome.
        with_event: those of them whose event was in Kafka too.
        never: those of them whose event never came and is in no known backlog.
        pending: those of them whose event never came, and which a known backlog holds.
        untimed: orders whose event is in Kafka, without a proven time; they are counted at the last moment.
    """

    outcome: str
    step_s: float
    seconds: float
    answered: list[int]
    with_event: list[int]
    never: list[int]
    pending: list[int]
    untimed: int

    @property
    def waiting(self) -> list[int]:
        """Orders whose event came later, or is in a known backlog."""
        counts = zip(self.answered, self.with_event, self.never, strict=True)
        return [answered - with_event - never for answered, with_event, never in counts]

    @property
    def later(self) -> list[int]:
        """Those of the waiting ones whose event came later."""
        return [waiting - pending for waiting, pending in zip(self.waiting, self.pending, strict=True)]

    def document(self) -> dict[str, Any]:
        """Return the key `gap` of `report.json`."""
        return asdict(self)


def find_gap(
    table: Table, late: LateEvents, outcome: Outcome, *, marks: list[Mark], started_at: float, read_at: float | None
) -> Gap:
    """Count the gap.

    Args:
        outcome: of the orders to count.
        started_at: epoch seconds of second 0.
        read_at: when the end of the topic was taken, epoch seconds: it bounds each append, and is no proof of its time.
    """
    mine = table.had(outcome)
    answered: Floats = table.completed[mine] - started_at
    event: Bools = table.event[mine]
    appended: Floats = late.not_after[mine] - started_at
    timed = event & ~np.isnan(appended)
    if read_at is not None:
        timed &= late.not_after[mine] < read_at
    seconds = _length(answered, appended[timed], marks, started_at)
    step = next((step for step in _STEPS_S if seconds / step <= MOST_STEPS), seconds / MOST_STEPS)
    after = late.not_before[mine] > table.completed[mine]
    both = np.where(timed, np.where(after, np.fmax(answered, appended), answered), np.inf)[event]
    pending = ~event & table.backlog[mine]
    never = ~event & ~pending
    moments: Floats = np.arange(int(np.ceil(seconds / step)) + 1, dtype=np.float64) * step
    return Gap(
        outcome=outcome.label,
        step_s=step,
        seconds=seconds,
        answered=_reached(answered, moments),
        with_event=_reached(both, moments),
        never=_reached(answered[never], moments),
        pending=_reached(answered[pending], moments),
        untimed=int((event & ~timed).sum()),
    )


def _length(answered: Floats, appended: Floats, marks: list[Mark], started_at: float) -> float:
    ends = [mark.at - started_at for mark in marks if mark.name in {m.HEALED, m.DRAIN, m.DRAINED}]
    return max([0.0, *ends, *(float(np.nanmax(times)) for times in (answered, appended) if (~np.isnan(times)).any())])


def _reached(times: Floats, moments: Floats) -> list[int]:
    """Return how many of `times` lie at or before each moment; the last moment counts all of them."""
    reached: list[int] = np.searchsorted(np.sort(times), moments, side="right").tolist()
    return [*reached[:-1], len(times)]
