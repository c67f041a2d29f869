"""What a guard is, and the findings that it checks."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from reconcile.analysis.counts import Suspicion
from reconcile.analysis.late_events import LateEvents
from reconcile.analysis.rate import PhaseRate
from reconcile.analysis.truth_table import Table
from reconcile.history.history import History
from reconcile.history.run_options import option_of
from runlog.fault_facts import FaultFacts
from runlog.outages import Outage
from settings.plan_options import PlanOptions
from settings.stack_options import WitnessOptions

NO_DOUBT: Final = Suspicion()
# What is only suspected when a witness may be incomplete.
EVENTS_IN_DOUBT: Final = Suspicion(lost_events=True)
ROWS_IN_DOUBT: Final = Suspicion(phantom_events=True, lost_orders=True)
ALL_IN_DOUBT: Final = EVENTS_IN_DOUBT | ROWS_IN_DOUBT
_WITHOUT_OUTAGE: Final = frozenset({"control", "phantom-event"})


class GuardKind(Enum):
    """What a failed guard means."""

    EVIDENCE = "evidence"
    """A witness may be incomplete: what rests on it is only suspected, and the verdict is inconclusive."""
    VACUITY = "vacuity"
    """A clean result proves little: `consistent` becomes inconclusive, proven violations stand."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The result of one guard.

    Attributes:
        name: stable name.
        applies: whether this run is one that it checks.
        passed: None when it does not apply.
        reason: one line of text, with the numbers.
        casts: what is only suspected when it fails.
        harness_wrong: its failure means that the harness itself is wrong, so that its verdict cannot be trusted.
    """

    name: str
    kind: GuardKind
    applies: bool
    passed: bool | None
    reason: str
    casts: Suspicion = NO_DOUBT
    harness_wrong: bool = False

    @property
    def failed(self) -> bool:
        """Whether it applies and did not pass."""
        return self.applies and not self.passed


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guards check: the history, and what the analysis made of it."""

    history: History
    outages: list[Outage]
    table: Table
    rates: list[PhaseRate]
    late: LateEvents

    @property
    def wants_outage(self) -> bool:
        """Whether the scenario injects a fault."""
        return self.history.facts.scenario not in _WITHOUT_OUTAGE

    @property
    def vouched(self) -> bool:
        """Whether the user vouches that the topic lost no record by compaction, re-creation or write caching."""
        return option_of(self.history.facts, WitnessOptions.vouch_topic_intact)

    def detail_of(self, name: str) -> dict[str, Any] | None:
        """Return the detail of the last mark with this name; None without one."""
        return next((mark.detail for mark in reversed(self.history.marks) if mark.name == name), None)

    @property
    def target(self) -> str:
        """Target of the fault: `broker`, `database` or `service`."""
        return self.history.facts.fault_target

    @property
    def fault(self) -> FaultFacts:
        return self.history.facts.fault

    @property
    def planned_outages(self) -> int:
        return option_of(self.history.facts, PlanOptions.outages) if self.wants_outage else 0


def evidence(name: str, passed: bool, reason: str, casts: Suspicion) -> Guard:
    return Guard(name, GuardKind.EVIDENCE, True, passed, reason, casts)


def vacuity(name: str, passed: bool, reason: str) -> Guard:
    return Guard(name, GuardKind.VACUITY, True, passed, reason)


def not_applicable(name: str, kind: GuardKind, reason: str) -> Guard:
    return Guard(name, kind, False, None, reason)
