"""Runs the plan of one run, from preflight to drain. A failure leaves it as an exception.

Only lengths are planned: each phase begins at the marks of the fault. During a phase load, recording and monitor are
checked, so that a run that can prove nothing any more ends at once.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import gevent

from chaos.faults.watchdog.client import WatchdogGone
from chaos.monitor.client import NotProven
from chaos.run.drain_setup import drain_run, drain_task
from chaos.run.fault_injector import AlreadyDown, FaultFailed
from chaos.run.phantom_check import check_phantoms
from chaos.run.plan import Plan, PlannedOutage, RunPhase, make_plan
from chaos.run.ports import RunFailed, RunHarness
from chaos.run.run_progress import RunProgress
from chaos.run.run_setup import OpenRun, open_run
from contract.publish_horizon import Interval
from runlog import exit_codes, marks
from runlog.ledger import Phase
from runlog.marks import Mark
from settings.run_settings import Settings
from stack.process import wait_until

log = logging.getLogger("chaos")

USERS_WAIT_S: Final = 20.0
LEAD_S: Final = 0.2
STEP_S: Final = 0.05
# Longest time under load while healing has not been proven; a longer --fault-timeout extends it.
LOAD_STOPS_AFTER_S: Final = 60.0
PROGRESS_S: Final = 5.0


class PlanRunner:
    """The plan of one run while it runs.

    Args:
        settings: what the run was asked to do.
        progress: what it is doing, kept up to date.

    Attributes:
        open: everything that the run works with, None until it is open.
        plan: what it does.
    """

    def __init__(
        self,
        harness: RunHarness,
        settings: Settings,
        texts: dict[str, str],
        progress: RunProgress,
    ) -> None:
        self.open: OpenRun | None = None
        self._harness = harness
        self._settings = settings
        self._texts = texts
        self._progress = progress
        self.plan: Plan = make_plan(settings)
        self._outages: list[Interval] = []

    def run(self) -> None:
        """Run the plan.

        Raises:
            RunFailed, NotRestored, PreflightError, FolderError: why it could not run to its end.
        """
        self._begin(RunPhase.PREFLIGHT, self.plan.describe())
        run = self.open = open_run(self._harness, self._settings, self._texts, self.plan, self._progress)
        try:
            run.recording.await_monitor()
        except NotProven as error:
            raise RunFailed(str(error), exit_codes.NOT_READY) from None
        self._begin_load(run)
        for index, outage in enumerate(self.plan.outages):
            self._break(run, index, outage)
            self._recover(run, outage.recovery)
        if not self.plan.outages:
            self._recover(run, self.plan.calm)
        self._drain(run)
        if run.sut.phantom_url is not None:
            self._check_phantoms(run)

    def _begin(self, phase: RunPhase, text: str) -> None:
        self._progress.enter(phase, text)
        log.info("%s: %s", phase.value, text)

    def _recover(self, run: OpenRun, length: float) -> None:
        self._begin(RunPhase.RECOVERY, f"{length:g} s under load")
        run.load.phase = Phase.RECOVERY
        run.recording.mark_now(marks.RECOVERY)
        self._hold(run, run.recording.clock.now() + length)

    def _begin_load(self, run: OpenRun) -> None:
        self._begin(RunPhase.BASELINE, f"{self._settings.rate:g} orders/s for {self.plan.baseline:g} s")
        clock = run.recording.clock
        if not wait_until(self._harness.users_running, USERS_WAIT_S, STEP_S):
            text = f"timed out after {USERS_WAIT_S:g} s waiting for Locust's users"
            raise RunFailed(text, exit_codes.USAGE_OR_CRASH)
        begin = clock.now() + LEAD_S
        run.load.begin(begin)
        run.recording.mark(Mark(begin, marks.BASELINE))
        self._hold(run, begin + self.plan.baseline)

    def _break(self, run: OpenRun, index: int, outage: PlannedOutage) -> None:
        which = f"outage {index + 1} of {len(self.plan.outages)}: " if len(self.plan.outages) > 1 else ""
        self._begin(RunPhase.OUTAGE, f"{which}{outage.describe()}")
        clock, progress = run.recording.clock, self._progress
        run.load.phase = Phase.OUTAGE
        began = progress.edge_at = clock.now()
        progress.outage = index
        try:
            unproven = run.injector.inject(index, outage)
        except AlreadyDown as error:
            raise RunFailed(str(error), exit_codes.INCONCLUSIVE) from None
        except FaultFailed as error:
            raise RunFailed(f"the fault could not be injected: {error}", exit_codes.NOT_READY) from None
        except WatchdogGone as error:
            raise RunFailed(str(error), exit_codes.USAGE_OR_CRASH) from None
        if unproven is None:
            state = outage.fault.effect.state
            log.info("outage: %s proven %s after %.2f s", outage.target, state, clock.now() - began)
            self._hold(run, clock.now() + outage.length)
        else:
            log.warning("outage: the fault is not proven: %s", unproven)
        healing = progress.edge_at = clock.now()
        progress.ends_at, progress.text = None, f"healing the {outage.target}"
        with self._load_stops_unless_healed(run, index, outage):
            run.injector.heal()
        self._outages.append((began, clock.now()))
        log.info("outage: %s proven %s after %.2f s", outage.target, outage.fault.back, clock.now() - healing)

    @contextmanager
    def _load_stops_unless_healed(self, run: OpenRun, index: int, outage: PlannedOutage) -> Iterator[None]:
        """Stop the load if the block takes too long, until it succeeds: no orders go into a dead system."""
        limit = max(LOAD_STOPS_AFTER_S, self.plan.edge_timeout)
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            run.load.stop()
            run.recording.mark_now(marks.LOAD_STOPPED, index)
            text = "outage: %s is not proven %s %g s after healing began: no orders are sent until it is"
            log.warning(f"{text} (--fault-timeout allows longer)", outage.target, outage.fault.back, limit)

        timer = gevent.spawn_later(limit, stop)
        try:
            yield
        finally:
            timer.kill(block=False)
        if stopped:
            run.load.resume()
            run.recording.mark_now(marks.LOAD_RESUMED, index)

    def _drain(self, run: OpenRun) -> None:
        task = drain_task(run.recording, self._outages)
        past = f" and the publish horizon has passed: {task.horizon.words}" if task.horizon.seconds else ""
        self._begin(RunPhase.DRAIN, f"until nothing new comes for {task.settle:g} s{past}")
        run.load.close(run.recording.clock.now())
        drain_run(
            run.sut, run.recording, task, lambda: run.load.in_flight, self.plan.drain_timeout, progress=self._progress
        )

    def _check_phantoms(self, run: OpenRun) -> None:
        provoked = run.load.provoked
        log.info("drain: asking database and service for %d orders that were rolled back", len(provoked))
        recording = run.recording
        detail = check_phantoms(run.sut, recording.run_key, provoked)
        recording.mark(Mark(recording.clock.now(), marks.PHANTOMS_CHECKED, None, detail))

    def _hold(self, run: OpenRun, until: float) -> None:
        """Stay in the phase until `until`, and log progress every PROGRESS_S seconds."""
        recording, load = run.recording, run.load
        said = recording.clock.now()
        self._progress.ends_at = until
        while (now := recording.clock.now()) < until:
            if trouble := run.trouble:
                raise RunFailed(trouble, exit_codes.USAGE_OR_CRASH)
            if not recording.monitor.alive:
                raise RunFailed("the monitor process ended", exit_codes.USAGE_OR_CRASH)
            if run.watchdog.retired is not None:
                raise RunFailed(run.watchdog.retired, exit_codes.INCONCLUSIVE)
            if self.plan.outages and not run.watchdog.alive:
                raise RunFailed("the watchdog process ended", exit_codes.USAGE_OR_CRASH)
            if now - said >= PROGRESS_S and until - now >= 1:
                said = now
                counts, phase = load.counts, self._progress.phase.value
                level = logging.DEBUG if self._harness.at_terminal else logging.INFO
                log.log(
                    level,
                    "%s: %.0f s to go, %d sent, %d %s, %d errors, %d without an answer yet",
                    phase, until - now, counts.sent, counts.acknowledged, self._settings.asked, counts.failed,
                    load.in_flight,
                )  # fmt: skip
            gevent.sleep(min(STEP_S, until - now))
