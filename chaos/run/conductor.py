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
from chaos.run.plan import RunPhase
from chaos.run.plan_runner import PlanRunner
from chaos.run.ports import Harness, Interrupted, RunFailed
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
        house: see `Harness`.
        settings: what the run was asked to do.
        texts: the options as given.
    """

    def __init__(self, harness: Harness, settings: Settings, texts: dict[str, str]) -> None:
        self.phase = RunPhase.IDLE
        self.exit_code: int | None = None
        self.finished = Event()
        self._harness = harness
        self._limits = Limits(settings.command_timeout, settings.fault_timeout)
        self._playing = PlanRunner(harness, settings, texts, self._enter)
        self.not_restored = False
        self._codes: list[int] = []
        self._player: gevent.Greenlet | None = None
        self._completed = False
        self._interrupted = float("-inf")
        self._cut: tuple[str, str, int] | None = None
        self._judged = False

    @property
    def failure(self) -> str | None:
        """Why the plan was not played to its end, None while nothing has cut it short."""
        return None if self._cut is None else self._cut[1]

    def start(self) -> None:
        """Begin the run; returns at once."""
        self._player = gevent.spawn(self._play_or_say_why_not)
        gevent.spawn(self._run, self._player)

    @property
    def longest_end_s(self) -> float:
        """How long winding up may take, seconds: healing twice, the check of all parts, and judging."""
        return self._limits.answer + HEALTHY_WAIT_S + JUDGE_S

    @property
    def active(self) -> bool:
        """Whether the run has begun and not yet ended."""
        return self._player is not None and not self.finished.is_set()

    def interrupt(self, reason: str, exit_code: int) -> None:
        """Ask the run to end: it stops the load, mends the target, keeps the history, and is judged. Returns at once.

        Asking again while it winds up changes nothing: mending is never cut short. Only judging is, because it can be
        made up for at any time.
        """
        if self.active and self.phase is RunPhase.RECONCILE:
            if time.monotonic() - self._interrupted < GRACE_S:
                # A supervisor that signals twice, or a whole process group, does not mean the verdict.
                return
            self._codes.append(exit_code)
            log.warning("%s: not judging the run", reason)
            self._harness.cancel_judging()
        elif self._player is not None and not self._player.ready() and self._cut is None:
            log.warning("%s: ending the run, healing the target first", reason)
            self._cut = (marks.INTERRUPTED, reason, exit_code)
            self._interrupted = time.monotonic()
            self._player.kill(Interrupted(), block=False)

    def worsen(self, mark: str, reasons: list[str], code: int) -> None:
        """Note as marks what makes the exit code of a run that is over worse, and have its report say the same.

        Args:
            mark: name of the marks.
            reasons: one sentence a mark.
            code: exit code of each.
        """
        self._codes.append(code)
        run = self._playing.open
        if run is not None:
            for reason in reasons:
                run.recording.mark_now(mark, reason=reason, exit_code=code)
            if self._judged:
                self._judge_again(run)
        self.exit_code = exit_codes.strongest(self._codes, self.not_restored)

    def _run(self, player: gevent.Greenlet) -> None:
        """Wait for the player, then wind up: in a greenlet that no other code holds, so nothing can interrupt it."""
        player.join()
        try:
            if not self._completed:
                self._cut_short(
                    *(self._cut or (marks.FAILED, "the run ended without a word", exit_codes.USAGE_OR_CRASH))
                )
            self._wind_up()
        finally:
            self.exit_code = exit_codes.strongest(self._codes or [exit_codes.USAGE_OR_CRASH], self.not_restored)
            self.phase = RunPhase.DONE
            self.finished.set()

    def _play_or_say_why_not(self) -> None:
        """Play the plan; whatever ends it early becomes `_cut`, unless an interrupt has done so already."""
        why: tuple[str, int] | None = None
        try:
            self._playing.play()
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
        """Note that the plan was not completed."""
        self._codes.append(exit_code)
        if name == marks.FAILED:
            log.error("%s", reason)
        run = self._playing.open
        if run is not None:
            run.recording.mark_now(name, reason=reason, exit_code=exit_code)

    def _wind_up(self) -> None:
        """Stop the load, heal, keep, judge: in this order, each whether or not the one before succeeded."""
        run = self._playing.open
        if run is None:
            return
        for step in (self._stop_load, self._mend, self._check_health, self._keep, self._judge):
            try:
                step(run)
            except Exception as error:
                log.exception("a step of the run's end failed")
                self._fail(run, f"a step of the run's end failed: {error!r}", exit_codes.USAGE_OR_CRASH)
        run.recording.in_use.close()

    def _fail(self, run: OpenRun, reason: str, code: int, *, not_restored: bool = False) -> None:
        """Note a failure as a mark too: the report must come to the same exit code."""
        self._codes.append(code)
        detail = {"not_restored": True} if not_restored else {}
        run.recording.mark_now(marks.FAILED, None, reason=reason, exit_code=code, **detail)

    def _stop_load(self, run: OpenRun) -> None:
        run.load.close(run.recording.clock.now())

    def _keep(self, run: OpenRun) -> None:
        run.load.finish(in_order=True)
        run.recording.close(self._harness.statistics())
        if trouble := run.load.trouble or run.recording.trouble or run.recording.watch.trouble:
            log.error("the history is incomplete: %s", trouble)
            self._fail(run, f"the history is incomplete: {trouble}", exit_codes.USAGE_OR_CRASH)

    def _judge(self, run: OpenRun) -> None:
        self._enter(RunPhase.RECONCILE, "comparing ledger, PostgreSQL and Kafka")
        code = self._harness.judge(run.recording.folder, run.sut)
        self._judged = code is not None
        self._codes += [] if code is None else [code]

    def _judge_again(self, run: OpenRun) -> None:
        try:
            self._judge(run)
        except Exception:
            log.exception("the run could not be judged again")
            self._codes.append(exit_codes.USAGE_OR_CRASH)
        self.phase = RunPhase.DONE

    def _mend(self, run: OpenRun) -> None:
        try:
            if run.injector.broken:
                run.injector.heal()
                log.info("the target is proven back")
        except Exception as error:
            # Whatever went wrong: the target is not proven back.
            log.debug("healing failed", exc_info=True)
            self.not_restored = True
            log.error("NOT RESTORED: %s", error)
            self._fail(run, str(error), exit_codes.NOT_READY, not_restored=True)
        else:
            # Where healing failed the watchdog keeps the target in its charge, and tries again at our end.
            release(run.watchdog)

    def _check_health(self, run: OpenRun) -> None:
        """Check health after the run; unhealthy components are logged and set exit code 4."""
        if self.not_restored:
            return
        sick = await_healthy(run.sut, HEALTHY_WAIT_S)
        run.recording.mark_now(marks.HEALTH_CHECKED, complete=not sick, missing=sick)
        if sick:
            reason = "not healthy after the run: " + "; ".join(sick)
            log.error("%s", reason)
            self._fail(run, reason, exit_codes.NOT_READY)
        else:
            log.info("all components are up and healthy")

    def _enter(self, phase: RunPhase, text: str) -> None:
        self.phase = phase
        log.info("%s: %s", phase.value, text)
