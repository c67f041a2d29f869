"""The client of the process that reads the runs folder for the page (`python -m reconcile.browse`)."""

import itertools
import json
from typing import Any, Final

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from files.line_process import LineProcess

ANSWER_S: Final = 20.0
_GONE: Final = {"problem": "the process that reads the runs folder has ended"}


class NoAnswer(Exception):
    """The question was not answered; the message is one sentence for people."""


class RunsClient:
    """Asks; the process is started with the first question, and again when it has ended.

    Args:
        runs_dir: folder of the runs.
    """

    def __init__(self, runs_dir: str) -> None:
        self._runs_dir = runs_dir
        self._reader: _Reader | None = None
        # Starting a process lets other greenlets run: two first questions must not start two.
        self._starting = BoundedSemaphore()

    def ask(self, what: str, **question: str) -> Any:
        """Return the answer.

        Raises:
            NoAnswer: it cannot be answered, or did not come in ANSWER_S seconds.
        """
        try:
            with self._starting:
                if self._reader is None or self._reader.has_ended:
                    self._reader = _Reader(self._runs_dir)
                reader = self._reader
            found = reader.answer_to({"ask": what, **question})
        except gevent.Timeout:
            raise NoAnswer(f"the runs folder was not read within {ANSWER_S:g} s") from None
        except OSError as error:
            raise NoAnswer(f"the process that reads the runs folder is gone: {error.strerror}") from None
        if "problem" in found:
            raise NoAnswer(found["problem"])
        return found["value"]


class _Reader:
    """One process, and the questions that wait for its answers."""

    def __init__(self, runs_dir: str) -> None:
        self._waiting: dict[int, AsyncResult[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._process = LineProcess("reconcile.browse", runs_dir)
        gevent.spawn(self._read)

    @property
    def has_ended(self) -> bool:
        return not self._process.alive

    def answer_to(self, question: dict[str, str]) -> dict[str, Any]:
        """Return the answer. Raises OSError if the process is gone, gevent.Timeout after ANSWER_S seconds."""
        number = next(self._numbers)
        answer = self._waiting[number] = AsyncResult()
        try:
            self._process.send(json.dumps({"id": number, **question}))
            found: dict[str, Any] = answer.get(timeout=ANSWER_S)
            return found
        finally:
            del self._waiting[number]

    def _read(self) -> None:
        for line in self._process.lines():
            answer = json.loads(line)
            waiting = self._waiting.get(answer["id"])
            if waiting is not None:
                waiting.set(answer)
        for waiting in self._waiting.values():
            waiting.set(_GONE)
