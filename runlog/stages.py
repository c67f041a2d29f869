"""The stretches of time that the marks of a run make: phases of the plan, stages of its outages. In seconds since the
start, with words for people.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from runlog import marks as m
from runlog.fault_facts import FaultFacts
from runlog.marks import Mark
from runlog.outages import Outage

Stretch = tuple[float, float, str]
"""Begin, end (infinite while it lasts) and words."""

_PHASES: Final = {
    m.BASELINE: "baseline",
    m.INJECTING: "outage",
    m.HEALED: "recovery",
    m.RECOVERY: "recovery",
    m.DRAIN: "drain",
}
_ENDS: Final = frozenset({m.DRAINED, m.INTERRUPTED, m.FAILED, m.ENDED})


def phases(marks: Sequence[Mark], started_at: float, until: float) -> list[Stretch]:
    """Return the phases that have begun; the last one ends with the plan, at `until` at the latest."""
    named = [(mark.at - started_at, _PHASES[mark.name]) for mark in marks if mark.name in _PHASES]
    # A recovery begins with the proof of it; without an outage, with its own mark.
    begins = [one for place, one in enumerate(named) if place == 0 or named[place - 1][1] != one[1]]
    end = min([until, *(mark.at - started_at for mark in marks if mark.name in _ENDS)])
    edges = [*(at for at, _ in begins[1:]), max([end, *(at for at, _ in begins[-1:])])]
    return [(begin, last, words) for (begin, words), last in zip(begins, edges, strict=False)]


def stages(fault: FaultFacts, outages: Sequence[Outage], started_at: float) -> list[tuple[float, float, bool, str]]:
    """Return the stages of each outage: begin, end, whether the target is proven hit, and words."""
    found = []
    for outage in outages:
        target, edges = outage.target or "target", [edge - started_at for edge in outage.edges]
        words = (False, fault.stages[0]), (True, f"proven {fault.state}"), (False, fault.stages[1])
        for (proven, what), (begin, end) in zip(words, pairwise(edges), strict=True):
            if begin < end:
                found.append((begin, end, proven, f"{target} {what}"))
    return found
