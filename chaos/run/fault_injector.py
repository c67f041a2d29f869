"""The actor: has faults injected and healed, proves both, stamps the marks, and never leaves the target broken.

It does not break by itself: the watchdog does, in a process that outlives this one. So an interrupt can cut the waiting
short but never an act in half. Order of every fault: journal, mark `injecting`, act, proof, mark `injected`; and back:
mark `healing`, act, proof, mark `healed`, journal closed.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from chaos.faults.limits import HEAL_TRIES
from chaos.faults.watchdog.client import WatchdogGone
from chaos.faults.watchdog.healing import BACK_ALREADY_S, BY_ITSELF, HARNESS, WATCHDOG
from chaos.faults.watchdog.protocol import ALREADY_DOWN, TIMED_OUT, Begin, Refusal
from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.plan import PlannedOutage
from health.state import Proof
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark

log = logging.getLogger("chaos")


class Executor(Protocol):
    """What injects and heals for the actor; see `chaos.faults.watchdog.client.Watchdog`."""

    @property
    def retired(self) -> str | None:
        """Why nothing more will be broken, None while something may be."""

    def begin(self, begin: Begin) -> str:
        """Write the fault into the journal and return what it will hit."""

    def apply(self) -> None:
        """Do it."""

    def proven(self) -> None:
        """Note that the fault is proven."""

    def standing(self) -> tuple[bool, str | None]:
        """Whether something is broken, and why nothing more will be broken."""

    def heal(self) -> str:
        """Undo it; return by whom it was undone."""

    def close(self) -> None:
        """Close the journal."""

    def replace(self) -> bool:
        """Put a fresh one in the place of one that has died."""


class NotRestored(Exception):
    """The target could not be proven back; the message says what a person can do."""


class AlreadyDown(Exception):
    """The target was down before we touched it; the message says so."""


class FaultFailed(Exception):
    """The fault could not be done; the message is one sentence."""


_TROUBLE: Final = (Refusal, WatchdogGone, NotProven)


class FaultInjector:
    """Performs the outages of one run.

    Args:
        hand: what injects and heals.
        watch: what proves it.
        clock: the run's clock.
        mark: takes each mark.
        run_id: for the journal.
        marks: file of the marks, for the watchdog when it must heal alone.
        edge_timeout: longest wait for a proof, seconds.
    """

    def __init__(
        self,
        *,
        hand: Executor,
        watch: MonitorClient,
        clock: AnchoredClock,
        mark: Callable[[Mark], None],
        run_id: str,
        marks: Path,
        edge_timeout: float,
    ) -> None:
        self._hand = hand
        self._watch = watch
        self._clock = clock
        self._mark = mark
        self._run_id = run_id
        self._marks = str(marks)
        self._edge_timeout = edge_timeout
        self._open: tuple[int, PlannedOutage] | None = None
        self._described = "the target"
        self._marked = self._proven = False
        self._healing: float | None = None
        self._healed_by: str | None = None

    @property
    def broken(self) -> bool:
        """Whether a fault was begun and is not yet proven healed."""
        return self._open is not None

    def inject(self, index: int, outage: PlannedOutage) -> str | None:
        """Break the target and wait until it is proven down.

        Returns:
            None when that was proven, else why not; then the outage has no `injected` mark and proves nothing.

        Raises:
            AlreadyDown: the target was down before; it is left alone.
            FaultFailed: the fault could not be done.
        """
        self._open, self._marked, self._proven = (index, outage), False, False
        try:
            self._described = self._hand.begin(
                Begin(
                    self._run_id,
                    outage.fault.name,
                    index,
                    (self._clock.epoch, self._clock.monotonic),
                    self._marks,
                    outage.fault.effect,
                )
            )
        except Refusal as refusal:
            self._open = None
            raise (AlreadyDown if refusal.why == ALREADY_DOWN else FaultFailed)(str(refusal)) from None
        except WatchdogGone as gone:
            raise FaultFailed(str(gone)) from None
        began = self._clock.now()
        detail = {"fault": outage.fault.name, "target": outage.target, "described": self._described}
        self._mark(Mark(began, marks.INJECTING, index, detail))
        self._marked = True
        try:
            self._hand.apply()
        except (Refusal, WatchdogGone) as error:
            raise FaultFailed(str(error)) from None
        try:
            # A harness that was frozen learns here that the watchdog has healed meanwhile.
            down = self._watch.await_down(began, self._edge_timeout, lambda: self._hand.retired)
        except NotProven as why:
            return str(why)
        if self._hand.retired is not None:
            return self._hand.retired
        self._proven = True
        with suppress(*_TROUBLE):  # a watchdog that is gone is replaced when the target is healed
            self._hand.proven()
        proof = {"down_edge": list(down.edge), "seen": dict(down.seen)}
        self._mark(Mark(self._clock.now(), marks.INJECTED, index, proof))
        return None

    def heal(self) -> None:
        """Mend whatever is broken and wait until it is proven back; nothing to do is fine. May be called again.

        Raises:
            NotRestored: it did not come back within the time there is.
        """
        if self._open is None:
            return
        index, _ = self._open
        if self._marked and self._healing is None and not self._healed_already():
            self._healing = self._clock.now()
            self._mark(Mark(self._healing, marks.HEALING, index))
        up = self._bring_back(self._healing or self._clock.now())
        if self._healing is not None:
            detail = {"up_edge": list(up.edge), "healed_by": self._healed_by or HARNESS}
            self._mark(Mark(self._clock.now(), marks.HEALED, index, detail))
        self._open = self._healing = self._healed_by = None

    def _healed_already(self) -> bool:
        """Whether a watchdog has healed on its own account: then it has written the marks of that, too."""
        try:
            if self._hand.replace():
                return True  # the fresh one has healed what is in the journal
            broken, retired = self._hand.standing()
        except _TROUBLE:
            return False
        return retired is not None and not broken

    def _bring_back(self, began: float) -> Proof:
        trouble = ""
        for _ in range(HEAL_TRIES):
            try:
                if self._hand.replace():
                    self._healed_by = self._healed_by or WATCHDOG
                by = self._hand.heal()
                self._healed_by = self._healed_by or by
                self._watch.revive()
                up = self._watch.await_up(began, self._edge_timeout / HEAL_TRIES)
                self._hand.close()
            except _TROUBLE as error:
                trouble = str(error)
                if isinstance(error, Refusal) and error.why == TIMED_OUT:
                    break  # the same act again would take as long
            else:
                return up
        return self._back_all_the_same(began, trouble)

    def _back_all_the_same(self, began: float, trouble: str) -> Proof:
        """Return the proof of a target that is back although its heal act fails: what had proven the fault says so."""
        failure = NotRestored(f"{self._described} is not proven back: {trouble}")
        if not self._proven:
            raise failure
        try:
            self._watch.revive()
            up = self._watch.await_up(began, BACK_ALREADY_S)
            self._hand.close()
        except _TROUBLE:
            raise failure from None
        log.warning("%s is proven back although healing it failed: %s", self._described, trouble)
        self._healed_by = BY_ITSELF
        return up
