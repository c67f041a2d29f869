"""Judges one run: history in, judgement out. Pure, so judging again gives the same result to the byte."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE
from reconcile.analysis.behaviour import behaviour_document
from reconcile.analysis.counts import Cells, Equation, Proven, Suspicion, count, count_cells, equations, proven
from reconcile.analysis.duplicates import Duplicates, find_duplicates
from reconcile.analysis.failure_window import FailureWindow, failure_windows, reach_s
from reconcile.analysis.gap import Gap, find_gap
from reconcile.analysis.late_events import LateEvents, find_late
from reconcile.analysis.lost_causes import Evidence, evidence_of
from reconcile.analysis.probe_summary import effect_of
from reconcile.analysis.rate import PhaseRate, phase_rates, rate_document, timeline
from reconcile.analysis.recovery import OutageRates, Recovery, outage_rates, recoveries
from reconcile.analysis.truth_table import Table, build_table
from reconcile.history.history import History
from reconcile.history.id_texts import IdTexts, texts_of
from reconcile.history.joins import Floats
from reconcile.history.moments import moments
from reconcile.history.run_attribution import check_orders
from reconcile.judge.contract_guards import no_order_changed, opaque_bound
from reconcile.judge.drain_guards import extent_of
from reconcile.judge.evidence_guards import conservation, violations_confirmed
from reconcile.judge.findings import Findings, Guard
from reconcile.judge.guards import check_guards, suspicion_of
from reconcile.judge.publish_silence import silent_since
from reconcile.judge.ruling import Ruling, rule
from runlog.fault_facts import FaultFacts
from runlog.outages import Outage, read_outages
from runlog.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that the judge found out about a run.

    Attributes:
        ruling: verdict, reason, exit code.
        counts, cells, equations: see `reconcile.analysis.counts`.
        suspicion: what the failed guards make suspected.
        moments: for each case of the table when it was sent, a `reconcile.history.moments.Moment`.
        lost_cases: indices of the lost events, suspected ones included, by send time.
        duplicates, late: of `reconcile.analysis`.
        outages, windows: each outage and its failure window.
        recoveries, outage_rates: of each outage, see `reconcile.analysis.recovery`.
        lost_outside, lost_unplaced: how many lost events no outage explains; how many have no send time.
        guards: the result of each guard, `conservation` last.
        behaviour, rate, timeline: those keys of `report.json`.
        gap: see `reconcile.analysis.gap`.
        texts: writes ids as the service does.
    """

    fault: FaultFacts
    ruling: Ruling
    counts: dict[str, int]
    cells: Cells
    equations: list[Equation]
    suspicion: Suspicion
    proven: Proven
    table: Table
    moments: NDArray[np.uint8]
    lost_cases: NDArray[np.intp]
    evidence: list[Evidence]
    duplicates: Duplicates
    late: LateEvents
    outages: list[Outage]
    windows: list[FailureWindow]
    recoveries: list[Recovery]
    outage_rates: list[OutageRates]
    lost_outside: int
    lost_unplaced: int
    guards: list[Guard]
    rates: list[PhaseRate]
    behaviour: dict[str, Any]
    rate: dict[str, Any]
    timeline: list[dict[str, Any]]
    gap: Gap
    texts: IdTexts


def judge(history: History) -> Judgement:
    facts, ledger, marks = history.facts, history.ledger, history.marks
    outages = read_outages(marks)
    exclusive = facts.attribution == EXCLUSIVE
    table = build_table(
        ledger.attempts,
        history.rows,
        history.events,
        confirmation=history.confirmation,
        exclusive=exclusive,
        own=check_orders(facts, marks),
    )
    events = history.events.events
    duplicates = find_duplicates(events, table.case_of_event)
    effect = effect_of(history)
    late = find_late(
        table,
        events,
        outages,
        history.observations,
        history.events.read_at,
        served=[probe for probe in history.probe_results if effect.is_usual(probe)],
        silences=history.facts.fault.silences,
    )
    rates = phase_rates(ledger.attempts, marks)
    findings = Findings(history, outages, table, rates, late)
    guards = check_guards(findings)
    suspicion = suspicion_of(guards)
    sure = proven(table, suspicion, opaque_bound(history, table, guards))
    counts, cells = count(history, table, duplicates, late, sure), count_cells(table)
    sums = equations(counts, cells)
    guards.append(conservation(sums))
    lost = sure.lost
    all_sent: Floats = table.attempts["sent"].astype(np.float64)
    reach = reach_s(facts)
    windows, outside, unplaced = failure_windows(table.sent[lost], all_sent, lost[: len(all_sent)], outages, reach)
    where = moments(table.sent, outages)
    lost_cases = np.flatnonzero(table.lost)
    lost_cases = lost_cases[np.lexsort((table.lo[lost_cases], table.hi[lost_cases], table.sent[lost_cases]))]
    return Judgement(
        fault=facts.fault,
        ruling=rule(
            counts,
            int((table.lost & table.had(Outcome.ACKNOWLEDGED)).sum()),
            guards,
            facts.expect,
            marks,
            fail_on_duplicates=facts.fail_on_duplicates,
            extent=extent_of(findings),
        ),
        counts=counts,
        cells=cells,
        equations=sums,
        suspicion=suspicion,
        proven=sure,
        table=table,
        moments=where,
        lost_cases=lost_cases,
        evidence=evidence_of(
            table, lost_cases, where, outages, log=history.service_log, reach=reach, silent_since=silent_since(findings)
        ),
        duplicates=duplicates,
        late=late,
        outages=outages,
        windows=windows,
        recoveries=recoveries(table, outages),
        outage_rates=outage_rates(table, ledger.attempts, outages, lost),
        lost_outside=outside,
        lost_unplaced=unplaced,
        guards=guards,
        rates=rates,
        behaviour=behaviour_document(table, lost, outages),
        rate=rate_document(facts.rate, rates),
        timeline=timeline(table, ledger.attempts, lost, facts.started_at),
        gap=find_gap(
            table, late, facts.asked, marks=marks, started_at=facts.started_at, read_at=history.events.read_at
        ),
        texts=texts_of(history),
    )


def with_confirmation(judgement: Judgement, history: History) -> Judgement:
    """Return the judgement of `history` from that of the same history without its confirmation.

    A confirmation of everything changes only the guards about it. Any other causes doubt, so the run is judged again.
    """
    found = history.confirmation
    if found is None or not found.complete or found.refuted or found.unsettled or found.disputed:
        return judge(history)
    findings = Findings(history, judgement.outages, judgement.table, judgement.rates, judgement.late)
    fresh = {guard.name: guard for guard in (violations_confirmed(findings), no_order_changed(findings))}
    return replace(judgement, guards=[fresh.get(guard.name, guard) for guard in judgement.guards])
