"""The conductor: takes one run through its phases, and winds it up in order however it ends.

It is a greenlet beside Locust's: the shape only reads the phase from it. Whatever cuts it short (an interrupt, a fault
that fails, a full disk), winding up always stops the load, mends the target, proves it back, keeps the history and lets
it be judged.
"""

import logging
from pathlib import Path
from typing import Final

import gevent
from gevent.event import Event

from chaos.actor import Actor, NotRestored
from chaos.drain import Drain
from chaos.house import House, Interrupted, Load, RunFailed
from chaos.journal import Journal
from chaos.plan import Plan, RunPhase, make_plan
from chaos.preflight import Preflight, PreflightError
from chaos.recording import Recording
from chaos.subject import Subject
from chaos.targets import TargetError
from chaos.topic import TopicError, topic_ends
from chaos.watch import NotProven
from runlog import exitcodes, marks
from runlog.folder import FolderError, RunFolder, check_runs_dir
from runlog.ledger import Phase
from runlog.marks import Mark
from runlog.settings import Settings

log = logging.getLogger("chaos")

USERS_WAIT_S: Final = 20.0
LEAD_S: Final = 0.2
STEP_S: Final = 0.05
PROGRESS_S: Final = 5.0
# What a run writes at the least, and per attempt: ledger, witnesses and reports together, generously.
FIXED_BYTES: Final = 20 * 2**20
BYTES_PER_ORDER: Final = 1000


class Conductor:
    """One run.

    Args:
        house: see `House`.
        settings: what the run was asked to do.
        texts: the options as given.
        journal: path of the stack's journal.
    """

    def __init__(self, house: House, settings: Settings, texts: dict[str, str], journal: Path) -> None:
        self.phase = RunPhase.IDLE
        self.exit_code: int | None = None
        self.folder: RunFolder | None = None
        self.finished = Event()
        self.problem: str | None = None
        self._house = house
        self._settings = settings
        self._texts = texts
        self._journal = Journal(journal)
        self._plan: Plan = make_plan(settings)
        self._subject: Subject | None = None
        self._recording: Recording | None = None
        self._load: Load | None = None
        self._actor: Actor | None = None
        self.not_restored = False
        self._codes: list[int] = []
        self._greenlet: gevent.Greenlet | None = None
        self._winding_up = False

    def start(self) -> None:
        """Begin the run; returns at once."""
        self._greenlet = gevent.spawn(self._run)

    @property
    def active(self) -> bool:
        """Whether the run has begun and not yet ended."""
        return self._greenlet is not None and not self.finished.is_set()

    def interrupt(self, reason: str, exit_code: int) -> None:
        """Ask the run to end: it stops the load, mends the target, keeps the history, and is judged. Returns at once.

        Asking again while it winds up changes nothing: mending is never cut short. Only judging is, because it can be
        made up for at any time.
        """
        if self.active and self.phase is RunPhase.RECONCILE:
            self._codes.append(exit_code)
            log.warning("%s: not judging the run", reason)
            self._house.cancel_judging()
        elif self.active and not self._winding_up and self._greenlet is not None:
            self._winding_up = True
            log.warning("%s: ending the run, mending the target first", reason)
            self._greenlet.kill(Interrupted(reason, exit_code), block=False)

    def _run(self) -> None:
        try:
            self._play()
        except Interrupted as cut:
            self._cut_short(marks.INTERRUPTED, str(cut), cut.exit_code)
        except RunFailed as failure:
            self._cut_short(marks.FAILED, str(failure), failure.exit_code)
        except NotRestored as failure:
            # Winding up tries once more, and says NOT RESTORED when that is in vain too.
            self._cut_short(marks.FAILED, str(failure), exitcodes.NOT_READY)
        except (PreflightError, FolderError) as failure:
            self._cut_short(marks.FAILED, f"preflight: {failure}", exitcodes.NOT_READY)
        except Exception as crash:
            log.exception("the harness crashed")
            self._cut_short(marks.FAILED, f"the harness crashed: {crash!r}", exitcodes.USAGE_OR_CRASH)
        finally:
            self._winding_up = True
            try:
                self._wind_up()
            finally:
                self.exit_code = exitcodes.strongest(self._codes or [exitcodes.USAGE_OR_CRASH], self.not_restored)
                self.phase = RunPhase.DONE
                self.finished.set()

    def _play(self) -> None:
        """The plan, from preflight to drain."""
        self._enter(RunPhase.PREFLIGHT, self._plan.describe())
        recording, load = self._open()
        self._begin_load(recording, load)
        for index, outage in enumerate(self._plan.outages):
            self._break(index, recording, load)
            self._enter(RunPhase.RECOVERY, f"{outage.recovery:g} s under load")
            load.phase = Phase.RECOVERY
            recording.mark_now(marks.RECOVERY)
            self._hold(recording.clock.now() + outage.recovery)
        self._drain(recording, load)

    def _open(self) -> tuple[Recording, Load]:
        settings = self._settings
        need = FIXED_BYTES + int(settings.rate * settings.load_seconds * BYTES_PER_ORDER)
        check_runs_dir(Path(settings.runs_dir), need)
        subject = self._subject = self._house.prepare(settings)
        proven = Preflight(
            subject,
            self._plan,
            self._journal,
            lambda check: log.info("preflight: %s ok (%s)", check.name, check.detail),
        ).run()
        try:
            start = topic_ends(subject.kafka, subject.topic, 5.0)
        except TopicError as error:
            raise PreflightError(f"topic {subject.topic}: {error}") from None
        if start is None:
            raise PreflightError(f"topic {subject.topic}: it was there a moment ago and is gone")
        recording = self._recording = Recording(settings, subject, start, proven, self._texts)
        self.folder = recording.folder
        log.info("run %s: everything it leaves behind lies in %s", recording.folder.run_id, recording.folder.path)
        load = self._load = self._house.open_load(settings, subject, recording)
        try:
            recording.await_lookout()
        except NotProven as error:
            raise RunFailed(str(error), exitcodes.NOT_READY) from None
        self._actor = Actor(
            target=subject.target,
            watch=recording.watch,
            journal=self._journal,
            clock=recording.clock,
            mark=recording.mark,
            run_id=recording.folder.run_id,
            edge_timeout=self._plan.edge_timeout,
        )
        return recording, load

    def _begin_load(self, recording: Recording, load: Load) -> None:
        self._enter(RunPhase.BASELINE, f"{self._settings.rate:g} orders/s for {self._plan.baseline:g} s")
        deadline = recording.clock.now() + USERS_WAIT_S
        while not self._house.users_running():
            if recording.clock.now() > deadline:
                raise RunFailed(f"waited {USERS_WAIT_S:g} s in vain for Locust's users", exitcodes.USAGE_OR_CRASH)
            gevent.sleep(STEP_S)
        begin = recording.clock.now() + LEAD_S
        load.begin(begin)
        recording.mark(Mark(begin, marks.BASELINE))
        self._hold(begin + self._plan.baseline)

    def _break(self, index: int, recording: Recording, load: Load) -> None:
        outage, actor = self._plan.outages[index], self._actor
        if actor is None:
            raise RunFailed("there is no actor to break the target", exitcodes.USAGE_OR_CRASH)
        self._enter(RunPhase.OUTAGE, f"{outage.fault} {outage.target} for {outage.length:g} s")
        load.phase = Phase.OUTAGE
        began = recording.clock.now()
        try:
            proven = actor.inject(index, outage)
        except (TargetError, OSError) as error:
            raise RunFailed(f"the fault could not be done: {error}", exitcodes.NOT_READY) from None
        if proven:
            log.info("outage: %s proven down after %.2f s", outage.target, recording.clock.now() - began)
            self._hold(recording.clock.now() + outage.length)
        else:
            log.warning("outage: %s went on answering: the fault is not proven", outage.target)
        began = recording.clock.now()
        actor.heal()
        log.info("outage: %s proven back after %.2f s", outage.target, recording.clock.now() - began)

    def _drain(self, recording: Recording, load: Load) -> None:
        self._enter(RunPhase.DRAIN, f"until nothing new comes for {self._plan.settle:g} s")
        load.close(recording.clock.now())
        recording.mark_now(marks.DRAIN)
        if self._subject is None:
            raise RunFailed("there is nothing to drain", exitcodes.USAGE_OR_CRASH)
        drain = Drain(
            subject=self._subject,
            run_key=recording.run_key,
            watch=recording.watch,
            clock=recording.clock,
            in_flight=lambda: load.in_flight,
            settle=self._plan.settle,
        )
        result = drain.run(self._plan.drain_timeout, lambda text: log.info("drain: %s", text))
        recording.mark_now(marks.DRAINED, complete=result.complete, missing=list(result.missing))
        if not result.complete:
            log.warning("drain: not over after %g s: %s", self._plan.drain_timeout, "; ".join(result.missing))

    def _hold(self, until: float) -> None:
        """Stay in the phase until `until`, telling now and then how it goes."""
        recording, load = self._recording, self._load
        if recording is None or load is None:
            return
        told = recording.clock.now()
        while (now := recording.clock.now()) < until:
            if load.trouble:
                raise RunFailed(load.trouble, exitcodes.USAGE_OR_CRASH)
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
        self.problem = reason
        self._codes.append(exit_code)
        if name == marks.FAILED:
            log.error("%s", reason)
        if self._recording is not None:
            self._recording.mark_now(name, reason=reason, exit_code=exit_code)

    def _wind_up(self) -> None:
        """Stop the load, mend, keep, judge: in this order, each whatever became of the one before."""
        recording, load = self._recording, self._load
        if recording is None:
            return
        if load is not None:
            load.close(recording.clock.now())
        self._mend(recording)
        if load is not None:
            load.finish(in_order=True)
        try:
            recording.close(self._house.statistics())
        except OSError as error:
            log.error("the history could not be kept whole: %s", error.strerror)
            self._codes.append(exitcodes.USAGE_OR_CRASH)
        if self._subject is not None:
            self._enter(RunPhase.RECONCILE, "comparing ledger, PostgreSQL and Kafka")
            code = self._house.judge(recording.folder, self._subject)
            self._codes += [] if code is None else [code]

    def _mend(self, recording: Recording) -> None:
        if self._actor is None or not self._actor.broken:
            return
        try:
            self._actor.heal()
            log.info("the target is proven back")
        except (NotRestored, OSError) as error:
            self.not_restored = True
            log.error("NOT RESTORED: %s", error)
            recording.mark_now(marks.FAILED, reason=str(error), exit_code=exitcodes.NOT_READY, not_restored=True)

    def _enter(self, phase: RunPhase, text: str) -> None:
        self.phase = phase
        log.info("%s: %s", phase.value, text)
