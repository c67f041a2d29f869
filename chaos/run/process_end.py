"""The end of a Locust process: winds up the last run, releases the system under test, and sets one exit code.

The code that is printed, the one in `report.json` and the one of the process are the same. What makes it worse after
the run was judged (a listener, a stack that does not stop) becomes a mark of the run, which is judged again.
"""

import logging
import sys
from collections.abc import Callable
from typing import Final

from locust.env import Environment

from chaos.run.exit_code_listeners import Complaint, Listeners, leave, set_exit_code
from chaos.run.harness import Harness
from runlog import exit_codes, marks
from stack.errors import StackError

log = logging.getLogger("chaos")
# The watchdog has tried once more by then, so only `status` knows what is broken now.
_NOT_RESTORED: Final = (
    "error: NOT RESTORED: the target is not proven healed; `python -m chaos status` shows what is still broken, "
    "`python -m chaos restore` heals it"
)


class ProcessEnd:
    """Ends one Locust process.

    Args:
        listeners: the exit codes that other listeners set.
        flush: flushes printed text before the process ends at once.
    """

    def __init__(
        self,
        environment: Environment,
        harness: Harness,
        listeners: Listeners,
        flush: Callable[[], None] = logging.shutdown,
    ) -> None:
        self._environment = environment
        self._harness = harness
        self._listeners = listeners
        self._flush = flush
        self._over = False
        listeners.ending = self

    def quitting(self) -> None:
        """Wind up, release the system under test, and set the exit code, 0 included; after all other listeners."""
        code = exit_codes.USAGE_OR_CRASH
        try:
            self._harness.stop_run("Locust is quitting", exit_codes.SIGTERM)
            self._report_complaints()
            self._release()
            code = self.code
        finally:
            set_exit_code(self._environment, code)

    def printed(self) -> None:
        """Print the verdict, or why there is none, after Locust's tables.

        Raises:
            SystemExit: a listener of `quit` has made the exit code worse.
        """
        self._report_complaints()
        self._over = True
        if self._environment.web_ui is None:
            self._harness.print_summary()
        if self._harness.failure and self._is_batch:
            sys.stderr.write(f"error: {self._harness.failure}\n")
        conductor = self._harness.conductor
        if conductor is not None and conductor.not_restored:
            sys.stderr.write(f"{_NOT_RESTORED}\n")
        if self.code != self._environment.process_exit_code:
            raise SystemExit(self.code)

    def at_exit(self) -> None:
        """At interpreter exit, do both steps if Locust did not reach its own end, and keep the exit code."""
        conductor, ended = self._harness.conductor, self._listeners.ended
        if self._over or (conductor is None and not (ended and self._is_batch)):
            return
        if ended is None:
            error = getattr(sys, "last_value", None)
            self._listeners.note(Complaint("Locust", f"ended early{f' by {type(error).__name__}' if error else ''}"))
        elif conductor is None:
            self._harness.refused = f"{ended} before the run began; nothing was judged"
        try:
            self.quitting()
            self.printed()
        except SystemExit as end:
            log.debug("the exit code becomes %s", end.code)
        finally:
            self._flush()
            leave(self.code)

    @property
    def is_over(self) -> bool:
        return self._over

    @property
    def code(self) -> int:
        conductor, end_code = self._harness.conductor, self._harness.end_code
        codes = [] if end_code is None else [end_code]
        worse = [exit_codes.NOT_AS_EXPECTED] if self._listeners.complained else []
        if not (codes or self._is_batch):
            # A web session that ends while no run is going on: Locust's normal end.
            return exit_codes.strongest([exit_codes.AS_EXPECTED, *worse])
        if conductor is None or conductor.exit_code is None:
            return exit_codes.strongest([*(codes or [exit_codes.USAGE_OR_CRASH]), *worse])
        return exit_codes.strongest([*codes, *worse, conductor.exit_code], conductor.not_restored)

    @property
    def _is_batch(self) -> bool:
        """Whether this process makes one run only, whose exit code is its own."""
        parsed = self._environment.parsed_options
        return bool(parsed and (parsed.headless or parsed.autostart))

    def _report_complaints(self) -> None:
        complaints = [str(complaint) for complaint in self._listeners.take()]
        for complaint in complaints:
            log.warning("exit code: %s; an exit code of 0 becomes 1", complaint)
        if complaints:
            self._worsen(marks.LISTENER, complaints, exit_codes.NOT_AS_EXPECTED)

    def _release(self) -> None:
        try:
            self._harness.system.close()
        except StackError as error:
            log.error("%s", error)
            self._harness.end_code = exit_codes.USAGE_OR_CRASH
            self._worsen(marks.FAILED, [str(error)], exit_codes.USAGE_OR_CRASH)

    def _worsen(self, mark: str, reasons: list[str], code: int) -> None:
        if self._harness.conductor is not None and self._is_batch:
            self._harness.conductor.worsen(mark, reasons, code)
