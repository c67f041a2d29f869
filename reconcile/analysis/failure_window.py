"""The failure window of an outage: first to last lost event by send time, compared with the target's downtime.

With `down_edge` = [last answer, first failure] and `up_edge` = [last failure, first answer] of the target as the
monitor observed them, in seconds:

- `lead_s` = down_edge[1] - first lost send. Positive: losses began before the target was observed to fail, as their
  events were still on the way. Negative: the first events after the fault still got through.
- `tail_s` = last lost send - up_edge[0]. Positive: losses went on after the target was last observed to fail, as the
  service had not recovered yet. Negative: losses ended before the target was back.

A lost event belongs to the outage in which it was sent, or to the nearest one within `reach`: the time for which the
service may still work on an order (request timeout plus the producer's delivery timeout). Lost events beyond that are
`outside`: no outage explains them. Those without a send time are in neither group.
"""

from dataclasses import dataclass

import numpy as np

from reconcile.history.joins import Bools, Floats, Ints
from runlog.facts import RunFacts
from runlog.outages import Outage


@dataclass(frozen=True, slots=True)
class FailureWindow:
    """The window of one outage. All None, and counts 0, when the outage lost nothing.

    Attributes:
        first_sent_at, last_sent_at: send times of the first and last lost event, epoch seconds.
        lead_s, tail_s: see the module; None when the edge was never proven.
        lost: lost events of the outage, those of extra orders included.
        sent: attempts sent from `first_sent_at` to `last_sent_at`, both included.
        lost_attempts: how many of those lost the event of their own order.
        before: how many of the lost were sent before `injecting`.
        after: how many of the lost were sent after `healed`.
    """

    first_sent_at: float | None
    last_sent_at: float | None
    lead_s: float | None
    tail_s: float | None
    lost: int
    sent: int
    lost_attempts: int
    before: int
    after: int

    @property
    def density(self) -> float | None:
        """Share of the attempts in the window whose event was lost, 0 to 1; None when nothing was lost."""
        return self.lost_attempts / self.sent if self.sent else None


def failure_windows(
    lost_sent: Floats, all_sent: Floats, all_lost: Bools, outages: list[Outage], reach: float
) -> tuple[list[FailureWindow], int, int]:
    """Return the window of each outage, the number of lost events outside all of them, and of those without send time.

    Args:
        lost_sent: send times of the lost events, epoch seconds, any order; NaN where there is none.
        all_sent, all_lost: send times of all attempts, and whether the event of their own order is lost.
        outages: in order.
        reach: seconds, see the module.
    """
    of_outage = _nearest(lost_sent, outages, reach)
    windows = [
        _window(lost_sent[of_outage == place], all_sent, all_lost, outage) for place, outage in enumerate(outages)
    ]
    unplaced = np.isnan(lost_sent)
    return windows, int(((of_outage < 0) & ~unplaced).sum()), int(unplaced.sum())


def reach_s(facts: RunFacts) -> float:
    """Return for how many seconds before or after an outage the service may work on an order."""
    return facts.request_timeout_s + facts.publisher.at_work_s


def _nearest(lost_sent: Floats, outages: list[Outage], reach: float) -> Ints:
    if not outages or not len(lost_sent):
        return np.full(len(lost_sent), -1, dtype=np.int64)
    begins = np.array([[outage.begin] for outage in outages])
    ends = np.array([[outage.end] for outage in outages])
    # NaN (no send time) is never within reach.
    distance = np.maximum(np.maximum(begins - lost_sent, lost_sent - ends), 0.0)
    nearest = distance.argmin(axis=0)
    return np.where(distance.min(axis=0) <= reach, nearest, -1).astype(np.int64)


def _window(lost_sent: Floats, all_sent: Floats, all_lost: Bools, outage: Outage) -> FailureWindow:
    if not len(lost_sent):
        return FailureWindow(None, None, None, None, 0, 0, 0, 0, 0)
    first, last = float(lost_sent.min()), float(lost_sent.max())
    inside = (all_sent >= first) & (all_sent <= last)
    return FailureWindow(
        first_sent_at=first,
        last_sent_at=last,
        lead_s=outage.down_edge[1] - first if outage.down_edge else None,
        tail_s=last - outage.up_edge[0] if outage.up_edge else None,
        lost=len(lost_sent),
        sent=int(inside.sum()),
        lost_attempts=int((inside & all_lost).sum()),
        before=int((lost_sent < outage.begin).sum()),
        after=int((lost_sent > outage.end).sum()),
    )
