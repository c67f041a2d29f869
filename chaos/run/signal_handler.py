"""Signals: whichever asks the harness to end, a run under way is wound up first, then Locust ends its own way.

Locust 2.47 installs a SIGTERM handler only after a headless shape has ended, and lets Ctrl-C strike any greenlet; both
would leave a broker down. From the moment these handlers stand, a signal interrupts the run, waits until it is mended
and judged, and only then reaches Locust as the Ctrl-C that it knows how to end on.
"""

import logging
import signal
from collections.abc import Callable
from typing import Any

import gevent
import greenlet

from chaos.run.conductor import Conductor
from runlog import exit_codes

log = logging.getLogger("chaos")


class SignalHandler:
    """Takes SIGINT, SIGTERM and SIGHUP for the whole process.

    Args:
        conductor: tells the run of this process that began last, if any.
        end_code: told the exit code that the signal asks for.
    """

    def __init__(self, conductor: Callable[[], Conductor | None], end_code: Callable[[int], None]) -> None:
        self._conductor = conductor
        self._end_code = end_code
        self._main = greenlet.getcurrent()
        self._thrown = False
        self.web = False

    def install(self) -> None:
        """Take the signals; call it in the main greenlet."""
        codes = {
            signal.SIGINT: exit_codes.SIGINT,
            signal.SIGTERM: exit_codes.SIGTERM,
            signal.SIGHUP: exit_codes.SIGTERM,
        }
        for number, code in codes.items():
            gevent.signal_handler(number, self._knock, number, code)

    def _knock(self, number: signal.Signals, code: int) -> None:
        conductor = self._conductor()
        if conductor is not None and conductor.active:
            self._end_code(code)
            conductor.interrupt(f"{number.name} received", code)
            conductor.finished.wait()
        elif not self.web:
            self._end_code(code)
        if self.web and number is signal.SIGTERM:
            # Locust has a handler of its own by now, which ends the web UI.
            return
        if self.web or conductor is None:
            self._throw()
        # A headless run that is over ends Locust by itself; anything thrown now would strike it in the middle of that.

    def _throw(self) -> None:
        """Give the main greenlet the Ctrl-C that Locust knows how to end on; once only."""
        if self._thrown:
            return
        self._thrown = True
        throw: Any = self._main.throw
        gevent.get_hub().loop.run_callback(throw, KeyboardInterrupt())
