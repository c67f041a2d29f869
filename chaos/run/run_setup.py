"""Sets up a run: checks disk space, prepares the system under test, runs preflight, and only then writes anything."""

import logging
import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import gevent

from chaos.faults.addresses import canonical
from chaos.faults.limits import Limits
from chaos.faults.restore import places, restore
from chaos.faults.targets import TargetError
from chaos.faults.watchdog.client import Watchdog, WatchdogGone
from chaos.faults.watchdog.fault_controller import LEASE
from chaos.faults.watchdog.liveness import will_be_free
from chaos.faults.watchdog.protocol import BUSY, Arm, Refusal
from chaos.faults.watchdog.work_reports import Progress, Work
from chaos.live.client import LiveCounter
from chaos.live.reader import LiveConfig
from chaos.run.fault_injector import FaultInjector
from chaos.run.plan import Plan
from chaos.run.ports import Load, RunHarness
from chaos.run.preflight import Preflight
from chaos.run.recording import Recording
from chaos.run.run_progress import Check, RunProgress
from chaos.run.topic import topic_start
from chaos.sut.sut import PreflightError, SystemUnderTest
from files.paths import reason
from health.spec import sql_address
from runlog.facts import TopicStart
from runlog.folder import check_runs_dir
from settings.run_settings import Settings
from stack.lease import Lease
from stores.kafka_client import KafkaProblem

log = logging.getLogger("chaos")

# Generous estimates of what a run writes: ledger, witnesses and reports together.
FIXED_BYTES: Final = 20 * 2**20
BYTES_PER_ORDER: Final = 1000
# How long an outage usually takes beyond its planned length: until it is proven, and until it is over.
EDGES_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The parts of one run.

    Attributes:
        watchdog: the process that owns the target.
        live: counts the run while it goes on; None where no page and no terminal shows it.
    """

    sut: SystemUnderTest
    recording: Recording
    load: Load
    injector: FaultInjector
    watchdog: Watchdog
    live: LiveCounter | None = None

    @property
    def trouble(self) -> str | None:
        """Why the run's history is incomplete, None while it is not."""
        return self.load.trouble or self.recording.trouble or self.recording.monitor.trouble or self.watchdog.unwritten


def open_run(
    harness: RunHarness, settings: Settings, texts: dict[str, str], plan: Plan, progress: RunProgress
) -> OpenRun:
    """Return a run that is ready to begin; the watchdog owns its target.

    Args:
        progress: the checks that pass are noted there.

    Raises:
        FolderError: the disk has too little space for it.
        PreflightError: a check failed; nothing was broken and nothing written.
    """
    need = FIXED_BYTES + int(settings.rate * plan.load_seconds * BYTES_PER_ORDER)
    check_runs_dir(Path(settings.runs_dir), need)
    sut = harness.prepare(settings)
    watchdog = harness.watchdog
    heal_earlier(sut, settings, later=bool(plan.outages))
    with ExitStack() as undo:
        if plan.outages:
            arm_watchdog(watchdog, sut, settings)
        undo.callback(release, watchdog)
        proven = Preflight(sut, plan, partial(_note, progress)).run()
        recording = Recording(settings, sut, _start_of(sut), proven, texts)
        undo.callback(recording.in_use.close)
        undo.callback(recording.close, [])
        folder = recording.folder
        log.info("run %s: all its files are in %s", folder.run_id, Path(settings.runs_dir) / folder.run_id)
        live = start_live_counter(harness, sut, recording, plan) if harness.watched else None
        if live is not None:
            undo.callback(live.close)
        load = harness.open_load(settings, sut, recording)
        undo.pop_all()
    injector = FaultInjector(
        executor=watchdog,
        monitor=recording.monitor,
        clock=recording.clock,
        run_id=folder.run_id,
        marks=folder.marks,
        edge_timeout=plan.edge_timeout,
    )
    return OpenRun(sut, recording, load, injector, watchdog, live)


def start_live_counter(
    harness: RunHarness, sut: SystemUnderTest, recording: Recording, plan: Plan
) -> LiveCounter | None:
    """Start what counts the run while it goes on; None where it cannot be started: no run depends on it."""
    config = LiveConfig(
        folder=str(recording.folder.path),
        client=sut.kafka,
        database_url=sut.database_url if sut.contract.table.outbox else "",
        planned_s=plan.load_seconds + EDGES_S * len(plan.outages) + plan.settle,
        draws=harness.draws,
    )
    try:
        return LiveCounter(config, recording.folder.logs / "live.log")
    except OSError as error:
        log.warning("nothing is counted while the run goes on: %s", reason(error))
        return None


def _start_of(sut: SystemUnderTest) -> TopicStart:
    try:
        start = topic_start(sut.kafka, sut.topic)
    except KafkaProblem as error:
        raise PreflightError(f"topic {sut.topic}: {error}") from None
    if start is None:
        raise PreflightError(f"topic {sut.topic}: it existed a moment ago and is gone; keep it while a run goes on")
    return start


def heal_earlier(sut: SystemUnderTest, settings: Settings, *, later: bool) -> None:
    """Heal faults that an earlier run left on any part of this system.

    Args:
        later: whether the watchdog will heal the target of this run, with the commands of this run.

    Raises:
        PreflightError: healing is not proven; the message names the run that broke the part, and when.
    """
    addresses = _addresses(sut)
    for place in places():
        left = place.fault
        if left is None or left.recipe is None or (later and place.folder == sut.state_dir):
            continue
        if left.recipe.stack_home or canonical(left.recipe.address) not in addresses:
            continue
        try:
            done = restore(place, Limits(settings.command_timeout, settings.fault_timeout), line=log.info)
        except TargetError as error:
            raise PreflightError(f"{left.sentence()} is not healed: {error}") from None
        log.warning("preflight: %s", done)


def _addresses(sut: SystemUnderTest) -> set[str]:
    """Return the addresses of broker, database and service, each in one spelling."""
    service = {sut.service_url, sut.health_url or sut.service_url}
    with suppress(ValueError):  # preflight reports a connection string that cannot be parsed
        service.add(sql_address(sut.database_url))
    return {canonical(address) for address in (*service, sut.kafka["bootstrap.servers"])}


def arm_watchdog(watchdog: Watchdog, sut: SystemUnderTest, settings: Settings) -> None:
    """Have the watchdog take the target's lease and heal a fault that an earlier run left there.

    While the watchdog of a dead harness heals, this waits for it; a frozen one is replaced.

    Raises:
        PreflightError: another run uses the target, or healing an earlier fault is not proven.
    """
    arm = Arm(
        harness=os.getpid(),
        target=sut.spec,
        probe=sut.probe,
        recipe=sut.recipe,
        folder=str(sut.state_dir),
        max_outage=settings.max_outage,
        limits=Limits(settings.command_timeout, settings.fault_timeout),
    )
    lease = Lease(sut.state_dir / LEASE)
    begun = time.monotonic()
    progress = Progress(log.info)
    while True:
        try:
            watchdog.start()
            healed = watchdog.arm(arm)
            break
        except (Refusal, WatchdogGone) as error:
            waited = Work(
                f"preflight: watchdog {lease.holder()} of a dead harness still heals this target",
                time.monotonic() - begun,
                arm.limits.healing,
            )
            busy = isinstance(error, Refusal) and error.why == BUSY
            if not busy or waited.seconds >= waited.limit or not will_be_free(lease):
                raise PreflightError(f"target: {error}") from None
            progress(waited)
            gevent.sleep(0.2)
    if healed is not None:
        log.warning("preflight: healed %s", healed)


def release(watchdog: Watchdog) -> None:
    """Have the watchdog give up the target; one that has ended owns it no longer."""
    try:
        watchdog.disarm()
    except (Refusal, WatchdogGone) as error:
        log.warning("%s", error)


def _note(progress: RunProgress, check: Check) -> None:
    progress.checks.append(check)
    log.info("preflight: %s ok (%s)", check.name, check.detail)
