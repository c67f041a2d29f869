"""Vacuity guards: does a clean result prove anything? Each is a pure function of the findings."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from contract.attribution import EXCLUSIVE, TAGGED
from contract.run_events import NO_SEQUENCE
from health.effect import DOWN, Effect
from health.replies import ProbeResult
from health.state import may_be_a_stall, proving_parts, stretches_without_prompt_answer
from reconcile.analysis.plural import some
from reconcile.analysis.probe_summary import ProbeSeries, effect_of, probe_series
from reconcile.analysis.truth_table import UNRECORDED
from reconcile.judge.findings import Findings, Guard, GuardKind, not_applicable, vacuity
from runlog import marks as m
from runlog.ledger import Phase
from runlog.outcomes import Outcome

LEAST_SENT_IN_OUTAGE: Final = 0.9
LEAST_SENT: Final = 0.98
LEAST_ON_TIME: Final = 0.95
LARGEST_WALL_STEP_S: Final = 0.5
_NO_OUTAGE: Final = "this scenario injects no fault"


def fault_proven(findings: Findings) -> Guard:
    """The target was up until each planned fault, and proven down, or degraded, by it."""
    name, planned, state = "fault proven", findings.planned_outages, findings.fault.state
    if not planned:
        return not_applicable(name, GuardKind.VACUITY, _NO_OUTAGE)
    proven = sum(o.injected is not None and o.down_edge is not None for o in findings.outages)
    seen = f"the {findings.target} was proven {state} in"
    if proven < planned:
        return vacuity(name, False, f"{seen} {proven} of {some(planned, 'outage')}")
    wrong = _hit_before(findings) or _not_hit(findings)
    if wrong:
        return vacuity(name, False, wrong)
    return vacuity(name, True, f"{seen} {some(proven, 'outage')}, as planned")


def _hit_before(findings: Findings) -> str | None:
    """Return how the target was down or degraded before a fault was injected; None when it was not."""
    target, state = findings.target, findings.fault.state
    for outage in findings.outages:
        if outage.down_edge and outage.injecting is not None and outage.down_edge[1] < outage.injecting:
            early = outage.injecting - outage.down_edge[1]
            return f"outage {outage.number}: the {target} was {state} {early:.3f} s before the fault was injected"
    effect, series = effect_of(findings.history), probe_series(findings.history)
    found = (_hit_within(findings, effect, one, calm, when) for when, calm in _calm(findings) for one in series)
    return next((why for why in found if why), None)


def _calm(findings: Findings) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield when the target was to be up before each outage, in words and as epoch seconds, where both are known."""
    begin, when = next((mark.at for mark in findings.history.marks if mark.name == m.BASELINE), None), "in the baseline"
    for outage in findings.outages:
        if begin is not None and outage.injecting is not None:
            yield when, (begin, outage.injecting)
        begin, when = outage.healed, f"between outage {outage.number} and the next"


def _hit_within(
    findings: Findings, effect: Effect, one: ProbeSeries, calm: tuple[float, float], when: str
) -> str | None:
    """Return how probes of one connection show that the target was down or degraded without a fault."""
    target, where, inside = findings.target, one.where, one.within(*calm)
    for streak in _no_stalls(DOWN, inside):
        seconds = streak[-1].answered - streak[0].asked
        return f"the {target} did not answer {len(streak)} probes in a row{where} {when}, for {seconds:.3f} s"
    if effect.kind == "down":
        return None
    if one.connection == effect.connections[0] and any(_no_stalls(effect, inside)):
        return f"the {target} was {findings.fault.state}{where} {when}"
    for streak in stretches_without_prompt_answer(effect, inside):
        seconds = streak[-1].answered - streak[0].asked
        return f"the {target} did not answer in its usual time{where} {when}, for {seconds:.3f} s"
    return None


def _no_stalls(effect: Effect, inside: list[ProbeResult]) -> Iterator[Sequence[ProbeResult]]:
    """Yield each part of the results of one connection that proves the effect and cannot come from a busy machine."""
    return (part for part in proving_parts(effect, inside) if not may_be_a_stall(part, inside[-1]))


def _not_hit(findings: Findings) -> str | None:
    """Return on which connection the effect was not observed in an outage; None when it was on each that counts."""
    effect, state = effect_of(findings.history), findings.fault.state
    series = [one for one in probe_series(findings.history) if one.connection in effect.connections]
    for outage in findings.outages:
        for one in series:
            inside = one.within(outage.begin, outage.edges[2])
            if not any(proving_parts(effect, inside)):
                as_asked = "" if effect.kind == "down" else " as asked for"
                return f"outage {outage.number}: the {findings.target} was not observed {state}{as_asked}{one.where}"
    return None


def fault_held(findings: Findings) -> Guard:
    """Between `injected` and `healing` the target was probed on each connection, and each probe shows the fault."""
    name = "fault held"
    if not findings.wants_outage or not findings.outages:
        return not_applicable(name, GuardKind.VACUITY, _NO_OUTAGE if not findings.wants_outage else "no outage began")
    fault, target = findings.fault, findings.target
    effect, asked = effect_of(findings.history), f"while it should have been {fault.state}"
    series = [one for one in probe_series(findings.history) if one.connection in effect.connections]
    during: dict[str, list[ProbeResult]] = {}
    first: float | None = None
    for outage in findings.outages:
        if outage.injected is None:
            return vacuity(name, False, f"outage {outage.number}: the {target} was never proven {fault.state}")
        _, injected, healing, _ = outage.edges
        for one in series:
            inside = [probe for probe in one.results if effect.must_show(probe, injected, healing)]
            if not inside:
                return vacuity(name, False, f"outage {outage.number}: the {target} was not probed{one.where} {asked}")
            if not effect.in_bounds(inside, chance=True):
                what = f"{effect.measured(inside)} {effect.unit}, not {effect.strength}"
                text = f"outage {outage.number}: the {target} was not degraded as asked for{one.where}: {what}"
                return vacuity(name, False, text)
            during.setdefault(one.where, []).extend(inside)
            others = [probe.answered - injected for probe in inside if not effect.shows(probe)]
            first = min(others[0] if first is None else first, others[0]) if others else first
    if first is not None and not effect.is_partial:
        missed = {where: [probe for probe in inside if not effect.shows(probe)] for where, inside in during.items()}
        counts = [f"{len(few)} of {len(during[where])} probes{where}" for where, few in missed.items() if few]
        text = f"the {target} {fault.missed.format(probes=' and '.join(counts))} {asked}"
        return vacuity(name, False, f"{text}, first {first:.3f} s after it was proven {fault.state}")
    counts = [_counted(effect, where, inside) for where, inside in during.items()]
    text = f"the {target} {fault.held.format(probes=' and '.join(counts))} until healing began"
    return vacuity(name, True, text)


def _counted(effect: Effect, where: str, inside: list[ProbeResult]) -> str:
    """Return how many probes of one connection were answered, or of a degraded target show it, and how strongly."""
    if effect.kind == "down":
        return f"none of {len(inside)} probes{where}"
    shown = sum(effect.shows(probe) for probe in inside)
    counts = f"all {shown} probes{where}" if shown == len(inside) else f"{shown} of {len(inside)} probes{where}"
    return f"{counts} (by {effect.measured(inside)})" if effect.kind == "late" else counts


def load_went_on(findings: Findings) -> Guard:
    """Orders were sent during the outage; their answers do not matter."""
    name = "load went on"
    if not findings.wants_outage:
        return not_applicable(name, GuardKind.VACUITY, _NO_OUTAGE)
    rate = next((rate for rate in findings.rates if rate.phase is Phase.OUTAGE), None)
    due, sent = (rate.due, rate.sent) if rate else (0, 0)
    enough = due > 0 and sent >= LEAST_SENT_IN_OUTAGE * due
    text = f"{sent} of {due} orders due during the outage were sent"
    if any(mark.name == m.LOAD_STOPPED for mark in findings.history.marks):
        text += ", the load was stopped because healing took too long"
    return vacuity(name, enough, text if enough else f"{text}; at least {100 * LEAST_SENT_IN_OUTAGE:.0f} % are needed")


def offered_rate_held(findings: Findings) -> Guard:
    """In each phase all orders were sent when they were due. `skipped` arrivals are in no record."""
    name, ledger = "offered rate held", findings.history.ledger
    if not sum(rate.due for rate in findings.rates):
        return vacuity(name, False, "no order was due")
    wrong = [f"{some(ledger.missing, 'arrival')} skipped"] if ledger.missing else []
    for rate in findings.rates:
        if rate.sent < LEAST_SENT * rate.due:
            wrong.append(f"{rate.phase.label}: {rate.sent} of {rate.due} due orders were sent")
        elif rate.on_time < LEAST_ON_TIME * rate.sent:
            on_time = f"{rate.on_time} of {rate.sent} orders were sent within 250 ms of their due time"
            wrong.append(f"{rate.phase.label}: only {on_time}")
    if wrong:
        return vacuity(name, False, "; ".join(wrong))
    slowest = max(0.0, *(rate.lag_p95_s or 0.0 for rate in findings.rates))
    due, sent = sum(rate.due for rate in findings.rates), sum(rate.sent for rate in findings.rates)
    return vacuity(
        name, True, f"{sent} of {due} due orders were sent, 95 % of each phase within {slowest * 1000:.0f} ms"
    )


def acknowledged_before_and_after(findings: Findings) -> Guard:
    """The service acknowledged orders before and after the outage."""
    name = "acknowledgements before and after"
    if findings.history.facts.scenario == "phantom-event":
        return not_applicable(name, GuardKind.VACUITY, "this scenario expects no acknowledgements")
    table = findings.table
    before, after = (
        int((table.had(Outcome.ACKNOWLEDGED) & (table.phase == phase)).sum())
        for phase in (Phase.BASELINE, Phase.RECOVERY)
    )
    text = f"{some(before, 'order')} acknowledged in the baseline, {after} in the recovery"
    return vacuity(name, before > 0 and after > 0, text)


def ledger_complete(findings: Findings) -> Guard:
    """The ledger holds every due arrival, and every order of the run."""
    ledger = findings.history.ledger
    unrecorded = _unexplained(findings)
    wrong = [
        text
        for bad, text in (
            (not ledger.closed, "it was never closed"),
            (ledger.missing, f"{some(ledger.missing, 'arrival')} missing"),
            (ledger.torn_bytes, "its last record was cut short"),
            (ledger.damaged, f"{some(ledger.damaged, 'damaged record')} left out"),
            (unrecorded, f"{some(unrecorded, 'order')} of the run not in it"),
        )
        if bad
    ]
    if wrong:
        return vacuity("ledger complete", False, "the ledger is incomplete: " + ", ".join(wrong))
    return vacuity("ledger complete", True, f"the ledger holds all {ledger.due} due arrivals")


def no_worker_lost(findings: Findings) -> Guard:
    """Every process that sent load lived to the end: a lost one takes its part of the ledger with it."""
    name, history = "no worker lost", findings.history
    if history.facts.workers < 2:
        return not_applicable(name, GuardKind.VACUITY, "one process sent the load")
    gone = sum(mark.name == m.WORKER_LOST for mark in history.marks)
    return vacuity(name, not gone, f"{gone} of {some(history.facts.workers, 'worker')} were lost during the run")


def _unexplained(findings: Findings) -> int:
    """How many orders belong to no attempt. Without a tag, orders of ambiguous attempts are among them."""
    table = findings.table
    if findings.history.facts.attribution == EXCLUSIVE:
        return table.unexplained
    return int(table.had(UNRECORDED).sum())


def orders_attributable(findings: Findings) -> Guard:
    """Each row and event carries the customer id of its attempt."""
    name, history, table = "orders attributable", findings.history, findings.table
    if history.facts.attribution != TAGGED:
        return not_applicable(
            name, GuardKind.VACUITY, f"orders are attributed as {history.facts.attribution}, not by tag"
        )
    # An event without a tag is attributed by its order id: then its row carries the tag.
    without_tag, with_row = history.events.events["seq"] == NO_SEQUENCE, table.row[table.case_of_event]
    not_attributed = int((history.rows.rows["seq"] == NO_SEQUENCE).sum() + (without_tag & ~with_row).sum())
    wrong = not_attributed + len(history.rows.elsewhere) + table.conflicts
    if wrong:
        who = "row or event does" if wrong == 1 else "rows or events do"
        return vacuity(name, False, f"{wrong} {who} not carry the customer id that was sent")
    text = "every row and event carries a customer id of the run"
    if by_id := int(without_tag.sum()):
        text += f", except {some(by_id, 'event')} attributed by order id"
    return vacuity(name, True, text)


def backlog_empty(findings: Findings) -> Guard:
    """The outbox holds no event any more."""
    if findings.history.facts.contract.table.outbox is None:
        return not_applicable("backlog empty", GuardKind.VACUITY, "the service has no known backlog")
    pending = int(findings.table.pending.sum())
    text = f"the outbox still holds {some(pending, 'event')}" if pending else "the outbox is empty"
    return vacuity("backlog empty", pending == 0, text)


def clock_steady(findings: Findings) -> Guard:
    """The wall clock was not set during the run."""
    name = "clock steady"
    step = (findings.detail_of(m.ENDED) or {}).get("wall_step")
    if not isinstance(step, int | float) or math.isnan(step):
        return not_applicable(name, GuardKind.VACUITY, "unknown: the run has no record of the wall clock")
    return vacuity(
        name, abs(step) <= LARGEST_WALL_STEP_S, f"the wall clock moved by {step:+z.3f} s against the monotonic clock"
    )


def plan_completed(findings: Findings) -> Guard:
    """All phases were completed, without an interruption or a failure."""
    name, marks = "plan completed", findings.history.marks
    trouble = [mark for mark in marks if mark.name in {m.INTERRUPTED, m.FAILED}]
    if trouble:
        how = "interrupted" if trouble[0].name == m.INTERRUPTED else "ended by a failure"
        return vacuity(name, False, f"the run was {how}: {trouble[0].reason}")
    passed = {mark.name for mark in marks}
    absent = [step for step in (m.BASELINE, m.RECOVERY, m.DRAIN, m.DRAINED, m.ENDED) if step not in passed]
    healed = sum(outage.healing is not None for outage in findings.outages)
    if healed < findings.planned_outages:
        absent.append(some(findings.planned_outages - healed, "outage"))
    if absent:
        return vacuity(name, False, f"missing from the run: {', '.join(absent)}")
    return vacuity(name, True, "all phases were completed")
