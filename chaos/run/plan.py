"""The plan of a run as a pure value: what happens in which order, and for how long.

Only lengths are planned. The marks of the fault decide when a phase begins: the length of an outage runs from
`injected` (proven down) to `healing`, and recovery begins at `healed` (proven to serve again).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chaos.faults.fault import Fault
from chaos.faults.registry import chosen_fault
from settings.plan_options import LONGEST_PART, SHORTEST_OUTAGE_S, SHORTEST_PART
from settings.run_settings import Settings

SHORTEST_PHASE_S: Final = 1.0


class RunPhase(Enum):
    """The phase of a run; `value` is the word that people see."""

    IDLE = "idle"
    PREFLIGHT = "preflight"
    BASELINE = "baseline"
    OUTAGE = "outage"
    RECOVERY = "recovery"
    DRAIN = "drain"
    RECONCILE = "reconcile"
    DONE = "done"

    @property
    def under_load(self) -> bool:
        """Whether orders fall due in this phase."""
        return self in (RunPhase.BASELINE, RunPhase.OUTAGE, RunPhase.RECOVERY)


@dataclass(frozen=True, slots=True)
class PlannedOutage:
    """One planned outage and the recovery after it.

    Attributes:
        length: seconds from `injected` to `healing`.
        recovery: seconds under load from `healed`.
    """

    fault: Fault
    target: str
    length: float
    recovery: float

    def describe(self) -> str:
        """Return it in words: `stop of the broker for 15 s`, `latency of 300 ms to the broker for 15 s`."""
        return f"{self.fault.of(self.target)} for {self.length:g} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases of a run. All lengths in seconds.

    Attributes:
        baseline: healthy load before the first outage.
        outages: in order, each with its recovery; empty if the scenario breaks nothing.
        calm: load after the baseline of a run without a fault, in the phase that follows an outage in other runs.
        edge_timeout: longest wait for the proof of a fault, and for the proof that it is healed.
        settle: quiet time that ends the drain.
        drain_timeout: longest drain; None: as long as `contract.publish_horizon.longest_drain` says.
    """

    baseline: float
    outages: tuple[PlannedOutage, ...]
    edge_timeout: float
    settle: float
    drain_timeout: float | None
    calm: float = 0.0

    @property
    def load_seconds(self) -> float:
        """Seconds of load that are planned; the edges of the outages come on top."""
        return self.baseline + self.calm + sum(outage.length + outage.recovery for outage in self.outages)

    @property
    def intervals(self) -> list[tuple[float, float]]:
        """Begin and end of each planned outage in seconds from the start of load, without the outages' own edges."""
        found, at = [], self.baseline
        for outage in self.outages:
            found.append((at, at + outage.length))
            at += outage.length + outage.recovery
        return found

    def describe(self) -> str:
        steps = [f"baseline {self.baseline:g} s"]
        for outage in self.outages:
            steps += [outage.describe(), f"recovery {outage.recovery:g} s"]
        if not self.outages:
            steps.append(f"recovery {self.calm:g} s (nothing is broken)")
        return ", ".join([*steps, "drain"])


def make_plan(settings: Settings) -> Plan:
    """Return the plan of `settings`; the same settings and seed give the same plan."""
    length_of = _length_source(settings.seed)
    edges = settings.fault_timeout, settings.settle, settings.drain_timeout
    if not settings.injects_faults:
        # As long as the plan with its outages, so that both can be compared.
        calm = settings.recovery * settings.outages + settings.outage * (settings.outages - 1)
        return Plan(settings.baseline + settings.outage, (), *edges, calm=calm)
    baseline = length_of(settings.baseline, SHORTEST_PHASE_S)
    outages = tuple(
        PlannedOutage(
            chosen_fault(settings),
            settings.fault_target,
            length_of(settings.outage, SHORTEST_OUTAGE_S),
            length_of(settings.recovery, SHORTEST_PHASE_S),
        )
        for _ in range(settings.outages)
    )
    return Plan(baseline, outages, *edges)


def _length_source(seed: int | None) -> Callable[[float, float], float]:
    """Return a function of (wanted, shortest) seconds that returns the length of a phase."""
    if seed is None:
        return lambda length, least: length
    source = random.Random(seed)

    def draw(length: float, least: float) -> float:
        return round(max(least, length * source.uniform(SHORTEST_PART, LONGEST_PART)), 1)

    return draw
