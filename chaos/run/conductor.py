"""The conductor: takes one run through its phases, and winds it up in order however it ends.

Two greenlets beside Locust's: one runs the plan (`chaos.run.plan_runner`) and is the only one that an interrupt stops;
the other waits for it and winds up. The shape only reads the phase. Whatever cuts the plan short (an interrupt, a fault
that fails, a full disk), winding up always stops the load, heals the target, proves that it serves again, keeps the
history and has it judged.
"""

import logging
import time
from typing import Final

import gevent
from gevent.event import Event

from chaos.faults.limits import Limits
from chaos.run.fault_injector import NotRestored
from chaos.run.plan import Plan, RunPhase
from chaos.run.plan_runner import PlanRunner
from chaos.run.ports import Interrupted, RunFailed, RunHarness
from chaos.run.run_progress import RunProgress
from chaos.run.run_setup import OpenRun, release
from chaos.sut.health_checks import await_healthy
from chaos.sut.sut import PreflightError
from runlog import exit_codes, marks
from runlog.folder import FolderError
from settings.option_sources import with_sources
from settings.run_settings import Settings

log = logging.getLogger("chaos")

GRACE_S: Final = 2.0
# A service may need a moment to find its database or broker again.
HEALTHY_WAIT_S: Final = 30.0
JUDGE_S: Final = 300.0


class Conductor:
    """One run.

    Args:
        settings: what the run was asked to do.
    """

    def __init__(self, harness: RunHarness, settings: Settings, texts: dict[str, str]) -> None:
        self.progress = RunProgress()
        self.exit_code: int | None = None
        self.finished = Event()
        self._harness = harness
        self.settings = settings
        self._limits = Limits(settings.command_timeout, settings.fault_timeout)
        self._plan_runner = PlanRunner(harness, settings, texts, self.progress)
        self.not_restored = False
        self._codes: list[int] = []
        self._runner: gevent.Greenlet | None = None
        self._completed = False
        self._interrupted = float("-inf")
        self._cut: tuple[str, str, int] | None = None
        self._judged = False

    @property
    def phase(self) -> RunPhase:
        """The phase of the run."""
        return self.progress.phase

    @property
    def plan(self) -> Plan:
        """What the run does, as planned."""
        return self._plan_runner.plan

    @property
    def open(self) -> OpenRun | None:
        """The parts of the run; None until it is open."""
        return self._plan_runner.open

    @property
    def failure(self) -> str | None:
        """Why the plan did not run to its end; None while nothing has cut it short."""
        return None if self._cut is None else self._cut[1]

    def start(self) -> None:
        """Begin the run; returns at once."""
        self._runner = gevent.spawn(self._run_plan)
        gevent.spawn(self._run, self._runner)

    @property
    def longest_end_s(self) -> float:
        """How long winding up may take, seconds: healing twice, the check of all parts, and judging."""
        return self._limits.answer + HEALTHY_WAIT_S + JUDGE_S

    @property
    def active(self) -> bool:
        """Whether the run has begun and not yet ended."""
        return self._runner is not None and not self.finished.is_set()

    def interrupt(self, reason: str, exit_code: int, *, at_once: bool = False) -> None:
        """Ask the run to end: the load stops, the target is healed, the history is saved and judged. Returns at once.

        Asking again while the run winds up changes nothing: healing is never cut short. Judging is, because a run can
        be judged later.

        Args:
            at_once: judging ends even right after the request that ended the load.
        """
        if self.active and self.phase is RunPhase.RECONCILE:
            if not at_once and time.monotonic() - self._interrupted < GRACE_S:
                # A supervisor that signals twice, or signals a process group, does not mean to skip judging.
                return
            self._codes.append(exit_code)
            log.warning("%s: not judging the run", reason)
            self._harness.cancel_judging()
        elif self._runner is not None and not self._runner.ready() and self._cut is None:
            log.warning("%s: ending the run, healing the target first", reason)
            self._cut = (marks.INTERRUPTED, reason, exit_code)
            self._interrupted = time.monotonic()
            self._runner.kill(Interrupted(), block=False)

    def worsen(self, mark: str, reasons: list[str], code: int) -> None:
        """Record as marks what makes the exit code of a finished run worse, and judge it again to match.

        Args:
            reasons: one sentence a mark.
        """
        self._codes.append(code)
        run = self._plan_runner.open
        if run is not None:
            for reason in reasons:
                run.recording.mark_now(mark, reason=reason, exit_code=code)
            if self._judged:
                self._judge_again(run)
        self.exit_code = exit_codes.strongest(self._codes, self.not_restored)

    def _run(self, runner: gevent.Greenlet) -> None:
        """Wait for the plan runner, then wind up: no other code holds this greenlet, so nothing can interrupt it."""
        runner.join()
        try:
            if not self._completed:
                self._cut_short(
                    *(self._cut or (marks.FAILED, "the run ended without giving a reason", exit_codes.USAGE_OR_CRASH))
                )
            self._wind_up()
        finally:
            self.exit_code = exit_codes.strongest(self._codes or [exit_codes.USAGE_OR_CRASH], self.not_restored)
            self.progress.enter(RunPhase.DONE, "")
            self.finished.set()

    def _run_plan(self) -> None:
        """Run the plan; whatever ends it early becomes `_cut`, unless an interrupt came first."""
        why: tuple[str, int] | None = None
        try:
            self._plan_runner.run()
            self._completed = True
        except Interrupted:
            return
        except RunFailed as failure:
            why = str(failure), failure.exit_code
        except NotRestored as failure:
            # Winding up tries once more, and reports NOT RESTORED if that fails too.
            why = str(failure), exit_codes.NOT_READY
        except (PreflightError, FolderError) as failure:
            why = f"preflight: {with_sources(str(failure))}", exit_codes.NOT_READY
        except Exception as crash:
            log.exception("the harness crashed")
            why = f"the harness crashed: {crash!r}", exit_codes.USAGE_OR_CRASH
        if why is not None and self._cut is None:
            self._cut = (marks.FAILED, *why)

    def _cut_short(self, name: str, reason: str, exit_code: int) -> None:
        """Record that the plan was not completed."""
        self.progress.cut.add(self.progress.phase)
        self.progress.ends_at = None
        self._codes.append(exit_code)
        if name == marks.FAILED:
            log.error("%s", reason)
        run = self._plan_runner.open
        if run is not None:
            run.recording.mark_now(name, reason=reason, exit_code=exit_code)

    def _wind_up(self) -> None:
        """Stop the load, heal, check, save, judge: in this order, each even if the one before failed."""
        run = self._plan_runner.open
        if run is None:
            return
        for step in (self._stop_load, self._heal, self._check_health, self._end_counting, self._save, self._judge):
            try:
                step(run)
            except Exception as error:
                log.exception("a step of the run's end failed")
                self._fail(run, f"a step of the run's end failed: {error!r}", exit_codes.USAGE_OR_CRASH)
        run.recording.in_use.close()

    def _fail(self, run: OpenRun, reason: str, code: int, *, not_restored: bool = False) -> None:
        """Record a failure as a mark too: the report must reach the same exit code."""
        self._codes.append(code)
        detail = {"not_restored": True} if not_restored else {}
        run.recording.mark_now(marks.FAILED, None, reason=reason, exit_code=code, **detail)

    def _stop_load(self, run: OpenRun) -> None:
        run.load.close(run.recording.clock.now())

    def _end_counting(self, run: OpenRun) -> None:
        # From here on nothing probes or counts any more: what is shown says so.
        self.progress.enter(RunPhase.RECONCILE, "saving the history")
        if run.live is not None:
            run.live.close()

    def _save(self, run: OpenRun) -> None:
        run.load.finish(in_order=True)
        run.recording.close(self._harness.statistics())
        if trouble := run.trouble:
            log.error("the history is incomplete: %s", trouble)
            self._fail(run, f"the history is incomplete: {trouble}", exit_codes.USAGE_OR_CRASH)

    def _judge(self, run: OpenRun) -> None:
        text = "comparing ledger, PostgreSQL and Kafka"
        self.progress.enter(RunPhase.RECONCILE, text)
        log.info("%s: %s", RunPhase.RECONCILE.value, text)
        code = self._harness.judge(run.recording.folder, run.sut)
        self._judged = code is not None
        if not run.recording.folder.report.is_file():
            self.progress.cut.add(RunPhase.RECONCILE)
        self._codes += [] if code is None else [code]

    def _judge_again(self, run: OpenRun) -> None:
        try:
            self._judge(run)
        except Exception:
            log.exception("the run could not be judged again")
            self._codes.append(exit_codes.USAGE_OR_CRASH)
        self.progress.enter(RunPhase.DONE, "")

    def _heal(self, run: OpenRun) -> None:
        try:
            if run.injector.broken:
                run.injector.heal()
                log.info("the target is proven healed")
        except Exception as error:
            # Whatever went wrong: the target is not proven healed.
            log.debug("healing failed", exc_info=True)
            self.not_restored = True
            log.error("NOT RESTORED: %s", error)
            self._fail(run, str(error), exit_codes.NOT_READY, not_restored=True)
        else:
            # If healing failed, the watchdog keeps the target and tries again when this process ends.
            release(run.watchdog)

    def _check_health(self, run: OpenRun) -> None:
        """Check health after the run; unhealthy components are logged and set exit code 4."""
        if self.not_restored:
            return
        unhealthy = await_healthy(run.sut, HEALTHY_WAIT_S)
        run.recording.mark_now(marks.HEALTH_CHECKED, complete=not unhealthy, missing=unhealthy)
        if unhealthy:
            reason = "not healthy after the run: " + "; ".join(unhealthy)
            log.error("%s", reason)
            self._fail(run, reason, exit_codes.NOT_READY)
        else:
            log.info("all components are up and healthy")
