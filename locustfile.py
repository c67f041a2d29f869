"""The one file that Locust loads: it connects stack, load, chaos and reconcile to one run.

    locust                web UI on loopback; Start runs the plan
    locust --headless     the same without a browser, for CI

Options are declared in `settings/`, the phases of a run in `chaos/run/conductor.py`, its judgement in `reconcile/`.
"""

import atexit
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Any

try:
    from locust import events
    from locust.env import Environment

    from chaos.faults.watchdog.client import WatchdogGone
    from chaos.faults.watchdog.protocol import Refusal
    from chaos.run.command_line import (
        add_options,
        read_settings,
        secrets_shown,
    )
    from chaos.run.conductor import Conductor
    from chaos.run.dry_run import dry_run_text
    from chaos.run.exit_code_listeners import Listeners, set_exit_code
    from chaos.run.harness import Harness
    from chaos.run.log_output import quieten_locust
    from chaos.run.process_end import ProcessEnd
    from chaos.run.recording import Recording
    from chaos.run.shape import ChaosShape
    from chaos.run.signal_handler import SignalHandler
    from chaos.run.web_access import port_problem
    from chaos.sut.selection import System, make_system
    from chaos.sut.sut import SystemUnderTest
    from files.output_streams import flush_output, let_output_fail
    from load.load_session import LoadSession, LoadSpec
    from load.order_user import OrderUser
    from load.own_attempts import OwnLoad, use
    from load.placed_orders import contract_of, place
    from runlog import exit_codes
    from runlog.folder import FolderError, check_runs_dir
    from runlog.order_id_texts import OrderIdTextWriter
    from settings.option_sources import with_sources
    from settings.run_settings import Settings, SettingsError
    from stack.errors import StackError
    from webui.install import install
except ImportError as missing:
    sys.stderr.write(f"{missing.name or missing} is not installed here; run `make setup`, then .venv/bin/locust\n")
    sys.exit(2)

log = logging.getLogger("chaos")
LISTENERS = Listeners()
LISTENERS.watch(events)


class Orders(OrderUser):
    """Creates orders at the rate of the run, however many of these users there are."""


class LoadAndChaos(ChaosShape):
    """Preflight, baseline, outage, recovery, drain, reconcile."""

    harness: Harness | None = None

    def begin(self) -> Conductor | None:
        """Start a run of this process's harness."""
        return self.harness.begin() if self.harness is not None else None


@events.init_command_line_parser.add_listener
def declare_options(parser: Any) -> None:
    add_options(parser)


@events.init.add_listener
def set_up(environment: Environment, **_: Any) -> None:
    """Check the options, install the signal handlers, start the stack, and connect Locust's events."""
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
    web = environment.web_ui
    if web is not None and not settings.dry_run and (problem := port_problem(web.host, web.port)):
        _refuse(problem, exit_codes.NOT_READY)
    quieten_locust(settings.locust_output)
    for flag in secrets_shown(sys.argv[1:]):
        log.warning("%s: its value shows in the list of processes; use its environment variable, or @FILE", flag)
    own_users = not any(issubclass(user, OrderUser) for user in environment.user_classes)
    system = make_system(settings, _log_stack, place)
    open_load = _open_own_load if own_users else partial(_open_load, environment)
    harness = LoadAndChaos.harness = Harness(environment, system, open_load, own_users=own_users)
    if settings.dry_run:
        preview = system.preview(settings)
        sys.stdout.write(dry_run_text(settings, preview))
        sys.exit(exit_codes.AS_EXPECTED if preview.problem is None else exit_codes.NOT_READY)
    atexit.register(system.close)
    signals = SignalHandler(lambda: harness.conductor, harness.ask_end)
    signals.install()
    try:
        environment.host = system.open(settings)
    except (StackError, WatchdogGone, Refusal, OSError) as error:
        _release(system)
        what = "the stack cannot be started: " if isinstance(error, OSError) else ""
        _refuse(f"{what}{error}", exit_codes.NOT_READY)
    except KeyboardInterrupt:
        _release(system)
        sys.exit(harness.end_code or exit_codes.SIGINT)
    # Users of their own locustfile wait for their answers themselves and need time to finish.
    patience = settings.request_timeout if harness.own_users else 0.0
    environment.stop_timeout = max(environment.stop_timeout or 0, patience + 2.0)
    signals.web = environment.web_ui is not None
    _connect(environment, harness, settings)


def _connect(environment: Environment, harness: Harness, settings: Settings) -> None:
    hooks, end = environment.events, ProcessEnd(environment, harness, LISTENERS, flush_output)
    LISTENERS.watch_exit_code(environment)
    set_exit_code(environment, exit_codes.USAGE_OR_CRASH)
    LISTENERS.at_end(hooks.quitting, end.quitting)
    LISTENERS.at_end(hooks.quit, end.printed)
    atexit.register(end.at_exit)
    hooks.test_stop.add_listener(
        lambda **_: harness.stop_run("stopped before the plan was over", exit_codes.INCONCLUSIVE)
    )
    if environment.web_ui is not None and environment.web_ui.app is not None:
        install(harness, environment.web_ui, settings.allowed_host)


def _open_load(environment: Environment, settings: Settings, sut: SystemUnderTest, recording: Recording) -> LoadSession:
    spec = LoadSpec(
        sut.service_url,
        settings.rate,
        settings.request_timeout,
        recording.run_key,
        contract_of(settings, phantom=settings.scenario == "phantom-event"),
        ca_file=sut.ca_file,
    )
    fire = environment.events.request.fire
    names = OrderIdTextWriter(recording.folder.path, sut.contract.id_kind)
    Orders.session = LoadSession(spec, recording.ledger, recording.clock, lambda fields: fire(**fields), names)
    return Orders.session


def _open_own_load(settings: Settings, sut: SystemUnderTest, recording: Recording) -> OwnLoad:
    names = OrderIdTextWriter(recording.folder.path, sut.contract.id_kind)
    load = OwnLoad(recording.ledger, recording.clock, recording.run_key, sut.contract.id_kind, names)
    use(load)
    return load


def _log_stack(step: str, state: str, seconds: float | None) -> None:
    level = logging.DEBUG if state == "running" else logging.INFO
    log.log(level, "stack: %s %s%s", step, state, "" if seconds is None else f" ({seconds:.1f} s)")


def _release(system: System) -> None:
    try:
        system.close()
    except StackError as error:
        _refuse(str(error), exit_codes.USAGE_OR_CRASH)


def _refuse(message: str, code: int) -> None:
    sys.stderr.write(f"error: {with_sources(message)}\n")
    sys.exit(code)
