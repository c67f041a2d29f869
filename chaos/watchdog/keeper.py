"""What the watchdog does: breaks and mends one target at a time, and mends on its own account when it must.

It knows neither pipes nor signals. Order of every fault: the target is asked whether it is up, the journal is written,
and only then it is broken; the journal is closed when the target is proven back, by the harness or, when there is none
any more or an outage overstays, by the keeper itself. From then on it is retired: it breaks nothing more.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from chaos.journal import JOURNAL, Journal, JournalUnreadable, OpenFault
from chaos.targets import Target, TargetError, TargetSpec
from chaos.targets.opening import open_target
from chaos.watchdog import orders
from chaos.watchdog.mending import ACT_TIMEOUT_S, BY_ITSELF, HARNESS, WATCHDOG, came_back, mend_and_prove
from chaos.watchdog.orders import Arm, Begin, Refusal
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from stack.errors import StackError
from stack.lease import Lease

log = logging.getLogger("watchdog")

LEASE: Final = "target-lease"
AGAIN_S: Final = 10.0


class Keeper:
    """In charge of one target while it is armed.

    Args:
        opened: opens a target.

    Attributes:
        retired: why it breaks nothing any more, None while it does.
    """

    def __init__(self, opened: Callable[[TargetSpec], Target] = open_target) -> None:
        self.retired: str | None = None
        self._opened = opened
        self._arm: Arm | None = None
        self._target: Target | None = None
        self._lease: Lease | None = None
        self._fault: OpenFault | None = None
        self._deadline: float | None = None
        self._healing = False

    # -- what the harness asks for ---------------------------------------------------------------------------------

    def arm(self, arm: Arm) -> str | None:
        """Take the target's lease, mend what an earlier run left broken there, and take charge.

        Returns:
            What was mended first, in words; None when nothing was open.

        Raises:
            Refusal: another run uses the target, it cannot be opened, or what was left broken could not be mended.
        """
        if self._arm is not None:
            self.disarm()
        lease = Lease(Path(arm.folder) / LEASE, "this target", "or name another target")
        try:
            target = self._opened(arm.target)
            lease.take()
        except TargetError as error:
            raise Refusal(str(error), orders.TARGET) from None
        except StackError as error:
            raise Refusal(str(error), orders.BUSY) from None
        self._arm, self._target, self._lease, self.retired = arm, target, lease, None
        try:
            return self._mend_leftover()
        except BaseException:
            self.disarm()
            raise

    def begin(self, begin: Begin) -> str:
        """Write into the journal that a fault is about to be done, and return what exactly will be hit.

        Raises:
            Refusal: it cannot be done, somebody else has broken the target, or this watchdog is retired.
        """
        arm, target = self._armed()
        if self.retired is not None:
            raise Refusal(self.retired, orders.RETIRED)
        described = target.describe()
        try:
            if not target.is_up():
                text = f"{described} is down already, and not by this run: it is left alone"
                raise Refusal(text, orders.ALREADY_DOWN)
            undo = target.prepare(begin.fault)
        except TargetError as error:
            raise Refusal(str(error), orders.TARGET) from None
        entry = OpenFault(
            run_id=begin.run_id,
            fault=begin.fault,
            target=arm.target,
            described=described,
            at=AnchoredClock(*begin.clock).now(),
            pid=arm.harness,
            undo=undo,
            marks=begin.marks,
            outage=begin.outage,
            clock=begin.clock,
        )
        try:
            self._journal.open(entry)
        except OSError as error:
            with suppress(OSError):  # it may be there and only not safe on the disk: then it must not say so
                self._journal.close()
            text = f"the journal cannot be written ({error.strerror}), so nothing is broken"
            raise Refusal(text, orders.TARGET) from None
        self._fault, self._healing = entry, False
        self._deadline = time.monotonic() + arm.max_outage
        return described

    def apply(self, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Do what was begun.

        Raises:
            Refusal: it could not be done; nobody knows how far it got, so it is still to be mended.
        """
        _, target = self._armed()
        if self.retired is not None or self._fault is None:
            raise Refusal(self.retired or "no fault was begun", orders.RETIRED)
        try:
            target.apply(self._fault.fault, self._fault.undo, timeout_s)
        except TargetError as error:
            raise Refusal(str(error), orders.TARGET) from None

    def heal(self, timeout_s: float = ACT_TIMEOUT_S) -> str:
        """Undo what is broken and say who had done so first: the harness (now), the target itself, or the watchdog.

        Raises:
            Refusal: it could not be undone.
        """
        if self._fault is None:
            return WATCHDOG if self.retired else HARNESS
        _, target = self._armed()
        try:
            by = BY_ITSELF if not self._healing and came_back(target) else HARNESS
            self._healing = True
            target.heal(self._fault.fault, self._fault.undo, timeout_s)
        except TargetError as error:
            raise Refusal(str(error), orders.TARGET) from None
        return by

    def close(self) -> None:
        """The harness has proven the target back."""
        self._journal.close()
        self._fault, self._deadline = None, None

    def disarm(self) -> None:
        """Give the target's lease back; what is still broken stays in the journal."""
        if self._lease is not None:
            self._lease.give_back()
        self._arm = self._target = self._lease = self._fault = self._deadline = None

    # -- what it does on its own account -----------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """Whether something is broken that was not proven mended."""
        return self._fault is not None

    @property
    def overstayed(self) -> bool:
        """Whether an outage is on for longer than it may be."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def retire(self, reason: str) -> str:
        """Mend whatever is broken, prove it back, and break nothing any more; return how it went, in one sentence.

        Raises:
            Refusal: it could not be proven back; the journal says so to whoever comes next.
        """
        self.retired = reason
        if self._fault is None:
            return reason
        # In vain: tried again after a while, as long as this process lives.
        self._deadline = time.monotonic() + AGAIN_S
        entry, arm = self._fault, self._armed()[0]
        log.warning("%s: mending %s", reason, entry.described)
        self._mend(entry, arm.probe, arm.prove_timeout, marked=self._healing)
        self._fault, self._deadline = None, None
        self.retired = f"{reason}, so the watchdog has mended {entry.described}"
        return self.retired

    def _mend_leftover(self) -> str | None:
        try:
            entry = self._journal.left_open()
        except JournalUnreadable as error:
            raise Refusal(str(error), orders.NOT_RESTORED) from None
        if entry is None:
            return None
        arm, _ = self._armed()
        probe = arm.probe if entry.target.component == arm.target.component else None
        self._mend(entry, probe, arm.prove_timeout, marked=False)
        return f"{entry.described}, which run {entry.run_id} had left broken by {entry.fault}"

    def _mend(self, entry: OpenFault, probe: ProbeSpec | None, timeout_s: float, *, marked: bool) -> None:
        """Undo `entry`, prove the target back, note both as marks of its run, and close the journal."""
        try:
            mend_and_prove(self._opened(entry.target), entry, probe, timeout_s, marked=marked)
        except TargetError as error:
            raise Refusal(str(error), orders.NOT_RESTORED) from None
        self._journal.close()

    def _armed(self) -> tuple[Arm, Target]:
        if self._arm is None or self._target is None:
            raise Refusal("no target was named to the watchdog yet", orders.TARGET)
        return self._arm, self._target

    @property
    def _journal(self) -> Journal:
        return Journal(Path(self._armed()[0].folder) / JOURNAL)
