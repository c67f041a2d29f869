"""The list of sentences: each name once, with the function that builds it and the data that it describes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from reconcile.history.history import History
from reconcile.judge.judge import Judgement

Build = TypeVar("Build", bound=Callable[..., str])
Texts = Callable[[History, Judgement], list[str]]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the reports.

    Attributes:
        name: unique, for tests and error messages.
        of: the raw data that it describes.
        texts: returns one text for the run, or one for each outage; an empty text where there is nothing to say.
    """

    name: str
    of: str
    texts: Texts


SENTENCES: Final[dict[str, Sentence]] = {}
"""All sentences by name, filled by the modules of this package when it is imported."""


def sentence(name: str, of: str) -> Callable[[Build], Build]:
    """Register the decorated function, called with history and judgement, as the only one that builds this sentence."""
    return _register(name, of, lambda build: lambda history, judgement: [build(history, judgement)])


def outage_sentence(name: str, of: str) -> Callable[[Build], Build]:
    """Register the decorated function likewise; its third argument is the index of an outage in the judgement."""

    def for_each(build: Build) -> Texts:
        return lambda history, judgement: [build(history, judgement, place) for place in range(len(judgement.outages))]

    return _register(name, of, for_each)


def _register(name: str, of: str, texts_of: Callable[[Build], Texts]) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        if name in SENTENCES:
            raise ValueError(f"two functions build the sentence {name!r}")
        SENTENCES[name] = Sentence(name, of, texts_of(build))
        return build

    return register
