"""How the target of the fault answered the monitor, connection by connection. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from health.replies import CONNECTIONS, WORDS, Connection, How, ProbeResult
from health.state import served, unserved
from reconcile.history.history import History

_OLD_AND_NEW: Final[dict[Connection, str]] = {"new": "on a new connection", "kept": "on an old one"}


@dataclass(frozen=True, slots=True)
class ProbeSeries:
    """The probe results of one connection.

    Attributes:
        where: the connection in words, with a space before them.
        results: in order.
    """

    where: str
    results: Sequence[ProbeResult]

    def within(self, begin: float, end: float) -> list[ProbeResult]:
        """Return the results of probes that were sent from `begin` on and settled by `end`, epoch seconds."""
        return [one for one in self.results if begin <= one.asked and one.answered <= end]


def probe_series(history: History) -> list[ProbeSeries]:
    """Return the probe results of each connection."""
    return [
        ProbeSeries(f" {WORDS[each]}", [one for one in history.probe_results if one.connection == each])
        for each in CONNECTIONS
    ]


def down_streaks(results: Sequence[ProbeResult]) -> Iterator[list[ProbeResult]]:
    """Yield each run of unanswered probes that is long enough to prove the target down."""
    for streak in _streaks(results, ok=False):
        if unserved(streak):
            yield streak


def served_again(results: Sequence[ProbeResult]) -> bool:
    """Return whether enough probes in a row were answered."""
    return any(served(streak) for streak in _streaks(results, ok=True))


def seen_words(seen: Mapping[Connection, How] | None) -> str:
    """Return how a target was observed to be down, in one line: `refused on a new connection, hanging on an old one`.

    Empty where it was never proven down.
    """
    known = seen or {}
    return ", ".join(
        f"{known[connection]} {words}" for connection, words in _OLD_AND_NEW.items() if connection in known
    )


def _streaks(results: Sequence[ProbeResult], ok: bool) -> Iterator[list[ProbeResult]]:
    for answered, streak in groupby(results, key=lambda one: one.ok):
        if answered is ok:
            yield list(streak)
