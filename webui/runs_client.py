"""The client of the process that reads the runs folder for the page (`python -m reconcile.browse`)."""

import itertools
import json
import subprocess
import sys
from typing import Any, Final

import gevent
from gevent.event import AsyncResult

from files.paths import CHECKOUT

ANSWER_S: Final = 20.0


class NoAnswer(Exception):
    """The question was not answered; the message is one sentence for people."""


class RunsClient:
    """Asks; the process is started with the first question, and again when it has ended.

    Args:
        runs_dir: folder of the runs.
    """

    def __init__(self, runs_dir: str) -> None:
        self._runs_dir = runs_dir
        self._process: subprocess.Popen[str] | None = None
        self._waiting: dict[int, AsyncResult[dict[str, Any]]] = {}
        self._numbers = itertools.count()

    def ask(self, what: str, **question: str) -> Any:
        """Return the answer.

        Raises:
            NoAnswer: it cannot be answered, or did not come in ANSWER_S seconds.
        """
        number = next(self._numbers)
        answer = self._waiting[number] = AsyncResult()
        try:
            self._send({"id": number, "ask": what, **question})
            found = answer.get(timeout=ANSWER_S)
        except gevent.Timeout:
            raise NoAnswer(f"the runs folder was not read within {ANSWER_S:g} s") from None
        except OSError as error:
            raise NoAnswer(f"the process that reads the runs folder is gone: {error.strerror}") from None
        finally:
            del self._waiting[number]
        if "problem" in found:
            raise NoAnswer(found["problem"])
        return found["value"]

    def close(self) -> None:
        """End the process by closing its input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _send(self, question: dict[str, Any]) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reconcile.browse", self._runs_dir],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                text=True,
            )
            gevent.spawn(self._read, self._process)
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            answer = json.loads(line)
            waiting = self._waiting.get(answer["id"])
            if waiting is not None:
                waiting.set(answer)
        for waiting in self._waiting.values():
            waiting.set({"problem": "the process that reads the runs folder has ended"})
