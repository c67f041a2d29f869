"""The watchdog's process: reads orders, obeys, and looks after what the harness can no longer look after.

    python -m chaos.watchdog      (orders as JSON lines on standard input; see chaos/watchdog/orders.py)

It ends when its standard input does, after mending what is broken and taking down what the harness had brought up.
SIGTERM, SIGINT and SIGHUP do the same; SIGUSR1 (`python -m chaos restore`) mends and retires it.
"""

import logging
import os
import select
import signal
import sys
import time
from types import FrameType
from typing import Final

import msgspec

from chaos.watchdog import orders
from chaos.watchdog.keeper import Keeper
from chaos.watchdog.orders import Order, Refusal, TakeDown, as_line, read_order
from chaos.watchdog.takedown import take_down
from stack.errors import StackError

log = logging.getLogger("watchdog")

LOOK_S: Final = 0.2
TAKE_DOWN_TRIES: Final = 3
# What cannot be mended at once when the harness is gone is tried again so long: an engine restarts, a disk has room.
MEND_AGAIN_S: Final = 20.0
MEND_PAUSE_S: Final = 1.0


class WatchdogProcess:
    """One watchdog: pipes and signals around a `Keeper`."""

    def __init__(self) -> None:
        self._keeper = Keeper()
        self._brought_up: TakeDown | None = None
        self._ending = False
        self._asked_to_mend = False
        self._unread = b""

    def run(self) -> int:
        """Obey until the harness is gone, then mend and take down; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        signal.signal(signal.SIGUSR1, self._mend)
        os.set_blocking(sys.stdin.fileno(), False)
        while not self._ending:
            select.select([sys.stdin], [], [], LOOK_S)
            self._look_after()
            for line in self._read():
                self._obey(line)
        return self._wind_up()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True

    def _mend(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_mend = True

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

    def _look_after(self) -> None:
        reason = None
        if self._asked_to_mend:
            self._asked_to_mend = False
            reason = "somebody asked to restore"
        elif self._keeper.overstayed:
            reason = self._keeper.retired or "the outage overstayed --max-outage"
        if reason is None:
            return
        # Whoever asks meanwhile waits: this may take longer than any order does.
        self._say({"mending": reason})
        try:
            said = self._keeper.retire(reason)
        except Refusal as failure:
            said = f"{reason}, but {failure}"
        except Exception as error:
            # Whatever went wrong: it stays in these hands, and is tried again.
            log.exception("mending went wrong")
            said = f"{reason}, but mending went wrong: {error!r}"
        log.warning("%s", said)
        self._say({"retired": said})

    def _obey(self, line: bytes) -> None:
        try:
            order = read_order(line)
        except msgspec.MsgspecError as error:
            log.error("an order was not understood: %s", type(error).__name__)
            return
        try:
            self._say({"id": order.id, **self._answer(order)})
        except Refusal as refusal:
            self._say({"id": order.id, "error": str(refusal), "why": refusal.why})
        except Exception as error:
            # The harness waits for an answer, and whatever is broken must stay in these hands.
            log.exception("the order %s went wrong", order.do)
            self._say({"id": order.id, "error": f"the watchdog failed: {error!r}", "why": orders.TARGET})

    def _answer(self, order: Order) -> dict[str, object]:
        keeper = self._keeper
        match order.do:
            case "arm" if order.arm is not None:
                return {"mended": keeper.arm(order.arm)}
            case "begin" if order.begin is not None:
                return {"described": keeper.begin(order.begin)}
            case "apply":
                keeper.apply(order.timeout)
            case "heal":
                return {"healed_by": keeper.heal(order.timeout)}
            case "close":
                keeper.close()
            case "disarm":
                keeper.disarm()
            case "standing":
                return {"broken": keeper.broken, "retired": keeper.retired}
            case "own":
                self._brought_up = order.take_down
            case unknown:
                raise Refusal(f"the watchdog does not know the order {unknown!r}", orders.TARGET)
        return {}

    def _say(self, what: dict[str, object]) -> None:
        try:
            sys.stdout.buffer.write(as_line(what))
            sys.stdout.buffer.flush()
        except OSError:
            # The harness is gone, or frozen with a full pipe; what is to be done does not depend on it.
            log.info("nobody hears: %s", next(iter(what)))

    def _mended(self) -> bool:
        """Mend what is broken, more than once if need be; return whether nothing is broken any more."""
        deadline = time.monotonic() + MEND_AGAIN_S
        while self._keeper.broken:
            try:
                log.warning("%s", self._keeper.retire("the harness is gone"))
            except Exception as failure:
                # Whatever it was: what the harness had brought up must go all the same.
                log.error("NOT RESTORED: %s", failure, exc_info=not isinstance(failure, Refusal))
                if time.monotonic() >= deadline:
                    return False
                time.sleep(MEND_PAUSE_S)
        return True

    def _wind_up(self) -> int:
        code = 0 if self._mended() else 4
        self._keeper.disarm()
        brought_up = self._brought_up
        if brought_up is None:
            return code
        for _ in range(TAKE_DOWN_TRIES):
            try:
                take_down(brought_up)
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
