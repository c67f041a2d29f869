"""The list of sentences: each name once, with the function that builds it and the data that it speaks of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconcile.history.history import History
from reconcile.judge.judge import Judgement

Tell = Callable[[History, Judgement], str]
TellOutage = Callable[[History, Judgement, int], str]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the reports.

    Attributes:
        name: unique, for tests and error messages.
        of: the raw data that it speaks of.
        texts: builds it: one text for the run, or one for each outage; an empty text where there is nothing to say.
    """

    name: str
    of: str
    texts: Callable[[History, Judgement], list[str]]


SENTENCES: Final[dict[str, Sentence]] = {}
"""All sentences by name, filled by the modules of this package when it is imported."""


def sentence(name: str, of: str) -> Callable[[Tell], Tell]:
    """Register the decorated function as the only one that builds this sentence."""

    def register(tell: Tell) -> Tell:
        _add(Sentence(name, of, lambda history, judgement: [tell(history, judgement)]))
        return tell

    return register


def outage_sentence(name: str, of: str) -> Callable[[TellOutage], TellOutage]:
    """Register the decorated function as the only one that builds this sentence, for the outage at a given place."""

    def register(tell: TellOutage) -> TellOutage:
        _add(
            Sentence(
                name,
                of,
                lambda history, judgement: [tell(history, judgement, place) for place in range(len(judgement.outages))],
            )
        )
        return tell

    return register


def _add(one: Sentence) -> None:
    if one.name in SENTENCES:
        raise ValueError(f"two functions build the sentence {one.name!r}")
    SENTENCES[one.name] = one
