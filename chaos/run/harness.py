"""The harness of one Locust process: the system under test that it uses, its run, and how both end."""

import logging
import sys
from argparse import Namespace
from collections.abc import Callable

import gevent
from locust.env import Environment
from rich.text import Text

from chaos.run.command_line import settings_of_run, texts_of
from chaos.run.conductor import Conductor
from chaos.run.live_block import LiveBlock
from chaos.run.live_lines import live_lines
from chaos.run.log_output import is_terminal
from chaos.run.ports import Load
from chaos.run.reconcile_process import ReconcileProcess
from chaos.run.recording import Recording
from chaos.run.run_view import view_of
from chaos.run.shape import USERS
from chaos.sut.selection import System
from chaos.sut.sut import PreflightError, SystemUnderTest
from runlog import exit_codes
from runlog.folder import RunFolder
from settings.run_settings import Settings, SettingsError

log = logging.getLogger("chaos")

OpenLoad = Callable[[Settings, SystemUnderTest, Recording], Load]
"""Starts a load session for Locust's users."""


class Harness:
    """Implements `chaos.run.ports.RunHarness`.

    Args:
        open_load: passed in, because `chaos` does not import `load`.
        own_users: whether the users are those of the user's own locustfile.
    """

    def __init__(self, environment: Environment, system: System, open_load: OpenLoad, *, own_users: bool) -> None:
        self.environment = environment
        self.conductor: Conductor | None = None
        self.end_code: int | None = None
        self.refused: str | None = None
        self.own_users = own_users
        self.system = system
        self.watchdog = system.watchdog
        self.open_load = open_load
        self._reconcile = ReconcileProcess()

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """Return the system under test as `settings` ask."""
        if self.own_users and settings.scenario == "phantom-event":
            raise PreflightError("--scenario phantom-event: only the harness's own users provoke phantom events")
        return self.system.prepare(settings)

    # -- the run ---------------------------------------------------------------------------------------------------

    def begin(self) -> Conductor | None:
        """Start a run with the current options; None if they are wrong."""
        parsed = self.parsed
        try:
            settings = settings_of_run(parsed)
        except SettingsError as error:
            log.error("%s", error)
            self.end_code, self.refused = exit_codes.USAGE_OR_CRASH, str(error)
            return None
        self.refused, self._reconcile = None, ReconcileProcess()
        self.conductor = Conductor(self, settings, texts_of(parsed))
        self.conductor.start()
        if self.at_terminal:
            gevent.spawn(_show, self.conductor)
        return self.conductor

    @property
    def draws(self) -> bool:
        """Whether there is a page that shows pictures of a run."""
        return self.environment.web_ui is not None

    @property
    def watched(self) -> bool:
        """Whether someone may watch a run: on the page, or at a terminal."""
        return self.draws or self.at_terminal

    @property
    def at_terminal(self) -> bool:
        """Whether a terminal shows the present of a run."""
        return is_terminal(sys.stderr)

    def users_running(self) -> bool:
        runner = self.environment.runner
        wanted = getattr(self.environment.shape_class, "users", USERS)
        return runner is not None and runner.user_count >= wanted

    def statistics(self) -> object:
        """Return Locust's own numbers as a JSON value."""
        return [entry.to_dict() for entry in self.environment.stats.entries.values()]

    def judge(self, folder: RunFolder, sut: SystemUnderTest) -> int | None:
        """Judge the run and return the exit code; None if cancelled. In the web UI the summary is printed at once."""
        code = self._reconcile.judge(folder, sut)
        if self.environment.web_ui is not None:
            self.print_summary()
        return code

    def cancel_judging(self) -> None:
        self._reconcile.cancel()

    # -- the end ---------------------------------------------------------------------------------------------------

    def ask_end(self, code: int) -> None:
        """Set the exit code that a signal asks for, unless the run is over."""
        if self.conductor is None or self.conductor.active:
            self.end_code = code

    def stop_run(self, reason: str, code: int) -> None:
        """Wind up a run that is going on and wait for it; nothing without one."""
        conductor = self.conductor
        if conductor is not None and conductor.active:
            conductor.interrupt(reason, code)
            if not conductor.finished.wait(conductor.longest_end_s):
                log.error("the run did not wind up within %g s", conductor.longest_end_s)

    def print_summary(self) -> None:
        """Print the verdict of the run. With --json, standard output belongs to Locust's JSON."""
        stream = sys.stderr if getattr(self.parsed, "json", False) else sys.stdout
        stream.write(self._reconcile.summary)
        stream.flush()

    @property
    def headline(self) -> str:
        """The verdict and its run, or why there is none, in a line; empty before."""
        return Text.from_ansi(self._reconcile.summary.partition("\n")[0]).plain

    @property
    def failure(self) -> str | None:
        """Why there is no verdict; None if there is one."""
        failure = None if self.conductor is None or self._reconcile.summary else self.conductor.failure
        return self.refused or failure

    @property
    def parsed(self) -> Namespace:
        """Locust's current options; the web form changes them."""
        return self.environment.parsed_options or Namespace(headless=False, autostart=False)


def _show(conductor: Conductor) -> None:
    """Show a run at the bottom of the terminal until it is over."""
    block = LiveBlock(sys.stderr, lambda width, unicode: live_lines(view_of(conductor), width, unicode=unicode))
    block.start()
    try:
        conductor.finished.wait()
    finally:
        block.stop()
