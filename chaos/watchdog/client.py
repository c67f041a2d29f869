"""The harness's hold on the watchdog: starts it, orders, hears its answers, and puts a fresh one in its place.

All of it is cooperative under gevent. A caller that is killed while it waits cuts nothing short: the order is with the
watchdog already, which carries orders out one after the other.
"""

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import AsyncResult

from chaos.watchdog.mending import ACT_TIMEOUT_S, HEAL_TRIES
from chaos.watchdog.orders import Arm, Begin, Refusal, TakeDown, as_line

log = logging.getLogger("chaos")

ANSWER_S: Final = 10.0
ACT_ANSWER_S: Final = ACT_TIMEOUT_S + 10.0
END_S: Final = 30.0
_GONE: Final[dict[str, Any]] = {}


class WatchdogGone(Exception):
    """There is no watchdog to answer; the message is one sentence."""


class Watchdog:
    """A watchdog process of this harness.

    Args:
        log_path: file that takes its log.

    Attributes:
        retired: why it breaks nothing any more, None while it does.
    """

    def __init__(self, log_path: Path) -> None:
        self.retired: str | None = None
        self.log_path = log_path
        self._numbers = count(1)
        self._waiting: dict[int, AsyncResult] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._owned: TakeDown | None = None
        self._armed: Arm | None = None
        self._mending = False

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id, None before it was started."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it, in a session of its own; nothing while it lives. One that has died hands on what it had to end.

        Raises:
            WatchdogGone: it does not answer.
        """
        if self.alive:
            return
        self._mending = False
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.touch(mode=0o600)
        with self.log_path.open("ab") as errors:
            self._process = subprocess.Popen(
                # -P: what lies in the user's folder must not be taken for a package of ours.
                [sys.executable, "-P", "-m", "chaos.watchdog"],
                cwd="/",
                env={**os.environ, "PYTHONPATH": _python_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        gevent.spawn(self._read, self._process)
        if self._owned is not None:
            self.own(self._owned)

    def own(self, order: TakeDown | None) -> None:
        """Let it take down what `order` names when this process is gone; None: nothing any more."""
        self._owned = order
        self._ask("own", ANSWER_S, take_down=None if order is None else asdict(order))

    def arm(self, arm: Arm) -> str | None:
        """Give it a run's target in charge; return what it had to mend first, None when nothing.

        Raises:
            Refusal: another run uses the target, or it cannot be used.
            WatchdogGone: it does not answer.
        """
        self.retired = None
        answer = self._ask("arm", ANSWER_S + HEAL_TRIES * ACT_TIMEOUT_S + arm.prove_timeout, arm=asdict(arm))
        self._armed = arm
        mended: str | None = answer["mended"]
        return mended

    def begin(self, begin: Begin) -> str:
        """Have a fault written into the journal; return what it will hit. Raises as `arm`."""
        return str(self._ask("begin", ACT_ANSWER_S, begin=asdict(begin))["described"])

    def apply(self) -> None:
        """Have it done. Raises as `arm`."""
        self._ask("apply", ACT_ANSWER_S, timeout=ACT_TIMEOUT_S)

    def heal(self) -> str:
        """Have it undone; return by whom it was: `harness`, `by itself` or `watchdog`. Raises as `arm`."""
        return str(self._ask("heal", ACT_ANSWER_S, timeout=ACT_TIMEOUT_S)["healed_by"])

    def standing(self) -> tuple[bool, str | None]:
        """Return whether something is broken, and why it has retired if it has. Raises as `arm`."""
        answer = self._ask("standing", ACT_ANSWER_S)
        return bool(answer["broken"]), answer["retired"]

    def close(self) -> None:
        """Say that the target is proven back. Raises as `arm`."""
        self._ask("close", ANSWER_S)

    def disarm(self) -> None:
        """Take the run's target out of its charge; what is still broken stays in the journal."""
        self._armed = None
        if self.alive:
            self._ask("disarm", ANSWER_S)

    def replace(self) -> bool:
        """Put a fresh one in the place of one that has died or fallen silent; return whether that was needed.

        What the old one had broken stands in the journal; arming the new one mends it.

        Raises:
            Refusal: what was broken could not be mended.
            WatchdogGone: the new one does not answer either.
        """
        if self.alive:
            try:
                self._ask("standing", ANSWER_S)
                return False
            except WatchdogGone:
                log.warning("the watchdog (process %s) does not answer: it is replaced", self.pid)
        self._end_by_force()
        self.start()
        if self._armed is not None:
            self.arm(self._armed)
        return True

    def end(self) -> None:
        """Let it go: by closing its input, and by force when it does not go. Harmless when done twice."""
        process = self._process
        if process is None or process.stdin is None:
            return
        if not process.stdin.closed:
            try:
                process.stdin.close()
            except OSError:
                process.poll()  # gone already
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            log.warning("the watchdog (process %d) is still at work after %g s: it is left to it", process.pid, END_S)

    def _end_by_force(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=ANSWER_S)

    def _ask(self, do: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.poll() is not None:
            raise WatchdogGone(f"the watchdog process has ended; its log is {self.log_path}")
        number, answered = next(self._numbers), AsyncResult()
        self._waiting[number] = answered
        try:
            # One system call: a caller that is killed has sent the whole order or none of it.
            os.write(process.stdin.fileno(), as_line({"id": number, "do": do, **fields}))
            answer = self._awaited(answered, timeout_s)
        except OSError as error:
            raise WatchdogGone(f"the watchdog process is gone ({error.strerror}); its log is {self.log_path}") from None
        except gevent.Timeout:
            raise WatchdogGone(f"waited {timeout_s:g} s in vain for the watchdog to answer {do!r}") from None
        finally:
            self._waiting.pop(number, None)
        if answer is _GONE:
            raise WatchdogGone(f"the watchdog process ended while it was to {do}; its log is {self.log_path}")
        if "error" in answer:
            raise Refusal(answer["error"], answer["why"])
        return answer

    def _awaited(self, answered: AsyncResult, timeout_s: float) -> dict[str, Any]:
        """Return the answer. While the watchdog mends on its own account it is given the time that this may take.

        Raises:
            gevent.Timeout: there was none in time.
        """
        try:
            answer: dict[str, Any] = answered.get(timeout=timeout_s)
        except gevent.Timeout:
            if not self._mending or self._armed is None:
                raise
            answer = answered.get(timeout=HEAL_TRIES * ACT_TIMEOUT_S + self._armed.prove_timeout)
        return answer

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        for line in process.stdout or ():
            answer = json.loads(line)
            if "mending" in answer:
                self._mending = True
            elif "retired" in answer and "id" not in answer:
                self._mending = False
                self.retired = answer["retired"]
                log.warning("watchdog: %s", self.retired)
            elif answer.get("id") in self._waiting:
                self._waiting[answer["id"]].set(answer)
        if process is self._process:
            for waiting in list(self._waiting.values()):
                waiting.set(_GONE)


def _python_path() -> str:
    ours = str(Path(__file__).resolve().parent.parent.parent)
    return os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))
