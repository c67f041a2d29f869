"""The watchdog's process: answers the harness's requests, and heals what the harness can no longer heal.

    python -m chaos.faults.watchdog      (requests as JSON lines on standard input; see `protocol`)

It ends when its standard input does, after healing what is broken and taking down what the harness had started.
SIGTERM, SIGINT and SIGHUP do the same; SIGUSR1 (`python -m chaos restore`) heals and retires it. SIGUSR2 only asks
whether it works (`chaos.faults.watchdog.liveness`).
"""

import logging
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from types import FrameType
from typing import Final

import msgspec

from chaos.faults.watchdog import protocol
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.liveness import QUESTION
from chaos.faults.watchdog.protocol import Break, Marked, Refusal, Request, Teardown, as_line, read_request
from chaos.faults.watchdog.teardown import tear_down
from chaos.faults.watchdog.work_reports import AtWork, Progress, Work
from stack.errors import StackError

log = logging.getLogger("watchdog")

LOOK_S: Final = 0.2
TEARDOWN_TRIES: Final = 3
# How long failed healing is tried again when the harness is gone: an engine may restart, a disk may have room again.
HEAL_AGAIN_S: Final = 20.0
HEAL_PAUSE_S: Final = 1.0
# Longest time that any request takes before its act begins.
REQUEST_S: Final = 60.0
# How long an answer may wait for room in the pipe.
SAY_S: Final = 2.0


class WatchdogProcess:
    """One watchdog: pipes and signals around a `FaultController`."""

    def __init__(self) -> None:
        self._at_work = AtWork(self._report)
        self._progress = Progress(log.info)
        self._controller = FaultController(doing=self._at_work.doing)
        self._started: Teardown | None = None
        self._ending = False
        self._asked_to_heal = False
        self._unread = b""
        self._requests: deque[bytes] = deque()
        self._injecting = False
        self._saying = threading.Lock()
        self._deaf = False

    def run(self) -> int:
        """Serve until the harness is gone, then heal and take down; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        signal.signal(signal.SIGUSR1, self._heal)
        signal.signal(QUESTION, lambda number, frame: None)
        for stream in (sys.stdin, sys.stdout):
            # A frozen harness reads nothing: a full pipe must not keep the watchdog from healing.
            os.set_blocking(stream.fileno(), False)
        while not self._ending:
            select.select([sys.stdin], [], [], LOOK_S)
            self._heal_if_due()
            self._requests += self._read()
            while self._requests:
                self._serve(self._requests.popleft())
                self._heal_if_due()
        return self._wind_up()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True

    def _heal(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_heal = True

    def _read(self) -> list[bytes]:
        """Return the whole lines that have come; the end of the input ends the process."""
        try:
            block = os.read(sys.stdin.fileno(), 1 << 16)
        except BlockingIOError:
            return []
        if not block:
            self._ending = True
        *lines, self._unread = (self._unread + block).split(b"\n")
        return lines

    def _heal_if_due(self) -> None:
        reason = None
        if self._asked_to_heal:
            self._asked_to_heal = False
            reason = "restore was asked for (python -m chaos restore)"
        else:
            reason = self._controller.overdue
        if reason is None:
            return
        try:
            said = self._controller.retire(reason)
        except Refusal as failure:
            said = f"{reason}, but {failure}"
        except Exception as error:
            # After any error: this process keeps owning the target, and tries to heal it again.
            log.exception("healing failed")
            said = f"{reason}, but healing failed: {error!r}"
        log.warning("%s", said)
        self._say({"retired": said})

    def _serve(self, line: bytes) -> None:
        try:
            request = read_request(line)
        except msgspec.MsgspecError as error:
            log.error("a request of the harness was not understood: %s", type(error).__name__)
            return
        try:
            with self._at_work.doing(request.do, REQUEST_S):
                answer = self._answer(request)
            self._say({"id": request.id, **answer})
        except Refusal as refusal:
            self._say({"id": request.id, "error": str(refusal), "why": refusal.why})
        except Exception as error:
            # The harness waits for an answer, and this process must keep owning what is broken.
            log.exception("the request %s failed", request.do)
            self._say({"id": request.id, "error": f"the watchdog failed: {error!r}", "why": protocol.TARGET})

    def _answer(self, request: Request) -> dict[str, object]:
        controller, proof = self._controller, request.proof
        match request.do:
            case "arm" if request.arm is not None:
                return {"healed": controller.arm(request.arm)}
            case "break" if request.fault is not None:
                return asdict(self._inject(request.fault))
            case "break" if proof is not None:
                return asdict(controller.injected(proof))
            case "heal":
                return asdict(controller.heal() if proof is None else controller.healed(proof))
            case "disarm":
                controller.disarm()
            case "own":
                self._started = request.teardown
            case unknown:
                raise Refusal(f"the watchdog does not know the request {unknown!r}", protocol.TARGET)
        return {}

    def _inject(self, fault: Break) -> Marked:
        self._injecting = True
        try:
            return self._controller.inject(fault, lambda: self._is_given_up)
        finally:
            self._injecting = False

    @property
    def _is_given_up(self) -> bool:
        """Whether the fault being injected is not wanted any more: healing is asked for, the harness is gone, or it
        asks for something else, which it does only once it has stopped waiting for the answer."""
        asked = self._ending or self._asked_to_heal or bool(self._requests)
        return asked or bool(select.select([sys.stdin], [], [], 0)[0])

    def _report(self, work: Work) -> None:
        self._progress(work)
        self._say({"working": asdict(work)})
        if self._injecting and self._is_given_up:
            self._controller.give_up()

    def _say(self, what: dict[str, object]) -> None:
        """Write one line; dropped where the harness is gone, or has been frozen for so long that the pipe is full."""
        with self._saying:
            line, longest = as_line(what), 0.0 if "working" in what else SAY_S
            whole = len(line)
            try:
                while line and not self._deaf:
                    line = line[self._write(line, longest if len(line) == whole else SAY_S) :]
            except OSError as error:
                # Half a line would spoil the next one.
                self._deaf = self._deaf or len(line) < whole or not isinstance(error, BlockingIOError)
                if "working" not in what:
                    log.info("not read by the harness: %s", next(iter(what)))

    def _write(self, line: bytes, longest_s: float) -> int:
        """Write a part of `line` as soon as there is room for it, and return its length. Raises OSError."""
        select.select([], [sys.stdout], [], longest_s)
        return os.write(sys.stdout.fileno(), line)

    def _healed(self) -> bool:
        """Heal what is broken, more than once if need be; return whether nothing is broken any more."""
        deadline = time.monotonic() + HEAL_AGAIN_S
        while self._controller.broken:
            try:
                log.warning("%s", self._controller.retire("the harness is gone"))
            except Exception as failure:
                # After any error: what the harness had started is taken down anyway.
                log.error("NOT RESTORED: %s", failure, exc_info=not isinstance(failure, Refusal))
                if time.monotonic() >= deadline:
                    return False
                time.sleep(HEAL_PAUSE_S)
        return True

    def _wind_up(self) -> int:
        code = 0 if self._healed() else 4
        self._controller.disarm()
        started = self._started
        if started is None:
            return code
        for _ in range(TEARDOWN_TRIES):
            try:
                tear_down(started)
                break
            except Exception as error:
                log.error("%s", error, exc_info=not isinstance(error, StackError))
                code = 4
                time.sleep(1.0)
        return code


def main() -> int:
    """Run until standard input ends; return the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    log.info("watchdog %d of process %d", os.getpid(), os.getppid())
    return WatchdogProcess().run()


if __name__ == "__main__":
    sys.exit(main())
