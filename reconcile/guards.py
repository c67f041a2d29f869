"""All guards of a run, in the order in which reports list them."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Final

from reconcile import broker_guards, disputes, evidence, rollback, settling, vacuity
from reconcile.counts import Suspicion
from reconcile.findings import Findings, Guard

GUARDS: Final[tuple[Callable[[Findings], Guard], ...]] = (
    vacuity.fault_proven,
    vacuity.fault_held,
    evidence.recovery_proven,
    vacuity.load_went_on,
    vacuity.offered_rate_held,
    vacuity.acknowledged_before_and_after,
    settling.drain_complete,
    settling.publish_horizon_passed,
    evidence.end_of_topic_reached,
    evidence.topic_intact,
    broker_guards.broker_keeps_acknowledged,
    evidence.snapshot_complete,
    evidence.second_look,
    vacuity.ledger_complete,
    vacuity.no_worker_lost,
    vacuity.orders_attributable,
    disputes.no_order_disputed,
    disputes.no_opaque_record,
    disputes.no_order_changed,
    disputes.ids_of_their_own,
    disputes.no_other_writer,
    rollback.phantoms_provoked,
    rollback.phantoms_rolled_back,
    vacuity.backlog_empty,
    vacuity.clock_steady,
    vacuity.plan_completed,
)
"""Every guard but `conservation`, which looks at the counts that the others have a say in."""


OF_DESCRIBED: Final[tuple[Callable[[Findings], Guard], ...]] = (
    evidence.events_readable,
    evidence.rows_readable,
)
"""Guards of a service that options describe, behind the others; elsewhere they are not listed."""


def check_guards(findings: Findings) -> list[Guard]:
    """Return what each guard found."""
    described = findings.history.facts.described
    return [guard(findings) for guard in (*GUARDS, *(OF_DESCRIBED if described else ()))]


def suspicion_of(guards: list[Guard]) -> Suspicion:
    """Return what the failed guards cast doubt on."""
    return reduce(or_, (guard.casts for guard in guards if guard.failed), Suspicion())
