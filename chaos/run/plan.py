"""The plan of a run as a pure value: what happens in which order, and for how long.

Only lengths are planned. When a phase really begins is decided by the actor's marks: the length of an outage runs from
`injected` (proven down) to `healing`, and recovery begins at `healed` (proven back).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from settings.plan_options import LONGEST_PART, SHORTEST_OUTAGE_S, SHORTEST_PART
from settings.run_settings import Settings

SHORTEST_PHASE_S: Final = 1.0


class RunPhase(Enum):
    """Where a run stands; `value` is the word people see."""

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
class Outage:
    """One planned outage and the recovery after it.

    Attributes:
        fault: what is done.
        target: to which component.
        length: seconds from proven down to the start of healing.
        recovery: seconds under load from proven back.
    """

    fault: str
    target: str
    length: float
    recovery: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases of a run. All lengths in seconds.

    Attributes:
        baseline: healthy load before the first outage.
        outages: one after the other, each with its recovery; none where the scenario breaks nothing.
        calm: load after the baseline where nothing is broken, in the phase that follows an outage elsewhere.
        edge_timeout: longest wait for a fault to be proven, and for its mending to be proven.
        settle: quiet time that ends the drain.
        drain_timeout: longest drain; None: as long as `contract.publish_horizon.longest_drain` says.
    """

    baseline: float
    outages: tuple[Outage, ...]
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
        """Return the plan as one line for people."""
        steps = [f"baseline {self.baseline:g} s"]
        for outage in self.outages:
            steps += [f"{outage.target} {outage.fault} {outage.length:g} s", f"recovery {outage.recovery:g} s"]
        if not self.outages:
            steps.append(f"recovery {self.calm:g} s (nothing is broken)")
        return ", ".join([*steps, "drain"])


def make_plan(settings: Settings) -> Plan:
    """Return the plan that `settings` ask for; the same settings, seed included, always give the same plan."""
    drawn = _drawn(settings.seed)
    edges = settings.fault_timeout, settings.settle, settings.drain_timeout
    if not settings.injects_faults:
        # As long as the plan with its outages, so that both can be compared.
        calm = settings.recovery * settings.outages + settings.outage * (settings.outages - 1)
        return Plan(settings.baseline + settings.outage, (), *edges, calm=calm)
    baseline = drawn(settings.baseline, SHORTEST_PHASE_S)
    outages = tuple(
        Outage(
            settings.fault,
            settings.fault_target,
            drawn(settings.outage, SHORTEST_OUTAGE_S),
            drawn(settings.recovery, SHORTEST_PHASE_S),
        )
        for _ in range(settings.outages)
    )
    return Plan(baseline, outages, *edges)


def _drawn(seed: int | None) -> Callable[[float, float], float]:
    """Return what gives the length of a phase from the one asked for and the least one, in seconds."""
    if seed is None:
        return lambda length, least: length
    source = random.Random(seed)

    def draw(length: float, least: float) -> float:
        return round(max(least, length * source.uniform(SHORTEST_PART, LONGEST_PART)), 1)

    return draw
