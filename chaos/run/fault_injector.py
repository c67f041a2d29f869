"""The fault injector of a run: asks the watchdog to break and to heal, and waits for what the monitor proves.

The watchdog breaks, heals and writes the marks, in a process that outlives this one. So an interrupt can cut the
waiting short but never an act in half. What the monitor proves is reported to the watchdog, which marks it.
"""

import logging
from pathlib import Path
from typing import Final, Protocol

from chaos.faults.limits import HEAL_TRIES
from chaos.faults.watchdog.client import WatchdogGone
from chaos.faults.watchdog.healing import BACK_ALREADY_S
from chaos.faults.watchdog.protocol import ALREADY_DOWN, BEGUN, TIMED_OUT, Break, Marked, Refusal
from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.plan import PlannedOutage
from health.state import Proof
from runlog.clock import AnchoredClock

log = logging.getLogger("chaos")


class Executor(Protocol):
    """What injects and heals; see `chaos.faults.watchdog.client.Watchdog`."""

    @property
    def retired(self) -> str | None:
        """Why nothing more will be broken, None while something may be."""

    def inject(self, fault: Break) -> Marked:
        """Inject it; return the mark `injecting`."""

    def injected(self, proof: Proof) -> None:
        """Note that it is proven."""

    def heal(self) -> Marked:
        """Undo it; return the mark `healing`."""

    def healed(self, proof: Proof) -> None:
        """Note that the target is proven back."""

    def replace(self) -> bool:
        """Replace one that has died."""


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
        marks: file of the run's marks.
        edge_timeout: longest wait for a proof, seconds.

    Attributes:
        broken: whether a fault was begun and is not yet proven healed.
    """

    def __init__(
        self,
        *,
        executor: Executor,
        monitor: MonitorClient,
        clock: AnchoredClock,
        run_id: str,
        marks: Path,
        edge_timeout: float,
    ) -> None:
        self.broken = False
        self._executor = executor
        self._monitor = monitor
        self._clock = clock
        self._run_id = run_id
        self._marks = str(marks)
        self._edge_timeout = edge_timeout
        self._described = ""
        self._proven = False
        self._healing: float | None = None

    def inject(self, index: int, outage: PlannedOutage) -> str | None:
        """Inject the fault and wait until it is proven.

        Returns:
            None when that was proven, else why not; then the outage has no `injected` mark and proves nothing.

        Raises:
            AlreadyDown: the target was down before; it is left alone.
            FaultFailed: the fault could not be done.
            WatchdogGone: the watchdog died or froze before it could mark the proof.
        """
        self.broken, self._proven, self._healing, self._described = True, False, None, f"the {outage.target}"
        fault, clock = outage.fault.name, (self._clock.epoch, self._clock.monotonic)
        effect = self._monitor.learn_usual()
        try:
            injecting = self._executor.inject(Break(self._run_id, fault, index, clock, self._marks, effect))
        except Refusal as refusal:
            self.broken = refusal.why == BEGUN
            raise (AlreadyDown if refusal.why == ALREADY_DOWN else FaultFailed)(str(refusal)) from None
        except WatchdogGone as gone:
            raise FaultFailed(str(gone)) from None
        self._described = injecting.described
        try:
            # A harness that was frozen learns here that the watchdog has healed meanwhile.
            since = injecting.at or self._clock.now()
            proof = self._monitor.await_effect(since, self._edge_timeout, lambda: self._executor.retired)
            self._proven = True
            self._executor.injected(proof)
        except (NotProven, Refusal) as why:
            return str(why)
        return None

    def heal(self) -> None:
        """Heal whatever is broken and wait until it is proven back; nothing to do is fine. May be called again.

        Raises:
            NotRestored: it did not come back within the time there is.
        """
        if not self.broken:
            return
        self._healing = self._healing or self._clock.now()
        trouble = ""
        for _ in range(HEAL_TRIES):
            try:
                self._executor.replace()
                self._healing = self._executor.heal().at or self._healing
                self._prove_back(self._edge_timeout / HEAL_TRIES)
            except _TROUBLE as error:
                trouble = str(error)
                if isinstance(error, Refusal) and error.why == TIMED_OUT:
                    break  # the same act again would take as long
            else:
                return
        self._prove_back_anyway(trouble)

    def _prove_back(self, timeout_s: float) -> None:
        self._monitor.ensure_running()
        self._executor.healed(self._monitor.await_back(self._healing or 0.0, timeout_s))
        self.broken = False

    def _prove_back_anyway(self, trouble: str) -> None:
        """Accept a target that is back although its heal act fails, where the monitor had proven the fault.

        Raises:
            NotRestored: it is not.
        """
        failure = NotRestored(f"{self._described} is not proven back: {trouble}")
        if not self._proven:
            raise failure
        try:
            self._prove_back(BACK_ALREADY_S)
        except _TROUBLE:
            raise failure from None
        log.warning("%s is proven back although healing it failed: %s", self._described, trouble)
