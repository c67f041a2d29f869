"""What was observed of each outage: for how long the target was down, the failure window, rates, the recovery."""

from collections import Counter

from health.replies import ProbeResult
from reconcile.analysis.failure_window import FailureWindow, reach_s
from reconcile.analysis.pace import Pace
from reconcile.analysis.plural import some
from reconcile.analysis.probe_summary import effect_of, probe_series, seen_words
from reconcile.history.history import History
from reconcile.judge.judge import Judgement
from reconcile.report.sentences.registry import outage_sentence, sentence
from reconcile.report.text_format import duration, moment
from runlog.fault_facts import FaultFacts
from runlog.outages import Outage
from settings.duration import format_duration


@outage_sentence("outage", "the run's fault, mark `injecting`: target")
def title(history: History, judgement: Judgement, place: int) -> str:
    outage = judgement.outages[place]
    return f"Outage {outage.number}: {outage.of(history.facts.fault)}"


@outage_sentence("down", "edges of the kept connection, answers of every probe in between, `injected`, `healing`")
def down(history: History, judgement: Judgement, place: int) -> str:
    """For how long the target was down or degraded, as far as its probes show."""
    outage = judgement.outages[place]
    fault, target = history.facts.fault, outage.target or "target"
    if outage.down_edge is None or outage.downtime is None:
        return f"{target} never proven {fault.state if outage.down_edge is None else fault.back}"
    begin, end = outage.downtime
    if fault.state == "degraded":
        effect = effect_of(history)
        series = next(each for each in probe_series(history) if each.connection == effect.connections[0])
        strength = f"{effect.measured(series.within(begin, end))} {effect.unit}"
        return f"{target} degraded for at least {end - begin:.1f} s ({strength})"
    found = _probes(history, outage.downtime)
    healing, proven = outage.edges[2], begin if outage.injected is None else outage.injected
    served_by = [(one, where) for where, inside in found for one in inside if one.ok]
    # While it was stopping, one connection may still have been served.
    stopped = max([begin, *(one.answered for one, _ in served_by if one.answered < proven)])
    answers = [(one, where) for one, where in served_by if one.answered >= proven]
    if not answers:
        return f"{target} down for {end - stopped:.1f} s"
    if len(found) > 1 and all(one.answered >= healing for one, _ in answers):
        # Healing had begun: one connection was served a little before both were.
        first, where = min(answers, key=lambda answer: answer[0].asked)
        back = max(healing, first.asked)
        last = "the other connection was back" if len({where for _, where in answers}) == 1 else "both were back"
        return f"{target} down for {back - stopped:.1f} s; it then answered{where} {end - back:.1f} s before {last}"
    length = f"{end - begin:.1f} s"
    parts = [(where, *_answers(inside)) for where, inside in found]
    served = [f"{some_of(answers, total, 'probe')}{where}" for where, answers, total in parts if answers]
    quiet = [where.strip() for where, answers, _ in parts if not answers]
    if not quiet:
        return f"{target} not down for all of {length}: it answered {' and '.join(served)}"
    return f"{target} answered no probe {' and '.join(quiet)} for {length}, but {' and '.join(served)}"


@outage_sentence("probes", "probe results between the two edges, or else between `injected` and `healing`")
def probes(history: History, judgement: Judgement, place: int) -> str:
    """How many probes were answered on each connection while the target was down, and how the others failed; of a
    degraded target, how many show it, and how strongly."""
    outage = judgement.outages[place]
    _, injected, healing, _ = outage.edges
    during = outage.downtime or (injected, healing)
    if history.facts.fault.state == "degraded":
        parts = _degraded(history, during)
    else:
        parts = []
        for where, inside in _probes(history, during):
            answers, total = _answers(inside)
            parts.append(f"{some_of(answers, total, 'probe')} answered{where}{_failures(inside)}")
    return f"{outage.target or 'target'}: {', '.join(parts)}" if parts else ""


def _degraded(history: History, during: tuple[float, float]) -> list[str]:
    """Return how many probes of each connection show that the target was degraded, and how strongly."""
    effect, parts = effect_of(history), []
    for one in probe_series(history):
        inside = one.within(*during)
        if inside and one.connection in effect.connections:
            shown = sum(effect.shows(probe) for probe in inside)
            counted = f"{some_of(shown, len(inside), 'probe')}{one.where}"
            strength = f"answered {effect.measured(inside)} " if effect.kind == "late" else ""
            parts.append(f"{counted} {strength}{effect.unit}")
    return parts


def some_of(part: int, total: int, word: str) -> str:
    """Return `3 of 5 probes`."""
    return f"{part} of {some(total, word)}"


def _probes(history: History, during: tuple[float, float]) -> list[tuple[str, list[ProbeResult]]]:
    """Return the probes of each connection that lie within `during`, connections without any left out."""
    return [(one.where, inside) for one in probe_series(history) if (inside := one.within(*during))]


def _answers(inside: list[ProbeResult]) -> tuple[int, int]:
    return sum(one.ok for one in inside), len(inside)


def _failures(inside: list[ProbeResult]) -> str:
    ways = Counter(one.how for one in inside if not one.ok)
    parts = ", ".join(f"{how} {count}" for how, count in sorted(ways.items()))
    return f" ({parts})" if parts else ""


@outage_sentence("failure window", "send times of the lost events of the outage, edges of the kept connection")
def window(history: History, judgement: Judgement, place: int) -> str:
    """Length of the failure window, with lead and tail; `none` without a lost event of this outage."""
    one = judgement.windows[place]
    if one.first_sent_at is None or one.last_sent_at is None:
        return f"failure window: none{' proven' if judgement.counts['suspected_lost'] else ''}"
    lead, tail = (_signed(value) for value in (one.lead_s, one.tail_s))
    return f"failure window: {one.last_sent_at - one.first_sent_at:.1f} s (lead {lead}, tail {tail})"


@outage_sentence("lost in the window", "send times of the lost events and of all orders")
def lost_in_window(history: History, judgement: Judgement, place: int) -> str:
    """How many lost events the outage has, when they were sent, and which share of the orders in between they are."""
    one = judgement.windows[place]
    if one.first_sent_at is None or one.last_sent_at is None:
        return f"no lost event of this outage{' is proven' if judgement.counts['suspected_lost'] else ''}"
    first, last = (moment(at, history.facts.started_at) for at in (one.first_sent_at, one.last_sent_at))
    return f"{some(one.lost, 'lost event')}, sent from {first} to {last}{_density(one)}"


@outage_sentence("lead and tail", "send times of the lost events, edges of the kept connection")
def lead_and_tail(history: History, judgement: Judgement, place: int) -> str:
    """How long before the first observed failure, and after the last, orders lost their events; empty without any."""
    outage, one = judgement.outages[place], judgement.windows[place]
    if one.first_sent_at is None:
        return ""
    target = outage.target or "target"
    seen, last = "failure", "its last observed failure"
    if history.facts.fault.state == "degraded":  # an answer that is late by seconds was asked for as long before
        seen, last = "degradation", "when the last probe that showed it was sent"
    lead, tail = (_signed(value) for value in (one.lead_s, one.tail_s))
    return (
        f"lead {lead} (from the first loss to the first observed {seen} of the {target}), tail {tail} (from {last} to "
        "the last loss)"
    )


@outage_sentence("lost before and after", "send times of the lost events, marks `injecting` and `healed`")
def lost_before_and_after(history: History, judgement: Judgement, place: int) -> str:
    """How many of its lost events were sent before it began, and after the target was back; empty without any."""
    outage, one = judgement.outages[place], judgement.windows[place]
    if one.first_sent_at is None:
        return ""
    target, back = outage.target or "target", history.facts.fault.back
    return f"{one.before} sent before injection began, {one.after} after the {target} was proven {back}"


def _density(one: FailureWindow) -> str:
    """Return how many orders were sent in the window, and which share of them lost its event."""
    share = "" if one.density is None else f", {100 * one.density:.0f} % of them lost their event"
    return f"; {some(one.sent, 'order')} sent in that time{share}"


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.2f} s"


@outage_sentence("rates", "ledger and witnesses between `injecting` and `healed`")
def rates(history: History, judgement: Judgement, place: int) -> str:
    """Orders a second, of the orders sent in the outage."""
    one = judgement.outage_rates[place]
    if one.offered is None:
        return "orders a second in the outage: unknown, as its end was never proven"
    lost = "proven lost" if judgement.counts["suspected_lost"] else "lost"
    return (
        f"orders sent in the outage, by second: offered {one.offered:.1f}, acknowledged {one.acknowledged:.1f}, with "
        f"row and event in the end {one.delivered:.1f}, {lost} {one.lost:.1f}"
    )


@outage_sentence("first delivered", "ledger and witnesses after `healed`")
def first_delivered(history: History, judgement: Judgement, place: int) -> str:
    """When the first order that was sent after the outage, and has row and event, was acknowledged."""
    outage, recovery = judgement.outages[place], judgement.recoveries[place]
    if outage.healed is None:
        return "unknown, as the end of the outage was never proven"
    if recovery.first_delivered_s is None:
        if not recovery.recovery_orders:
            return "no order was sent after the outage"
        return "no order sent after the outage was both acknowledged and delivered"
    after = duration(recovery.first_delivered_s)
    return f"the first order sent and delivered after the outage was acknowledged {after} after its end"


@outage_sentence("pace", "times to the acknowledgement in the baseline and in the recovery")
def pace(history: History, judgement: Judgement, place: int) -> str:
    """Whether orders were acknowledged as quickly as in the baseline, with both 95th percentiles."""
    one = judgement.recoveries[place]
    if one.pace is None or not one.recovery_orders:
        return ""
    facts = (
        f"{_within(one.recovery_p95_s, one.recovery_orders)}; baseline: "
        f"{_within(one.baseline_p95_s, one.baseline_orders)}"
    )
    if one.pace == Pace.AS_BEFORE.value:
        return f"as quick as before ({facts})"
    if one.pace == Pace.SLOWER.value:
        return f"slower than before ({facts})"
    if one.pace == Pace.SLOWER_AT_FIRST.value:
        return f"slower at first, as quick as before from {one.to_baseline_p95_s:.0f} s after the outage on ({facts})"
    return f"undecided: too few or too uneven orders ({facts})"


def _within(p95: float | None, orders: int) -> str:
    if not orders:
        return "no order was sent"
    if p95 is None:
        return f"fewer than 95 % of {some(orders, 'order')} acknowledged"
    return f"95 % of {some(orders, 'order')} acknowledged within {duration(p95)}"


@sentence("outside", "lost events by send time, outages, request timeout, delivery timeout")
def outside(history: History, judgement: Judgement) -> str:
    """How many lost events no outage explains, and how many have no send time; empty without any."""
    what = some(judgement.lost_outside, "lost event")
    parts = []
    if judgement.lost_outside and not judgement.outages:
        parts.append(f"{what} in a run without an outage")
    elif judgement.lost_outside:
        parts.append(f"{what} sent more than {format_duration(reach_s(history.facts))} before or after every outage")
    if judgement.lost_unplaced:
        parts.append(f"{some(judgement.lost_unplaced, 'lost event')} without a send time: no ledger holds the order")
    return "; ".join(parts)


def rows(history: History, judgement: Judgement, place: int) -> list[tuple[str, str]]:
    """Return what is known of one outage, each text with its name; unknown ones left out."""
    texts = {
        history.facts.fault.state.capitalize(): down(history, judgement, place),
        "Probes": probes(history, judgement, place),
        "First observed": seen_words(
            history.facts.fault, judgement.outages[place].seen, judgement.outages[place].measured
        ),
        "Failure window": lost_in_window(history, judgement, place),
        "Lead and tail": lead_and_tail(history, judgement, place),
        "Before and after": lost_before_and_after(history, judgement, place),
        "Rates": rates(history, judgement, place),
        "Recovery": first_delivered(history, judgement, place),
        "Latency in the recovery": pace(history, judgement, place),
    }
    return [(name, text) for name, text in texts.items() if text]


def as_outages(outages: list[Outage], fault: FaultFacts) -> str:
    """Return `the outage` or `the 3 outages`, with the target; one that was only degraded had no outage itself."""
    target = outages[0].target or "target"
    which = "the outage" if len(outages) == 1 else f"the {len(outages)} outages"
    return f"{which} of the {target}" if fault.state == "down" else f"{which} ({target} {fault.state})"
