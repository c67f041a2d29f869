"""Injects and heals faults of one target at a time, writes their marks, and heals on its own account when it must.

It knows neither pipes nor signals. Order of every fault: the target is asked whether it is up, the journal is written,
then the mark `injecting`, and only then it is broken. The journal is closed after the mark `healed`, when the target is
proven back: by the run's monitor or, when there is none any more or an outage lasts too long, by the controller itself.
From then on it is retired: it breaks nothing more.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from chaos.faults.journal import JOURNAL, Journal, JournalStays, JournalUnreadable, OpenFault
from chaos.faults.targets import ActTimedOut, Target, TargetError, TargetSpec
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog import protocol
from chaos.faults.watchdog.broken import Broken
from chaos.faults.watchdog.fault_marks import FaultMarks
from chaos.faults.watchdog.healing import NotAskable, came_back, heal_and_prove
from chaos.faults.watchdog.journal_entries import close_healed, entry_of, probe_for
from chaos.faults.watchdog.protocol import Arm, Break, Marked, Refusal
from chaos.faults.watchdog.work_reports import Doing
from health.spec import ProbeSpec
from health.state import Proof
from runlog.marks import HEALED, HEALING, INJECTED, INJECTING
from stack.errors import StackError
from stack.lease import Lease

log = logging.getLogger("watchdog")

LEASE: Final = "target-lease"
AGAIN_S: Final = 10.0


class FaultController:
    """Owns one target while it is armed.

    Args:
        opened: opens a target, the last argument says whether it was left broken; its commands are recorded in the
            journal.
        doing: wraps each act, so that its progress is reported.

    Attributes:
        retired: why it breaks nothing any more, None while it does.
    """

    def __init__(
        self,
        opened: Callable[[TargetSpec, Journal, bool], Target] = open_target,
        doing: Doing = lambda what, limit_s: nullcontext(),
    ) -> None:
        self.retired: str | None = None
        self._opened = opened
        self._doing = doing
        self._arm: Arm | None = None
        self._target: Target | None = None
        self._lease: Lease | None = None
        self._open: Broken | None = None

    # -- requests of the harness -----------------------------------------------------------------------------------

    def arm(self, arm: Arm) -> str | None:
        """Take the target's lease, heal what an earlier run left broken there, and own the target.

        Returns:
            What was healed first, in words; None when nothing was left.

        Raises:
            Refusal: another run uses the target, it cannot be opened, or what was left broken is not proven back.
        """
        if self._arm is not None:
            self.disarm()
        lease = Lease(Path(arm.folder) / LEASE, "this target", "or name another target")
        try:
            target = self._opened(arm.target, Journal(Path(arm.folder) / JOURNAL), False)
            lease.take()
        except TargetError as error:
            raise Refusal(str(error), protocol.TARGET) from None
        except StackError as error:
            raise Refusal(str(error), protocol.BUSY) from None
        self._arm, self._target, self._lease, self.retired = arm, target, lease, None
        try:
            return self._heal_leftover()
        except BaseException:
            self.disarm()
            raise

    def inject(self, fault: Break, given_up: Callable[[], bool] = lambda: False) -> Marked:
        """Write journal and mark, then inject a fault. The time that an outage may last runs from the end of this.

        Args:
            given_up: asked just before the act: whether the fault is not wanted any more.

        Raises:
            Refusal: it cannot be injected, the target is down already, this controller is retired; with the reason
                `BEGUN`: the act failed, and how far it got is unknown.
        """
        arm, target = self._armed()
        if self.retired is not None:
            raise Refusal(self.retired, protocol.RETIRED)
        entry = entry_of(arm, target, fault)
        try:
            self._journal.open(entry)
        except OSError as error:
            with suppress(JournalStays):  # it may be there and only not safe on the disk: then it must not say so
                self._journal.close()
            text = f"the journal cannot be written ({error.strerror}), so nothing is broken"
            raise Refusal(text, protocol.TARGET) from None
        broken = self._open = Broken(entry, FaultMarks(entry, live=True), time.monotonic() + arm.max_outage)
        component, described = arm.target.component, entry.described
        marked = broken.mark(INJECTING, fault=entry.fault, target=component, described=described)
        try:
            if given_up():
                raise TargetError("the harness no longer wants this fault, so nothing is broken")
            with self._doing(f"{entry.fault} of {described}", arm.limits.command):
                target.apply(entry.injected, entry.undo, arm.limits.command)
        except TargetError as error:
            raise Refusal(str(error), protocol.BEGUN) from None
        except Exception as error:
            # After any error: how far the act got is unknown.
            log.exception("the act of %s failed", entry.fault)
            raise Refusal(f"the watchdog failed: {error!r}", protocol.BEGUN) from None
        finally:
            broken.deadline = time.monotonic() + arm.max_outage
        return replace(marked, described=described)

    def give_up(self) -> None:
        """End a break command that still runs: the target is to be healed. For another thread than `inject`.

        Nothing where no command runs, or where it belongs to another user; then its end is waited for.
        """
        running = None if self._arm is None else self._journal.running()
        if running is None or running.step != "break" or not running.still_runs():
            return
        log.warning("the break command (process %d) is ended by force: the target is to be healed", running.pid)
        with suppress(TargetError):
            running.end()

    def injected(self, proof: Proof) -> Marked:
        """Note that the monitor has proven the fault: from now on its probe can prove it gone.

        Raises:
            Refusal: nothing is broken any more.
        """
        if self.retired is not None or self._open is None:
            raise Refusal(self.retired or "no fault was begun", protocol.RETIRED)
        self._open.entry = replace(self._open.entry, proven=True)
        try:
            self._journal.note_proven()
        except OSError as error:
            log.warning("the journal cannot be written (%s): what is left broken needs the heal act", error.strerror)
        measured = {"measured": proof.measured} if proof.measured else {}
        return self._open.mark(INJECTED, down_edge=list(proof.edge), seen=proof.seen, **measured)

    def heal(self) -> Marked:
        """Write the mark `healing`, and undo what is broken; nothing where nothing is broken any more.

        Raises:
            Refusal: it could not be undone.
        """
        arm, target = self._armed()
        broken = self._open
        if broken is None:
            return Marked()
        if broken.healing is None:
            broken.healing = broken.mark(HEALING)
            broken.came_back = came_back(target)
        if broken.effect_awaited:
            return broken.healing
        try:
            with self._doing(f"healing {broken.entry.described}", arm.limits.command):
                target.heal(broken.entry.injected, broken.entry.undo, arm.limits.command)
            broken.acted = time.monotonic()
        except ActTimedOut as error:
            raise Refusal(str(error), protocol.TIMED_OUT) from None
        except TargetError as error:
            raise Refusal(str(error), protocol.TARGET) from None
        finally:
            broken.deadline = time.monotonic() + arm.limits.unclosed
        return broken.healing

    def healed(self, proof: Proof) -> Marked:
        """Note that the monitor has proven the target back: mark, and journal closed."""
        broken = self._open
        if broken is None:
            return Marked()
        marked = broken.mark(HEALED, up_edge=list(proof.edge), healed_by=broken.healed_by)
        self._open = None
        return replace(marked, stays=close_healed(self._journal))

    def disarm(self) -> None:
        """Give the target's lease back; what is still broken stays in the journal."""
        if self._lease is not None:
            self._lease.give_back()
        self._arm = self._target = self._lease = self._open = None

    # -- acts of its own -------------------------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """Whether something is broken that was not proven healed."""
        return self._open is not None

    @property
    def overdue(self) -> str | None:
        """Why the controller must heal on its own account now, None while it must not."""
        if self._open is None or time.monotonic() < self._open.deadline:
            return None
        if self.retired is not None:
            return self.retired
        if self._open.healing is not None:
            return "the harness did not prove the healed target back in time"
        return "the outage lasted longer than --max-outage"

    def retire(self, reason: str) -> str:
        """Heal whatever is broken, prove it back, and break nothing any more; return how it went, in one sentence.

        Raises:
            Refusal: it is not proven back; the journal keeps it for the next start and for `python -m chaos`.
        """
        self.retired = reason
        broken = self._open
        if broken is None:
            return reason
        # If this fails, it is tried again later, as long as this process lives.
        broken.deadline = time.monotonic() + AGAIN_S
        entry, (arm, target) = broken.entry, self._armed()
        log.warning("%s: healing %s", reason, entry.described)
        begun, acted = broken.healing is not None, broken.effect_awaited
        try:
            stays = self._heal(target, entry, arm.probe, begun=begun, leftover=False, acted=acted)
        finally:
            broken.deadline = time.monotonic() + AGAIN_S
        self._open = None
        self.retired = f"{reason}, so the watchdog has healed {entry.described}{f'; {stays}' if stays else ''}"
        return self.retired

    def _heal_leftover(self) -> str | None:
        try:
            entry = self._journal.left_open()
        except JournalUnreadable as error:
            raise Refusal(str(error), protocol.NOT_RESTORED) from None
        if entry is None:
            return None
        arm, target = self._armed()
        try:
            # The same pair of commands, corrected perhaps, heals what an earlier version of it broke.
            same = entry.target.kind == arm.target.kind == "command"
            healer = target if same else self._opened(entry.target, self._journal, True)
            self._heal(healer, entry, probe_for(entry, arm), begun=False, leftover=True)
        except (TargetError, Refusal) as error:
            raise Refusal(f"{entry.sentence()} is not healed: {error}", protocol.NOT_RESTORED) from None
        return entry.sentence().rstrip(",")

    def _heal(
        self,
        target: Target,
        entry: OpenFault,
        probe: ProbeSpec | NotAskable,
        *,
        begun: bool,
        leftover: bool,
        acted: bool = False,
    ) -> str | None:
        """Undo `entry`, prove the target back, write both marks, and close the journal; return why it stays, if so.

        Raises:
            Refusal: it is not proven back.
        """
        limits = self._armed()[0].limits
        try:
            with self._doing(f"healing {entry.described}", limits.healing):
                heal_and_prove(
                    target, entry, probe, limits, begun=begun, leftover=leftover, acted=acted, doing=self._doing
                )
        except TargetError as error:
            with suppress(OSError):  # `restore` waits for this, and else for its limit
                self._journal.note_failed(str(error))
            raise Refusal(str(error), protocol.NOT_RESTORED) from None
        return close_healed(self._journal)

    def _armed(self) -> tuple[Arm, Target]:
        if self._arm is None or self._target is None:
            raise Refusal("the watchdog owns no target yet", protocol.TARGET)
        return self._arm, self._target

    @property
    def _journal(self) -> Journal:
        return Journal(Path(self._armed()[0].folder) / JOURNAL)
