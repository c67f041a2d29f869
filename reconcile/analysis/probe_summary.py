"""What the target of the fault was asked by the lookout, connection by connection. Pure.

Of runs from before there was `probes.jsonl` only the questions for the topic's offsets are known: their target was the
broker, asked on one connection, which has no name then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from health.state import served, unserved
from reconcile.history.history import History
from runlog.offsets import Observation
from runlog.probe_results import CONNECTIONS, WORDS, Connection, How, ProbeResult, on

_OLD_AND_NEW: Final[dict[Connection, str]] = {"new": "on a new connection", "kept": "on an old one"}

Question = Observation | ProbeResult


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked on one connection.

    Attributes:
        where: the connection in words, with a space before them; empty where there was only one.
        questions: in order.
    """

    where: str
    questions: Sequence[Question]

    def within(self, begin: float, end: float) -> list[Question]:
        """Return the questions that were asked from `begin` on and settled by `end`, epoch seconds."""
        return [one for one in self.questions if begin <= one.asked and one.answered <= end]


def asked(history: History) -> list[Asked]:
    """Return what the target was asked, each connection for itself."""
    if history.probe_results is None:
        return [Asked("", history.observations)]
    return [Asked(f" {WORDS[connection]}", on(history.probe_results, connection)) for connection in CONNECTIONS]


def absences(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Yield each run of questions without an answer that is long enough to prove the target away."""
    for run in _runs(questions, ok=False):
        if unserved(run):
            yield run


def served_again(questions: Sequence[Question]) -> bool:
    """Return whether enough questions in a row were answered."""
    return any(served(run) for run in _runs(questions, ok=True))


def seen_words(seen: Mapping[Connection, How] | None) -> str:
    """Return how a target was seen to be down, in one line: `refused on a new connection, hanging on an old one`.

    Empty where that was not noted.
    """
    told = seen or {}
    return ", ".join(f"{told[connection]} {words}" for connection, words in _OLD_AND_NEW.items() if connection in told)


def _runs(questions: Sequence[Question], ok: bool) -> Iterator[list[Question]]:
    for answered, run in groupby(questions, key=lambda one: one.ok):
        if answered is ok:
            yield list(run)
