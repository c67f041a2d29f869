"""How the target of the fault answered the monitor, connection by connection. Pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from health.effect import Effect
from health.replies import CONNECTIONS, WORDS, Connection, How, ProbeResult
from reconcile.history.history import History
from runlog import marks as m
from runlog.fault_facts import FaultFacts

_OLD_AND_NEW: Final[dict[Connection, str]] = {"new": "on a new connection", "kept": "on an old one"}


@dataclass(frozen=True, slots=True)
class ProbeSeries:
    """The probe results of one connection.

    Attributes:
        where: the connection in words, with a space before them.
        results: in order, one asked after the other was settled.
    """

    connection: Connection
    where: str
    results: list[ProbeResult]

    def within(self, begin: float, end: float) -> list[ProbeResult]:
        """Return the results of probes that were sent from `begin` on and settled by `end`, epoch seconds."""
        first = bisect_left(self.results, begin, key=lambda one: one.asked)
        return self.results[first : bisect_right(self.results, end, key=lambda one: one.answered)]


def probe_series(history: History) -> list[ProbeSeries]:
    return [
        ProbeSeries(each, f" {WORDS[each]}", [one for one in history.probe_results if one.connection == each])
        for each in CONNECTIONS
    ]


def effect_of(history: History) -> Effect:
    """Return the effect that the run's fault must have, with the usual time of an answer as the baseline shows it."""
    effect = history.facts.fault.effect
    if effect.kind == "down":
        return effect
    begin = next((mark.at for mark in history.marks if mark.name == m.BASELINE), -math.inf)
    end = next((mark.at for mark in history.marks if mark.name == m.INJECTING), math.inf)
    return effect.after({one.connection: one.within(begin, end) for one in probe_series(history)})


def seen_words(
    fault: FaultFacts, seen: Mapping[Connection, How] | None, measured: Mapping[Connection, float] | None
) -> str:
    """Return how the effect of a fault was first observed: `refused on a new connection, hanging on an old one`.

    Of a degraded target: `300 ms later than usual on a new connection`, `50 % of probes reset on a new connection`.
    Empty where it was never proven.
    """
    known: Mapping[Connection, str] = seen or {}
    if fault.state == "degraded":
        effect = fault.effect
        known = {
            each: f"{effect.strength_of(value, 'probes')} {effect.unit}" for each, value in (measured or {}).items()
        }
    return ", ".join(
        f"{known[connection]} {words}" for connection, words in _OLD_AND_NEW.items() if connection in known
    )
