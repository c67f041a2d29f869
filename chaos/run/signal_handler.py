"""Signal handlers: a signal that ends the harness first winds up the run, then ends Locust in its normal way.

Locust 2.47 installs a SIGTERM handler only after a headless shape has ended, and lets Ctrl-C interrupt any greenlet;
both would leave a broker down. With these handlers, a signal interrupts the run, waits until the target is healed and
the run judged, and only then reaches Locust as a KeyboardInterrupt, which ends it normally.
"""

import signal
from collections.abc import Callable
from typing import Any

import gevent
import greenlet

from chaos.run.conductor import Conductor
from runlog import exit_codes


class SignalHandler:
    """Takes SIGINT, SIGTERM and SIGHUP for the whole process.

    Args:
        conductor: returns the last run of this process, if any.
        end_code: called with the exit code of the signal.
    """

    def __init__(self, conductor: Callable[[], Conductor | None], end_code: Callable[[int], None]) -> None:
        self._conductor = conductor
        self._end_code = end_code
        self._main = greenlet.getcurrent()
        self._thrown = False
        self.web = False

    def install(self) -> None:
        """Install the handlers; call it in the main greenlet."""
        codes = {
            signal.SIGINT: exit_codes.SIGINT,
            signal.SIGTERM: exit_codes.SIGTERM,
            signal.SIGHUP: exit_codes.SIGTERM,
        }
        for number, code in codes.items():
            gevent.signal_handler(number, self._handle, number, code)

    def _handle(self, number: signal.Signals, code: int) -> None:
        conductor = self._conductor()
        if conductor is not None and conductor.active:
            self._end_code(code)
            conductor.interrupt(f"{number.name} received", code)
            conductor.finished.wait()
        elif not self.web:
            self._end_code(code)
        if self.web and number is signal.SIGTERM:
            # Locust's own handler, installed by now, ends the web UI.
            return
        if self.web or conductor is None:
            self._throw()
        # A finished headless run ends Locust by itself; an exception now would interrupt that.

    def _throw(self) -> None:
        """Raise KeyboardInterrupt in the main greenlet, once, which ends Locust normally."""
        if self._thrown:
            return
        self._thrown = True
        throw: Any = self._main.throw
        gevent.get_hub().loop.run_callback(throw, KeyboardInterrupt())
