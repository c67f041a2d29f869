"""The harness's client of the watchdog: starts it, sends requests, reads answers, replaces one that died or froze.

All of it is cooperative under gevent. A caller that is killed while it waits cuts nothing short: the request is with
the watchdog already, which serves one after the other. How long a request may take is up to the watchdog, which reports
every second that it is at work; silence means that it is frozen.
"""

import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import AsyncResult

from chaos.faults.limits import Limits
from chaos.faults.watchdog.protocol import Arm, Break, Marked, Refusal, Teardown, as_line
from chaos.faults.watchdog.teardown import HARNESS
from chaos.faults.watchdog.work_reports import Progress, Work
from files.paths import child_environment
from health.state import Proof

log = logging.getLogger("chaos")

# A watchdog that works says so every second.
SILENT_S: Final = 10.0
# Longest start of its process until its first line, on a busy machine.
START_S: Final = 60.0
# After a silence that our own may have caused (a frozen harness that goes on), what waits in the pipe is read first.
_CATCH_UP_S: Final = 1.0
END_S: Final = 30.0
_GONE: Final[dict[str, Any]] = {}


class WatchdogGone(Exception):
    """There is no watchdog to answer; the message is one sentence."""


class Watchdog:
    """A watchdog process of this harness.

    Attributes:
        retired: why it breaks nothing any more, None while it does.
        unwritten: why a mark of this run is not on disk; None if all are.
    """

    def __init__(self, log_path: Path) -> None:
        self.retired: str | None = None
        self.unwritten: str | None = None
        self.log_path = log_path
        self._numbers = count(1)
        self._waiting: dict[int, AsyncResult] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._owned: Teardown | None = None
        self._armed: Arm | None = None
        self._in_charge = False
        self._limits = Limits()
        self._heard = 0.0
        self._silence_s = START_S
        self._progress = Progress(lambda line: log.info("watchdog: %s", line))

    @property
    def alive(self) -> bool:
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
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.touch(mode=0o600)
        with self.log_path.open("ab") as errors:
            self._process = subprocess.Popen(
                # -P: a package in the user's folder must not shadow one of ours.
                [sys.executable, "-P", "-m", "chaos.faults.watchdog"],
                cwd="/",
                env={**child_environment(), HARNESS: str(os.getpid())},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._in_charge, self._silence_s = False, START_S
        gevent.spawn(self._read, self._process)
        if self._owned is not None:
            self.own(self._owned)

    def own(self, stack: Teardown | None) -> None:
        """Let it take `stack` down when this process is gone; None: nothing any more."""
        self._owned = stack
        self._ask("own", teardown=None if stack is None else asdict(stack))

    def arm(self, arm: Arm) -> str | None:
        """Let it own a run's target; return what it had to heal first, None if nothing.

        Raises:
            Refusal: another run uses the target, or it cannot be used.
            WatchdogGone: it does not answer.
        """
        self.retired = self.unwritten = None
        self._limits = arm.limits
        answer = self._ask("arm", arm=asdict(arm))
        self._armed, self._in_charge = arm, True
        healed: str | None = answer["healed"]
        return healed

    def inject(self, fault: Break) -> Marked:
        """Have a fault injected; return the mark `injecting`. Raises as `arm`."""
        return self._marked("break", fault=asdict(fault))

    def injected(self, proof: Proof) -> None:
        """Report that the monitor has proven the fault. Raises as `arm`."""
        self._marked("break", proof=asdict(proof))

    def heal(self) -> Marked:
        """Have the fault undone; return the mark `healing`. Raises as `arm`."""
        return self._marked("heal")

    def healed(self, proof: Proof) -> None:
        """Report that the monitor has proven the target back. Raises as `arm`."""
        if stays := self._marked("heal", proof=asdict(proof)).stays:
            log.warning("the target is proven back, but %s", stays)

    def _marked(self, do: str, **fields: Any) -> Marked:
        answer = self._ask(do, **fields)
        marked = Marked(**{name: answer[name] for name in Marked.__slots__})
        self.unwritten = self.unwritten or marked.unwritten
        return marked

    def disarm(self) -> None:
        """Have it give the run's target back; what is still broken stays in the journal."""
        self._armed, self._in_charge = None, False
        if self.alive:
            self._ask("disarm")

    def replace(self) -> bool:
        """Replace one that has died or is frozen; return whether that was needed.

        Also needed if a fresh one could not heal what is in the journal, and so owns no target: it tries again.

        One that is at work is waited for. What a dead one had broken is in the journal, with a command that it left
        running; arming the new one heals it.

        Raises:
            Refusal: what was broken is not proven back.
            WatchdogGone: the new one does not answer either.
        """
        if not self._answers():
            self._end_by_force()
            self.start()
        elif self._in_charge or self._armed is None:
            return False
        if self._armed is not None:
            self.arm(self._armed)
        return True

    def end(self) -> None:
        """End it by closing its input; one that is still at work goes on alone. Harmless when done twice."""
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
            log.warning("the watchdog (process %d) is still at work after %g s: it goes on alone", process.pid, END_S)

    def _answers(self) -> bool:
        if not self.alive:
            return False
        try:
            self.own(self._owned)  # changes nothing, and shows that it answers
        except WatchdogGone:
            log.warning("the watchdog (process %s) does not answer: it is replaced", self.pid)
            return False
        return True

    def _end_by_force(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=SILENT_S)

    def _ask(self, do: str, **fields: Any) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.poll() is not None:
            raise WatchdogGone(f"the watchdog process has ended; its log is {self.log_path}")
        number, answered = next(self._numbers), AsyncResult()
        self._waiting[number] = answered
        try:
            # One system call: a caller that is killed has sent the whole request or none of it.
            os.write(process.stdin.fileno(), as_line({"id": number, "do": do, **fields}))
            answer = self._awaited(answered, do)
        except OSError as error:
            raise WatchdogGone(f"the watchdog process is gone ({error.strerror}); its log is {self.log_path}") from None
        finally:
            self._waiting.pop(number, None)
        if answer is _GONE:
            raise WatchdogGone(f"the watchdog process ended while it was to {do}; its log is {self.log_path}")
        if "error" in answer:
            raise Refusal(answer["error"], answer["why"])
        return answer

    def _awaited(self, answered: AsyncResult, do: str) -> dict[str, Any]:
        """Return the answer; it is awaited for as long as the watchdog says that it is at work.

        Raises:
            WatchdogGone: it fell silent, or was at work for longer than all its limits together.
        """
        asked = self._heard = time.monotonic()
        while True:
            now = time.monotonic()
            silence, longest = self._heard + self._silence_s - now, asked + self._limits.answer - now
            late = min(silence, longest) <= 0
            try:
                answer: dict[str, Any] = answered.get(timeout=_CATCH_UP_S if late else min(silence, longest))
            except gevent.Timeout:
                if longest <= 0:
                    text = f"timed out after {self._limits.answer:g} s waiting for the watchdog to answer {do!r}"
                    raise WatchdogGone(text) from None
                if late and time.monotonic() - self._heard > self._silence_s:
                    text = f"the watchdog is silent for {self._silence_s:g} s; it was to answer {do!r}"
                    raise WatchdogGone(text) from None
            else:
                return answer

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        for line in process.stdout or ():
            try:
                answer = json.loads(line)
            except ValueError:
                continue  # the end of a line whose beginning was dropped
            self._heard, self._silence_s = time.monotonic(), SILENT_S
            if "working" in answer:
                self._progress(Work(**answer["working"]))
            elif "retired" in answer and "id" not in answer:
                self.retired = answer["retired"]
                log.warning("watchdog: %s", self.retired)
            elif answer.get("id") in self._waiting:
                self._waiting[answer["id"]].set(answer)
        if process is self._process:
            for waiting in list(self._waiting.values()):
                waiting.set(_GONE)
