"""The one file that Locust loads: it wires stack, load, chaos and reconcile together into one run.

    locust                web UI on loopback; Start runs the plan
    locust --headless     the same without a browser, for CI

Options are declared in `settings/`, the phases of a run in `chaos/run/conductor.py`, its judgement in `reconcile/`.
"""

import atexit
import logging
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

try:
    from flask import jsonify, request
    from locust import events
    from locust.env import Environment

    from chaos.faults.watchdog.client import Watchdog, WatchdogGone
    from chaos.faults.watchdog.protocol import Refusal
    from chaos.run.command_line import (
        add_options,
        check_form,
        read_settings,
        secrets_shown,
        settings_of_run,
        texts_of,
    )
    from chaos.run.conductor import Conductor
    from chaos.run.dry_run import dry_run_text
    from chaos.run.exit_code_listeners import Listeners, set_exit_code
    from chaos.run.ports import Load
    from chaos.run.process_end import ProcessEnd
    from chaos.run.reconcile_process import ReconcileProcess
    from chaos.run.recording import Recording
    from chaos.run.shape import USERS, ChaosShape
    from chaos.run.signal_handler import SignalHandler
    from chaos.run.web_access import HostCheck
    from chaos.sut.selection import make_system
    from chaos.sut.sut import PlacedOrder, PreflightError, Preview, SystemUnderTest
    from contract.http import OrderContract
    from files.output_streams import flush_output, let_output_fail
    from load.exchange import Exchanger
    from load.load_session import LoadSession, LoadSpec
    from load.order_user import OrderUser
    from load.own_attempts import OwnLoad, use
    from load.placed_orders import Placed, contract_of, place, place_with
    from runlog import exit_codes
    from runlog.folder import FolderError, RunFolder, check_runs_dir
    from runlog.order_id_texts import NameWriter
    from settings.option_sources import with_sources
    from settings.run_settings import Settings, SettingsError
    from stack.errors import StackError
except ImportError as missing:
    sys.stderr.write(f"{missing.name or missing} is not installed here; run `make setup`, then .venv/bin/locust\n")
    sys.exit(2)

log = logging.getLogger("chaos")
LISTENERS = Listeners()
LISTENERS.watch(events)


class Harness:
    """Everything of one Locust process: the stack it uses, the run under way, how it ends."""

    def __init__(self, environment: Environment, settings: Settings) -> None:
        self.environment = environment
        self.conductor: Conductor | None = None
        self.judging = ReconcileProcess()
        self.end_code: int | None = None
        self.refused: str | None = None
        self._system = make_system(settings, _tell_stack, _place_order, _place_own_order)

    # -- the stack -------------------------------------------------------------------------------------------------

    def open(self, settings: Settings) -> str:
        """Bring the system under test into use and return the service's URL."""
        return self._system.open(settings)

    def preview(self, settings: Settings) -> Preview:
        """Say what would be used and hit; nothing is touched."""
        return self._system.preview(settings)

    def close(self) -> None:
        """Give it back; harmless when done twice."""
        self._system.close()

    def prepare(self, settings: Settings) -> SystemUnderTest:
        """See `chaos.run.ports.Harness.prepare`."""
        if self.has_own_users and settings.scenario == "phantom-event":
            raise PreflightError("--scenario phantom-event: only the harness's own users provoke phantom events")
        return self._system.prepare(settings)

    @property
    def watchdog(self) -> Watchdog:
        """See `chaos.run.ports.Harness.watchdog`."""
        return self._system.watchdog

    # -- the run ---------------------------------------------------------------------------------------------------

    def begin(self) -> Conductor | None:
        """Start a run with the options as they stand now."""
        parsed = self.parsed
        try:
            settings = settings_of_run(parsed)
        except SettingsError as error:
            log.error("%s", error)
            self.end_code, self.refused = exit_codes.USAGE_OR_CRASH, str(error)
            return None
        self.conductor = Conductor(self, settings, texts_of(parsed))
        self.conductor.start()
        return self.conductor

    def open_load(self, settings: Settings, sut: SystemUnderTest, recording: Recording) -> Load:
        """See `chaos.run.ports.Harness.open_load`."""
        names = NameWriter(recording.folder.path, sut.id_kind)
        if self.has_own_users:
            load = OwnLoad(recording.ledger, recording.clock, recording.run_key, sut.id_kind, names)
            use(load)
            return load
        spec = LoadSpec.sized(
            sut.service_url,
            settings.rate,
            settings.request_timeout,
            recording.run_key,
            contract_of(settings, phantom=settings.scenario == "phantom-event"),
            ca_file=sut.ca_file,
        )
        fire = self.environment.events.request.fire
        session = LoadSession(spec, recording.ledger, recording.clock, lambda fields: fire(**fields), names)
        Orders.session = session
        return session

    def users_running(self) -> bool:
        """See `chaos.run.ports.Harness.users_running`."""
        runner = self.environment.runner
        wanted = getattr(self.environment.shape_class, "users", USERS)
        return runner is not None and runner.user_count >= wanted

    @property
    def has_own_users(self) -> bool:
        """Whether the users are those of the user's own locustfile; they write the ledger (`load.own_attempts`)."""
        return not any(issubclass(user, OrderUser) for user in self.environment.user_classes)

    def statistics(self) -> object:
        """See `chaos.run.ports.Harness.statistics`."""
        return [entry.to_dict() for entry in self.environment.stats.entries.values()]

    def judge(self, folder: RunFolder, sut: SystemUnderTest) -> int | None:
        """See `chaos.run.ports.Harness.judge`; without a terminal to end on, the summary is shown at once."""
        code = self.judging.judge(folder, sut)
        if self.environment.web_ui is not None:
            self.print_summary()
        return code

    def cancel_judging(self) -> None:
        """See `chaos.run.ports.Harness.cancel_judging`."""
        self.judging.cancel()

    # -- the end ---------------------------------------------------------------------------------------------------

    def ask_end(self, code: int) -> None:
        """Remember the exit code that a signal asks for; after the verdict there is nothing left to interrupt."""
        if self.conductor is None or self.conductor.active:
            self.end_code = code

    def stop_run(self, reason: str, code: int) -> None:
        """Wind up a run under way and wait for it; nothing without one."""
        conductor = self.conductor
        if conductor is not None and conductor.active:
            conductor.interrupt(reason, code)
            if not conductor.finished.wait(conductor.longest_end_s):
                log.error("the run did not wind up within %g s", conductor.longest_end_s)

    def print_summary(self) -> None:
        """Print the verdict of the run. With --json, standard output belongs to Locust's JSON."""
        stream = sys.stderr if getattr(self.parsed, "json", False) else sys.stdout
        stream.write(self.judging.summary)
        stream.flush()

    @property
    def failure(self) -> str | None:
        """Why there is no verdict, None when there is one."""
        failure = None if self.conductor is None or self.judging.summary else self.conductor.failure
        return self.refused or failure

    @property
    def parsed(self) -> Namespace:
        """Locust's options as they stand now; the web form changes them."""
        return self.environment.parsed_options or Namespace(headless=False, autostart=False)


class Orders(OrderUser):
    """Creates orders at the rate of the run, however many of these users there are."""


class LoadAndChaos(ChaosShape):
    """Preflight, baseline, outage, recovery, drain, reconcile."""

    harness: Harness | None = None

    def begin(self) -> Conductor | None:
        """Start a run of this process's house."""
        return self.harness.begin() if self.harness is not None else None


@events.init_command_line_parser.add_listener
def declare_options(parser: Any) -> None:
    """Add our options to Locust's."""
    add_options(parser)


@events.init.add_listener
def move_in(environment: Environment, **_: Any) -> None:
    """Check the options, take the signals, bring the stack up, and wire Locust's events."""
    parsed = environment.parsed_options
    if parsed is None or environment.runner is None:
        return
    let_output_fail()
    try:
        settings = read_settings(parsed)
        if not settings.dry_run:
            check_runs_dir(Path(settings.runs_dir), 0)
    except (SettingsError, FolderError) as error:
        _refuse(str(error), exit_codes.USAGE_OR_CRASH if isinstance(error, SettingsError) else exit_codes.NOT_READY)
    for flag in secrets_shown(sys.argv[1:]):
        log.warning("%s: its value shows in the list of processes; use its environment variable, or @FILE", flag)
    harness = LoadAndChaos.harness = Harness(environment, settings)
    if settings.dry_run:
        preview = harness.preview(settings)
        sys.stdout.write(dry_run_text(settings, preview))
        sys.exit(exit_codes.AS_EXPECTED if preview.problem is None else exit_codes.NOT_READY)
    atexit.register(harness.close)
    door = SignalHandler(lambda: harness.conductor, harness.ask_end)
    door.install()
    try:
        environment.host = harness.open(settings)
    except (StackError, WatchdogGone, Refusal, OSError) as error:
        harness.close()
        what = "the stack cannot be brought up: " if isinstance(error, OSError) else ""
        _refuse(f"{what}{error}", exit_codes.NOT_READY)
    except KeyboardInterrupt:
        harness.close()
        sys.exit(harness.end_code or exit_codes.SIGINT)
    # Users that wait for their answers themselves must be let finish.
    patience = settings.request_timeout if harness.has_own_users else 0.0
    environment.stop_timeout = max(environment.stop_timeout or 0, patience + 2.0)
    door.web = environment.web_ui is not None
    _wire(environment, harness, settings)


def _wire(environment: Environment, harness: Harness, settings: Settings) -> None:
    hooks, ending = environment.events, ProcessEnd(environment, harness, LISTENERS, flush_output)
    LISTENERS.watch_exit_code(environment)
    set_exit_code(environment, exit_codes.USAGE_OR_CRASH)
    LISTENERS.at_end(hooks.quitting, ending.quitting)
    LISTENERS.at_end(hooks.quit, ending.printed)
    atexit.register(ending.at_exit)
    hooks.test_stop.add_listener(
        lambda **_: harness.stop_run("stopped before the plan was over", exit_codes.INCONCLUSIVE)
    )
    if environment.web_ui is not None and environment.web_ui.app is not None:
        app = environment.web_ui.app
        app.wsgi_app = HostCheck(app.wsgi_app, environment.web_ui.host, settings.allowed_host)  # type: ignore[method-assign]
        app.before_request(lambda: _check_form(environment, harness))


def _check_form(environment: Environment, harness: Harness) -> Any:
    """Refuse a wrong start form before Locust applies any field of it."""
    if request.method != "POST" or not request.path.endswith("/swarm"):
        return None
    busy = harness.conductor is not None and harness.conductor.active
    problem = check_form(request.form, harness.parsed, environment.host or "")
    if problem := "a run is under way: stop it first, or wait for its end" if busy else problem:
        return jsonify({"success": False, "message": problem, "host": environment.host})
    return None


def _tell_stack(step: str, state: str, seconds: float | None) -> None:
    level = logging.DEBUG if state == "running" else logging.INFO
    log.log(level, "stack: %s %s%s", step, state, "" if seconds is None else f" ({seconds:.1f} s)")


def _place_order(service_url: str, timeout_s: float, customer_id: Any) -> PlacedOrder:
    return _told(place_with(OrderContract(), Exchanger(service_url, 1, timeout_s), customer_id))


def _place_own_order(settings: Settings, service_url: str, customer_id: Any) -> PlacedOrder:
    return _told(place(settings, service_url, customer_id))


def _told(placed: Placed) -> PlacedOrder:
    return PlacedOrder(placed.status, placed.order_id, placed.reason)


def _refuse(message: str, code: int) -> None:
    sys.stderr.write(f"error: {with_sources(message)}\n")
    sys.exit(code)
