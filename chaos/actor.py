"""The actor: breaks the target, mends it, stamps the marks, and never leaves it broken.

Each act runs in a greenlet of its own that nobody kills, so an interrupt can cut the waiting short but never an act in
half. Order of every fault: journal, mark `injecting`, act, proof, mark `injected`; and back: mark `healing`, act,
proof, mark `healed`, journal closed.
"""

import os
from collections.abc import Callable
from typing import Final

import gevent

from chaos.journal import Journal, OpenFault
from chaos.plan import Outage
from chaos.targets import Target, TargetError, Undo
from chaos.watch import LookoutWatch, NotProven
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark

# How often a target that does not come back is started again within the time there is.
HEAL_TRIES: Final = 3
ACT_TIMEOUT_S: Final = 30.0


class NotRestored(Exception):
    """The target could not be proven back; the message says what a person can do."""


class AlreadyDown(Exception):
    """The target was down before we touched it; the message says so."""


class Actor:
    """Performs the outages of one run.

    Args:
        target: what is broken.
        watch: what proves it.
        journal: where it is written before.
        clock: the run's clock.
        mark: takes each mark.
        run_id: for the journal.
        edge_timeout: longest wait for a proof, seconds.
    """

    def __init__(
        self,
        *,
        target: Target,
        watch: LookoutWatch,
        journal: Journal,
        clock: AnchoredClock,
        mark: Callable[[Mark], None],
        run_id: str,
        edge_timeout: float,
    ) -> None:
        self._target = target
        self._watch = watch
        self._journal = journal
        self._clock = clock
        self._mark = mark
        self._run_id = run_id
        self._edge_timeout = edge_timeout
        self._open: tuple[int, Outage, Undo] | None = None
        self._healing: float | None = None
        self._healed_by = "harness"
        self._act: gevent.Greenlet | None = None

    @property
    def broken(self) -> bool:
        """Whether a fault was begun and is not yet proven mended."""
        return self._open is not None

    def inject(self, index: int, outage: Outage) -> str | None:
        """Break the target and wait until it is proven down.

        Returns:
            None when that was proven, else why not; then the outage has no `injected` mark and proves nothing.

        Raises:
            AlreadyDown: somebody else has broken the target; it is left alone.
            TargetError: the fault could not be done.
        """
        if not self._target.is_up():
            raise AlreadyDown(f"{self._target.describe()} is down already, and not by this run: it is left alone")
        began = self._clock.now()
        described = self._target.describe()
        undo = self._target.prepare(outage.fault)
        self._journal.open(OpenFault(self._run_id, outage.fault, outage.target, described, began, os.getpid()))
        self._open = (index, outage, undo)
        detail = {"fault": outage.fault, "target": outage.target, "described": described}
        self._mark(Mark(began, marks.INJECTING, index, detail))
        self._perform(lambda: self._target.apply(outage.fault, undo, ACT_TIMEOUT_S))
        try:
            edge = self._watch.await_down(began, self._edge_timeout)
        except NotProven as why:
            return str(why)
        self._mark(Mark(self._clock.now(), marks.INJECTED, index, {"down_edge": list(edge)}))
        return None

    def heal(self) -> None:
        """Mend whatever is broken and wait until it is proven back; nothing to do is fine. May be called again.

        Raises:
            NotRestored: it did not come back within the time there is.
        """
        if self._open is None:
            return
        index, outage, undo = self._open
        if self._act is not None:
            self._act.join(timeout=ACT_TIMEOUT_S)
        if self._healing is None:
            self._healing = self._clock.now()
            self._healed_by = "by itself" if self._came_back() else "harness"
            self._mark(Mark(self._healing, marks.HEALING, index))
        edge = self._bring_back(outage, undo, self._healing)
        detail = {"up_edge": list(edge), "healed_by": self._healed_by}
        self._mark(Mark(self._clock.now(), marks.HEALED, index, detail))
        self._journal.close()
        self._open = self._healing = None

    def _came_back(self) -> bool:
        """Return whether the target is up before we mend it; where nobody can tell, mending goes on all the same."""
        try:
            return self._target.is_up()
        except TargetError:
            return False

    def _bring_back(self, outage: Outage, undo: Undo, began: float) -> tuple[float, float]:
        trouble = ""
        for _ in range(HEAL_TRIES):
            try:
                self._perform(lambda: self._target.heal(outage.fault, undo, ACT_TIMEOUT_S))
                self._watch.revive()
                return self._watch.await_up(began, self._edge_timeout / HEAL_TRIES)
            except (TargetError, NotProven) as error:
                trouble = str(error)
        raise NotRestored(f"{self._target.describe()} could not be proven back: {trouble}")

    def _perform(self, act: Callable[[], None]) -> None:
        """Run `act` in a greenlet of its own, so that killing the caller leaves it whole; pass on how it failed."""
        outcome: list[TargetError] = []

        def guarded() -> None:
            try:
                act()
            except TargetError as error:
                outcome.append(error)

        self._act = gevent.spawn(guarded)
        self._act.join(timeout=ACT_TIMEOUT_S + 5)
        if not self._act.ready():
            raise TargetError(f"{self._target.describe()} took longer than {ACT_TIMEOUT_S + 5:g} s to act")
        if outcome:
            raise outcome[0]
        if self._act.exception is not None:
            raise TargetError(f"{self._target.describe()}: {self._act.exception}")
