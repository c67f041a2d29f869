"""The conductor: takes one run through its phases, and winds it up in order however it ends.

Two greenlets beside Locust's: one plays the plan, and an interrupt strikes only that one; the other waits for it and
winds up. The shape only reads the phase. Whatever cuts the plan short (an interrupt, a fault that fails, a full disk),
winding up always stops the load, mends the target, proves it back, keeps the history and lets it be judged.
"""

import logging
import time
from typing import Final

import gevent
from gevent.event import Event

from chaos.actor import AlreadyDown, NotRestored
from chaos.drain import Drain
from chaos.house import House, Interrupted, RunFailed
from chaos.journal import Journal
from chaos.opening import OpenRun, open_run
from chaos.plan import Outage, Plan, RunPhase, make_plan
from chaos.preflight import PreflightError
from chaos.targets import TargetError
from chaos.watch import NotProven
from runlog import exitcodes, marks
from runlog.folder import FolderError
from runlog.ledger import Phase
from runlog.marks import Mark
from runlog.settings import Settings

log = logging.getLogger("chaos")

USERS_WAIT_S: Final = 20.0
LEAD_S: Final = 0.2
STEP_S: Final = 0.05
PROGRESS_S: Final = 5.0
GRACE_S: Final = 2.0


class Conductor:
    """One run.

    Args:
        house: see `House`.
        settings: what the run was asked to do.
        texts: the options as given.
        journal: of the stack.
    """

    def __init__(self, house: House, settings: Settings, texts: dict[str, str], journal: Journal) -> None:
        self.phase = RunPhase.IDLE
        self.exit_code: int | None = None
        self.finished = Event()
        self._house = house
        self._settings = settings
        self._texts = texts
        self._journal = journal
        self._plan: Plan = make_plan(settings)
        self._open: OpenRun | None = None
        self.not_restored = False
        self._codes: list[int] = []
        self._player: gevent.Greenlet | None = None
        self._completed = False
        self._interrupted = float("-inf")
        self._cut: tuple[str, str, int] | None = None

    def start(self) -> None:
        """Begin the run; returns at once."""
        self._player = gevent.spawn(self._play_or_say_why_not)
        gevent.spawn(self._run, self._player)

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
            self._house.cancel_judging()
        elif self._player is not None and not self._player.ready() and self._cut is None:
            log.warning("%s: ending the run, mending the target first", reason)
            self._cut = (marks.INTERRUPTED, reason, exit_code)
            self._interrupted = time.monotonic()
            self._player.kill(Interrupted(), block=False)

    def _run(self, player: gevent.Greenlet) -> None:
        """Wait for the player, then wind up: in a greenlet of its own that nobody knows, so nothing can strike it."""
        player.join()
        try:
            if not self._completed:
                self._cut_short(
                    *(self._cut or (marks.FAILED, "the run ended without a word", exitcodes.USAGE_OR_CRASH))
                )
            self._wind_up()
        finally:
            self.exit_code = exitcodes.strongest(self._codes or [exitcodes.USAGE_OR_CRASH], self.not_restored)
            self.phase = RunPhase.DONE
            self.finished.set()

    def _play_or_say_why_not(self) -> None:
        """Play the plan; whatever ends it early becomes `_cut`, unless an interrupt has done so already."""
        why: tuple[str, int] | None = None
        try:
            self._play()
            self._completed = True
        except Interrupted:
            return
        except RunFailed as failure:
            why = str(failure), failure.exit_code
        except NotRestored as failure:
            # Winding up tries once more, and says NOT RESTORED when that is in vain too.
            why = str(failure), exitcodes.NOT_READY
        except (PreflightError, FolderError) as failure:
            why = f"preflight: {failure}", exitcodes.NOT_READY
        except Exception as crash:
            log.exception("the harness crashed")
            why = f"the harness crashed: {crash!r}", exitcodes.USAGE_OR_CRASH
        if why is not None and self._cut is None:
            self._cut = (marks.FAILED, *why)

    def _play(self) -> None:
        """The plan, from preflight to drain."""
        self._enter(RunPhase.PREFLIGHT, self._plan.describe())
        run = self._open = open_run(self._house, self._settings, self._texts, self._plan, self._journal)
        try:
            run.recording.await_lookout()
        except NotProven as error:
            raise RunFailed(str(error), exitcodes.NOT_READY) from None
        self._begin_load(run)
        for index, outage in enumerate(self._plan.outages):
            self._break(run, index, outage)
            self._enter(RunPhase.RECOVERY, f"{outage.recovery:g} s under load")
            run.load.phase = Phase.RECOVERY
            run.recording.mark_now(marks.RECOVERY)
            self._hold(run, run.recording.clock.now() + outage.recovery)
        self._drain(run)

    def _begin_load(self, run: OpenRun) -> None:
        self._enter(RunPhase.BASELINE, f"{self._settings.rate:g} orders/s for {self._plan.baseline:g} s")
        clock = run.recording.clock
        deadline = clock.now() + USERS_WAIT_S
        while not self._house.users_running():
            if clock.now() > deadline:
                raise RunFailed(f"waited {USERS_WAIT_S:g} s in vain for Locust's users", exitcodes.USAGE_OR_CRASH)
            gevent.sleep(STEP_S)
        begin = clock.now() + LEAD_S
        run.load.begin(begin)
        run.recording.mark(Mark(begin, marks.BASELINE))
        self._hold(run, begin + self._plan.baseline)

    def _break(self, run: OpenRun, index: int, outage: Outage) -> None:
        self._enter(RunPhase.OUTAGE, f"{outage.fault} {outage.target} for {outage.length:g} s")
        clock = run.recording.clock
        run.load.phase = Phase.OUTAGE
        began = clock.now()
        try:
            unproven = run.actor.inject(index, outage)
        except AlreadyDown as error:
            raise RunFailed(str(error), exitcodes.INCONCLUSIVE) from None
        except (TargetError, OSError) as error:
            raise RunFailed(f"the fault could not be done: {error}", exitcodes.NOT_READY) from None
        if unproven is None:
            log.info("outage: %s proven down after %.2f s", outage.target, clock.now() - began)
            self._hold(run, clock.now() + outage.length)
        else:
            log.warning("outage: the fault is not proven: %s", unproven)
        began = clock.now()
        run.actor.heal()
        log.info("outage: %s proven back after %.2f s", outage.target, clock.now() - began)

    def _drain(self, run: OpenRun) -> None:
        self._enter(RunPhase.DRAIN, f"until nothing new comes for {self._plan.settle:g} s")
        recording = run.recording
        run.load.close(recording.clock.now())
        recording.mark_now(marks.DRAIN)
        drain = Drain(
            subject=run.subject,
            run_key=recording.run_key,
            watch=recording.watch,
            clock=recording.clock,
            in_flight=lambda: run.load.in_flight,
            settle=self._plan.settle,
        )
        result = drain.run(self._plan.drain_timeout, lambda text: log.info("drain: %s", text))
        recording.mark_now(marks.DRAINED, complete=result.complete, missing=list(result.missing))
        if not result.complete:
            log.warning("drain: not over after %g s: %s", self._plan.drain_timeout, "; ".join(result.missing))

    def _hold(self, run: OpenRun, until: float) -> None:
        """Stay in the phase until `until`, telling now and then how it goes."""
        recording, load = run.recording, run.load
        told = recording.clock.now()
        while (now := recording.clock.now()) < until:
            if trouble := load.trouble or recording.trouble or recording.watch.trouble:
                raise RunFailed(trouble, exitcodes.USAGE_OR_CRASH)
            if not recording.watch.alive:
                raise RunFailed("the lookout process ended", exitcodes.USAGE_OR_CRASH)
            if now - told >= PROGRESS_S and until - now >= 1:
                told = now
                counts = load.counts
                log.info(
                    "%s: %.0f s to go, %d sent, %d acknowledged, %d failed, %d without an answer yet",
                    self.phase.value, until - now, counts.sent, counts.acknowledged, counts.failed, load.in_flight,
                )  # fmt: skip
            gevent.sleep(min(STEP_S, until - now))

    def _cut_short(self, name: str, reason: str, exit_code: int) -> None:
        """Note that the plan was not completed."""
        self._codes.append(exit_code)
        if name == marks.FAILED:
            log.error("%s", reason)
        if self._open is not None:
            self._open.recording.mark_now(name, reason=reason, exit_code=exit_code)

    def _wind_up(self) -> None:
        """Stop the load, mend, keep, judge: in this order, each whatever became of the one before."""
        if self._open is None:
            return
        for step in (self._stop_load, self._mend, self._keep, self._judge):
            try:
                step(self._open)
            except Exception:
                log.exception("winding up went wrong")
                self._codes.append(exitcodes.USAGE_OR_CRASH)

    def _stop_load(self, run: OpenRun) -> None:
        run.load.close(run.recording.clock.now())

    def _keep(self, run: OpenRun) -> None:
        run.load.finish(in_order=True)
        run.recording.close(self._house.statistics())
        if trouble := run.load.trouble or run.recording.trouble or run.recording.watch.trouble:
            log.error("the history is not whole: %s", trouble)
            self._codes.append(exitcodes.USAGE_OR_CRASH)

    def _judge(self, run: OpenRun) -> None:
        self._enter(RunPhase.RECONCILE, "comparing ledger, PostgreSQL and Kafka")
        code = self._house.judge(run.recording.folder, run.subject)
        self._codes += [] if code is None else [code]

    def _mend(self, run: OpenRun) -> None:
        try:
            if run.actor.broken:
                run.actor.heal()
                log.info("the target is proven back")
        except Exception as error:
            # Whatever went wrong: nobody has proven that the target is back.
            log.debug("mending went wrong", exc_info=True)
            self.not_restored = True
            log.error("NOT RESTORED: %s", error)
            run.recording.mark_now(marks.FAILED, reason=str(error), exit_code=exitcodes.NOT_READY, not_restored=True)

    def _enter(self, phase: RunPhase, text: str) -> None:
        self.phase = phase
        log.info("%s: %s", phase.value, text)
