"""What a guard is, and what it may look at."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from reconcile.analysis.counts import Suspicion
from reconcile.analysis.late_events import LateEvents
from reconcile.analysis.rate import PhaseRate
from reconcile.analysis.truth_table import Table
from reconcile.history.history import History
from reconcile.history.outages import Outage

NO_DOUBT: Final = Suspicion()
_WITHOUT_OUTAGE: Final = frozenset({"control", "phantom-event"})


class GuardKind(Enum):
    """What a failed guard means."""

    EVIDENCE = "evidence"
    """A witness may be incomplete: what rests on it is only suspected, and the verdict is inconclusive."""
    VACUITY = "vacuity"
    """A clean result proves little: `consistent` becomes inconclusive, proven violations stand."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What one guard found.

    Attributes:
        name: stable name.
        kind: what it means when it fails.
        applies: whether it means anything in this run.
        passed: None when it does not apply.
        reason: one line for a person, with the numbers.
        casts: what becomes a suspicion when it fails.
        harness_wrong: its failure means that the harness itself is wrong, and must not be believed.
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
        """It applies and did not pass."""
        return self.applies and not self.passed


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guards look at: the history, and what was made of it so far."""

    history: History
    outages: list[Outage]
    table: Table
    rates: list[PhaseRate]
    late: LateEvents

    @property
    def wants_outage(self) -> bool:
        """Whether the scenario breaks something."""
        return self.history.facts.scenario not in _WITHOUT_OUTAGE

    @property
    def target(self) -> str:
        """What the run was to break: `broker`, `database` or `service`."""
        return self.history.facts.fault_target

    @property
    def planned_outages(self) -> int:
        """How many outages the run was to have."""
        return int(self.history.facts.options.get("outages", "1")) if self.wants_outage else 0


def evidence(name: str, passed: bool, reason: str, casts: Suspicion) -> Guard:
    """Return an evidence guard that applies."""
    return Guard(name, GuardKind.EVIDENCE, True, passed, reason, casts)


def vacuity(name: str, passed: bool, reason: str) -> Guard:
    """Return a vacuity guard that applies."""
    return Guard(name, GuardKind.VACUITY, True, passed, reason)


def not_applicable(name: str, kind: GuardKind, reason: str) -> Guard:
    """Return a guard that means nothing in this run."""
    return Guard(name, kind, False, None, reason)
