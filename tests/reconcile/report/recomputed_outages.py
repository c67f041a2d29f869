"""The sentences on outages, windows and lateness once more, from marks, probe results, offsets and ledger."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

from health.replies import ProbeResult
from reconcile.analysis.lost_causes import LostCause
from runlog import marks as m
from runlog.clock import iso_utc
from tests.reconcile.report.raw_history import Order
from tests.reconcile.report.raw_run import RawRun, some, took

FEW: Final = 20


def each(one: Callable[[RawRun, int], str]) -> Callable[[RawRun], list[str]]:
    return lambda run: [one(run, outage) for outage in run.raw.outages()]


def title(run: RawRun, outage: int) -> str:
    return f"Outage {outage + 1}: {run.fault(outage)} of the {run.target(outage)}"


def asked(run: RawRun, begin: float, end: float) -> list[tuple[str, list[ProbeResult]]]:
    """Probes that lie within an interval, by connection; connections without any left out."""
    inside = [one for one in run.raw.history.probe_results if one.asked >= begin and one.answered <= end]
    groups = [
        (words, [one for one in inside if one.connection == name])
        for name, words in (("kept", " on the kept connection"), ("new", " on a new connection"))
    ]
    return [(words, found) for words, found in groups if found]


def down(run: RawRun, outage: int) -> str:
    target, away = run.target(outage), run.away(outage)
    if run.raw.edge("down_edge", outage) is None:
        return f"{target} never proven down"
    if away is None:
        return f"{target} never proven back"
    length, healing = f"{away[1] - away[0]:.1f} s", run.edges(outage)[2]
    injected = run.raw.mark(m.INJECTED, outage)
    answers = [(one.asked, one.answered, words) for words, found in asked(run, *away) for one in found if one.ok]
    before = [answered for _, answered, _ in answers if injected is not None and answered < injected]
    after = sorted((one for one in answers if injected is None or one[1] >= injected), key=lambda one: one[0])
    down_at = max([*before, away[0]])
    if not after:
        return f"{target} down for {away[1] - down_at:.1f} s"
    if len(asked(run, *away)) > 1 and min(answered for _, answered, _ in after) >= healing:
        back, words = max(after[0][0], healing), after[0][2]
        last = "both were back" if {on for _, _, on in after} - {words} else "the other connection was back"
        return f"{target} down for {back - down_at:.1f} s; it then answered{words} {away[1] - back:.1f} s before {last}"
    groups = [(words, sum(one.ok for one in found), len(found)) for words, found in asked(run, *away)]
    served = [f"{answers} of {some(total, 'probe')}{words}" for words, answers, total in groups if answers]
    silent = [words.strip() for words, answers, _ in groups if not answers]
    if not silent:
        return f"{target} not down for all of {length}: it answered {' and '.join(served)}"
    return f"{target} answered no probe {' and '.join(silent)} for {length}, but {' and '.join(served)}"


def probes(run: RawRun, outage: int) -> str:
    _, injected, healing, _ = run.edges(outage)
    parts = []
    for words, found in asked(run, *(run.away(outage) or (injected, healing))):
        ways = Counter(one.how for one in found if one.how != "answered")
        said = f" ({', '.join(f'{way} {ways[way]}' for way in sorted(ways))})" if ways else ""
        parts.append(f"{sum(one.ok for one in found)} of {some(len(found), 'probe')} answered{words}{said}")
    return f"{run.target(outage)}: {', '.join(parts)}" if parts else ""


def placed(run: RawRun) -> tuple[dict[int, list[Order]], int, int]:
    """Proven losses by the outage nearest to their send, how many are too far from each, how many have no time."""
    found: dict[int, list[Order]] = {outage: [] for outage in run.raw.outages()}
    outside = unplaced = 0
    facts = run.raw.history.facts
    reach = facts.request_timeout_s + (120 if facts.delivery_timeout_s is None else facts.delivery_timeout_s)
    for one in [] if run.doubted("lost_events") else run.lost:
        if one.sent is None:
            unplaced += 1
            continue
        distances = []
        for outage in found:
            begin, _, _, end = run.edges(outage)
            distances.append((max(begin - one.sent, one.sent - end, 0.0), outage))
        if distances and min(distances)[0] <= reach:
            found[min(distances)[1]].append(one)
        else:
            outside += 1
    return found, outside, unplaced


def window_of(run: RawRun, outage: int) -> tuple[float, float, str, str] | None:
    sent = [one.sent for one in placed(run)[0][outage] if one.sent is not None]
    if not sent:
        return None
    failed, failed_last = run.raw.edge("down_edge", outage), run.raw.edge("up_edge", outage)
    lead = "unknown" if failed is None else f"{failed[1] - min(sent):+.2f} s"
    tail = "unknown" if failed_last is None else f"{max(sent) - failed_last[0]:+.2f} s"
    return min(sent), max(sent), lead, tail


def window(run: RawRun, outage: int) -> str:
    found = window_of(run, outage)
    if found is None:
        doubt = " proven" if run.doubted("lost_events") and run.lost else ""
        return f"failure window: none{doubt}"
    first, last, lead, tail = found
    return f"failure window: {last - first:.1f} s (lead {lead}, tail {tail})"


def _at(run: RawRun, moment: float) -> str:
    clock = iso_utc(moment).partition("T")[2]
    return f"{moment - run.raw.history.facts.started_at:.3f} s ({clock[:12]} UTC)"


def lost_in_window(run: RawRun, outage: int) -> str:
    found = window_of(run, outage)
    if found is None:
        return "no lost event of this outage" + (" is proven" if run.doubted("lost_events") and run.lost else "")
    first, last, *_ = found
    inside = [one for one in run.raw.attempts if one.sent is not None and first <= one.sent <= last]
    share = 100 * sum(one in run.lost for one in inside) / len(inside)
    return (
        f"{some(len(placed(run)[0][outage]), 'lost event')}, sent from {_at(run, first)} to {_at(run, last)}; "
        f"{some(len(inside), 'order')} sent in that time, {share:.0f} % of them lost their event"
    )


def lead_and_tail(run: RawRun, outage: int) -> str:
    found = window_of(run, outage)
    if found is None:
        return ""
    _, _, lead, tail = found
    return (
        f"lead {lead} (from the first loss to the first observed failure of the {run.target(outage)}), tail {tail} "
        "(from its last observed failure to the last loss)"
    )


def lost_before_and_after(run: RawRun, outage: int) -> str:
    if window_of(run, outage) is None:
        return ""
    lost, (begin, _, _, end) = placed(run)[0][outage], run.edges(outage)
    before, after = sum((one.sent or 0) < begin for one in lost), sum((one.sent or 0) > end for one in lost)
    return f"{before} sent before injection began, {after} after the {run.target(outage)} was proven back"


def outside(run: RawRun) -> list[str]:
    _, away, unplaced = placed(run)
    facts = run.raw.history.facts
    reach = facts.request_timeout_s + (120 if facts.delivery_timeout_s is None else facts.delivery_timeout_s)
    parts = []
    if away:
        far = f"sent more than {reach:g} s before or after every outage"
        where = far if run.raw.outages() else "in a run without an outage"
        parts.append(f"{some(away, 'lost event')} {where}")
    if unplaced:
        parts.append(f"{some(unplaced, 'lost event')} without a send time: no ledger holds the order")
    return ["; ".join(parts)]


def rates(run: RawRun, outage: int) -> str:
    begin, _, _, end = run.edges(outage)
    if math.isinf(end):
        return "orders a second in the outage: unknown, as its end was never proven"
    due = [float(one["due"]) for one in run.raw.history.ledger.attempts if begin <= float(one["due"]) < end]
    during = run.during(outage)
    doubted = run.doubted("lost_events")
    lost = 0 if doubted else sum(one in run.lost for one in during)
    numbers = (len(due), sum(o.acknowledged for o in during), sum(o.row and o.event for o in during), lost)
    offered, acknowledged, delivered, gone = (f"{number / (end - begin):.1f}" for number in numbers)
    word = "proven lost" if doubted and run.lost else "lost"
    return (
        f"orders sent in the outage, by second: offered {offered}, acknowledged {acknowledged}, with row and event in "
        f"the end {delivered}, {word} {gone}"
    )


def _after(run: RawRun, outage: int) -> list[Order]:
    """Attempts sent from the return to the next outage."""
    later = [run.edges(other)[0] for other in run.raw.outages() if other > outage]
    back, until = run.edges(outage)[3], min([*later, math.inf])
    return [one for one in run.raw.attempts if one.sent is not None and back <= one.sent < until]


def first_delivered(run: RawRun, outage: int) -> str:
    back = run.edges(outage)[3]
    if math.isinf(back):
        return "unknown, as the end of the outage was never proven"
    answered = [
        one.answered for one in _after(run, outage) if one.acknowledged and one.row and one.event and one.answered
    ]
    if not _after(run, outage):
        return "no order was sent after the outage"
    if not answered:
        return "no order sent after the outage was both acknowledged and delivered"
    took_s = took(min(answered) - back)
    return f"the first order sent and delivered after the outage was acknowledged {took_s} after its end"


def _within(orders: list[Order]) -> tuple[str, float]:
    """How quickly 95 % were acknowledged, in words, and the median."""
    if not orders:
        return "no order was sent", math.nan
    times = sorted(
        one.answered - one.sent if one.acknowledged and one.answered and one.sent else math.inf for one in orders
    )
    high = times[max(0, math.ceil(0.95 * len(times)) - 1)]
    if math.isinf(high):
        return f"fewer than 95 % of {some(len(orders), 'order')} acknowledged", times[len(times) // 2]
    return f"95 % of {some(len(orders), 'order')} acknowledged within {took(high)}", times[len(times) // 2]


def pace(run: RawRun, outage: int) -> str:
    """The verdict is recomputed only where it leaves no doubt: few orders, or medians that are equal or doubled."""
    if math.isinf(run.edges(outage)[3]):
        return ""
    before = [one for one in run.raw.attempts if one.sent is not None and one.sent < run.edges(0)[0]]
    after = _after(run, outage)
    if not after:
        return ""
    (usual, usual_median), (now, median) = _within(before), _within(after)
    facts = f"({now}; baseline: {usual})"
    if min(len(before), len(after)) < FEW:
        return f"undecided: too few or too uneven orders {facts}"
    return f"as quick as before {facts}" if median < 1.1 * usual_median else f"slower than before {facts}"


def causes(run: RawRun) -> list[str]:
    """By the moment of the send; these runs have no log of the service."""
    found: Counter[LostCause] = Counter()
    facts = run.raw.history.facts
    reach = facts.request_timeout_s + (120 if facts.delivery_timeout_s is None else facts.delivery_timeout_s)
    for one in run.lost:
        found[_cause(run, one, reach)] += 1
    return [
        "; ".join(f"{found[cause]} {cause.words(run.raw.history.facts.fault)}" for cause in LostCause if found[cause])
    ]


def _cause(run: RawRun, one: Order, reach: float) -> LostCause:
    if one.sent is None:
        return LostCause.NO_SEND_TIME
    near = False
    for outage in run.raw.outages():
        edge = run.raw.edge("down_edge", outage)
        if edge is not None and one.sent < edge[1] and not (one.answered is not None and one.answered < edge[1]):
            return LostCause.IN_FLIGHT_AT_BREAK
        begin, injected, healing, end = run.edges(outage)
        for first, last, cause in (
            (begin, injected, LostCause.SENT_WHILE_STOPPING),
            (injected, healing, LostCause.SENT_WHILE_DOWN),
            (healing, end, LostCause.SENT_WHILE_RETURNING),
        ):
            if first <= one.sent < last:
                return cause
        near = near or begin - reach <= one.sent <= end + reach
    return LostCause.SENT_NEAR_OUTAGE if near else LostCause.OUTSIDE_OUTAGES


RECOMPUTED: Final[dict[str, Callable[[RawRun], list[str]]]] = {
    "outage": each(title),
    "down": each(down),
    "probes": each(probes),
    "failure window": each(window),
    "lost in the window": each(lost_in_window),
    "lead and tail": each(lead_and_tail),
    "lost before and after": each(lost_before_and_after),
    "rates": each(rates),
    "first delivered": each(first_delivered),
    "pace": each(pace),
    "outside": outside,
    "causes": causes,
}
