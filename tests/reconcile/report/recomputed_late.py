"""Late events once more, order by order: bracketed by the monitor's offsets, set against the target's return."""

import math

from health.replies import ProbeResult
from tests.reconcile.core.plain_reference import AppendTimes
from tests.reconcile.report.raw_history import Order
from tests.reconcile.report.raw_run import RawRun


def late(run: RawRun) -> tuple[list[float], int]:
    """Delays of the late events, and of how many events it is undecided whether they are late."""
    history = run.raw.history
    served = [one for one in history.probe_results if one.ok]
    outages = [outage for outage in run.raw.outages() if not math.isinf(run.edges(outage)[3])]
    returns = sorted(_return(run, outage, served) for outage in outages)
    delays, undecided = [], 0
    for one in run.raw.orders:
        back = next((moment for moment in returns if one.sent is not None and moment > one.sent), None)
        if back is None or one.sent is None or not (one.row and one.event):
            continue
        low, high = appended(run, one)
        if low >= back:
            delays.append(high - one.sent)
        elif high > back:
            undecided += 1
    return delays, undecided


def appended(run: RawRun, order: Order) -> tuple[float, float]:
    """Earliest and latest moment at which the first event of an order was appended; infinite if unbounded."""
    history = run.raw.history
    times = AppendTimes(history.observations)
    own = [rec for rec in history.events.events if (int(rec["hi"]) << 64) | int(rec["lo"]) == order.identity]
    bounds = [times.bracket(int(rec["partition"]), int(rec["offset"])) for rec in own]
    low = min((-math.inf if begin is None else begin for begin, _ in bounds), default=-math.inf)
    low = max(low, -math.inf if order.sent is None else order.sent)
    tops = [history.events.read_at if end is None else end for _, end in bounds]
    high = min([top for top in tops if top is not None], default=math.inf)
    served = [one for one in history.probe_results if one.ok]
    for outage in run.raw.outages():
        low = _raised(run, outage, low, served)
    return low, high


def _return(run: RawRun, outage: int, served: list[ProbeResult]) -> float:
    _, _, healing, healed = run.edges(outage)
    edge = run.raw.edge("up_edge", outage)
    answers = [max(one.asked, healing) for one in served if one.answered >= healing]
    return min([healed if edge is None else edge[0], *answers])


def _raised(run: RawRun, outage: int, low: float, served: list[ProbeResult]) -> float:
    """A bound within the broker's absence moves to its end: nothing was appended meanwhile."""
    away = run.away(outage)
    if away is None or run.target(outage) not in {"broker", "target"} or run.fault(outage) == "partition":
        return low
    _, injected, healing, _ = run.edges(outage)
    begin = max([away[0], *(one.answered for one in served if one.answered <= injected)])
    end = _return(run, outage, served)
    seen = run.raw.history.observations
    if any(one.ok and away[0] <= one.asked and one.answered <= end for one in seen):
        return low
    if any(injected < one.answered < healing for one in served):
        return low
    return end if begin <= low < end else low
