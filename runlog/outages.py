"""The outages of a run by its marks."""

import math
from dataclasses import dataclass
from typing import Final

from health.replies import Connection, How
from health.state import Edge
from runlog import marks as m
from runlog.fault_facts import FaultFacts
from runlog.marks import Mark

_OUTAGE_MARKS: Final = (m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage as observed. Times in epoch seconds of the run's clock; None if the mark or the edge is missing.

    Attributes:
        index: its number, from 0.
        fault, target: of the mark `injecting`.
        down_edge: last answer of the target and first failure after it, on the kept connection.
        up_edge: last failure and first answer after it.
        healed_by: `harness`, `by itself` or `watchdog`.
        seen: how the target failed, by connection (see `health.replies`); None if never.
        measured: how strongly it was degraded, by connection (see `health.effect`); None if never.
    """

    index: int
    fault: str | None
    target: str | None
    injecting: float | None
    injected: float | None
    healing: float | None
    healed: float | None
    down_edge: Edge | None
    up_edge: Edge | None
    healed_by: str | None
    seen: dict[Connection, How] | None = None
    measured: dict[Connection, float] | None = None

    def of(self, fault: FaultFacts) -> str:
        """Return what was injected into which component, in a run with this fault: `stop of the broker`."""
        target = self.target or "target"
        return fault.of(target) if fault.state == "degraded" else f"{self.fault or 'fault'} of the {target}"

    @property
    def number(self) -> int:
        """Its number in reports, from 1."""
        return self.index + 1

    @property
    def begin(self) -> float:
        """When it began at the earliest."""
        return next((at for at in (self.injecting, self.injected, self.healing, self.healed) if at is not None), 0.0)

    @property
    def end(self) -> float:
        """When it ended; infinite if that was never proven."""
        return math.inf if self.healed is None else self.healed

    @property
    def returned(self) -> float:
        """When the target was back at the earliest: after its last failure, or at `healed` if that is unknown."""
        return self.end if self.healed is None or self.up_edge is None else self.up_edge[0]

    @property
    def downtime(self) -> tuple[float, float] | None:
        """Interval in which the target did not answer, by both edges; None if one of them was not proven."""
        if self.healed is None or self.down_edge is None or self.up_edge is None:
            return None
        return self.down_edge[1], self.up_edge[0]

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Its four marks; a missing one equals the next one, the last one infinity."""
        healing = self.end if self.healing is None else self.healing
        injected = healing if self.injected is None else self.injected
        return self.begin, injected, healing, self.end


def read_outages(marks: list[Mark]) -> list[Outage]:
    """Return the outages of `marks`, in order of their number."""
    found: dict[int, dict[str, Mark]] = {}
    for mark in marks:
        if mark.name in _OUTAGE_MARKS:
            of_one = found.setdefault(mark.outage or 0, {})
            # Healing began with the first mark, should a second watchdog ever write it again.
            of_one[mark.name] = of_one.get(mark.name, mark) if mark.name == m.HEALING else mark
    return [_outage(index, found[index]) for index in sorted(found)]


def _outage(index: int, marks: dict[str, Mark]) -> Outage:
    at = {name: marks[name].at if name in marks else None for name in _OUTAGE_MARKS}
    detail = {key: value for mark in marks.values() for key, value in mark.detail.items()}
    return Outage(
        index=index,
        fault=detail.get("fault"),
        target=detail.get("target"),
        injecting=at[m.INJECTING],
        injected=at[m.INJECTED],
        healing=at[m.HEALING],
        healed=at[m.HEALED],
        down_edge=_edge(detail.get("down_edge")),
        up_edge=_edge(detail.get("up_edge")),
        healed_by=detail.get("healed_by"),
        seen=detail.get("seen"),
        measured=detail.get("measured"),
    )


def _edge(value: object) -> Edge | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    return float(value[0]), float(value[1])
