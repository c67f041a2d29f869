"""All guards of a run, in the order of the reports."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Final

from reconcile.analysis.counts import Suspicion
from reconcile.judge import (
    broker_guards,
    contract_guards,
    drain_guards,
    evidence_guards,
    phantom_guards,
    vacuity_guards,
)
from reconcile.judge.findings import Findings, Guard

GUARDS: Final[tuple[Callable[[Findings], Guard], ...]] = (
    vacuity_guards.fault_proven,
    vacuity_guards.fault_held,
    evidence_guards.recovery_proven,
    vacuity_guards.load_went_on,
    vacuity_guards.offered_rate_held,
    vacuity_guards.acknowledged_before_and_after,
    drain_guards.drain_complete,
    drain_guards.publish_horizon_passed,
    evidence_guards.end_of_topic_reached,
    evidence_guards.topic_intact,
    broker_guards.broker_keeps_acknowledged,
    evidence_guards.snapshot_complete,
    evidence_guards.violations_confirmed,
    vacuity_guards.ledger_complete,
    vacuity_guards.no_worker_lost,
    vacuity_guards.orders_attributable,
    contract_guards.no_order_disputed,
    contract_guards.no_opaque_record,
    contract_guards.no_order_changed,
    contract_guards.ids_of_their_own,
    contract_guards.no_other_writer,
    phantom_guards.phantoms_provoked,
    phantom_guards.phantoms_rolled_back,
    vacuity_guards.backlog_empty,
    vacuity_guards.clock_steady,
    vacuity_guards.plan_completed,
)
"""Every guard but `conservation`, which checks the counts that the others influence."""


WITH_STATED_CONTRACT: Final[tuple[Callable[[Findings], Guard], ...]] = (
    evidence_guards.events_readable,
    evidence_guards.rows_readable,
)
"""Guards of a run whose contract options state, listed after the others; other runs do not have them."""


def check_guards(findings: Findings) -> list[Guard]:
    stated = findings.history.facts.contract_is_stated
    return [guard(findings) for guard in (*GUARDS, *(WITH_STATED_CONTRACT if stated else ()))]


def suspicion_of(guards: list[Guard]) -> Suspicion:
    return reduce(or_, (guard.casts for guard in guards if guard.failed), Suspicion())
