"""What the watchdog does: breaks and heals one target at a time, and heals on its own account when it must.

It knows neither pipes nor signals. Order of every fault: the target is asked whether it is up, the journal is written,
and only then it is broken; the journal is closed when the target is proven back, by the harness or, when there is none
any more or an outage overstays, by the keeper itself. From then on it is retired: it breaks nothing more.
"""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from chaos.faults.journal import JOURNAL, Journal, JournalStays, JournalUnreadable, OpenFault
from chaos.faults.registry import known_fault
from chaos.faults.targets import ActTimedOut, Target, TargetError, TargetSpec
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog import protocol
from chaos.faults.watchdog.healing import BY_ITSELF, HARNESS, WATCHDOG, NotAskable, came_back, heal_and_prove, runs_once
from chaos.faults.watchdog.journal_entries import entry_of, probe_for
from chaos.faults.watchdog.protocol import Arm, Begin, Refusal
from chaos.faults.watchdog.work_reports import Doing
from health.spec import ProbeSpec
from stack.errors import StackError
from stack.lease import Lease

log = logging.getLogger("watchdog")

LEASE: Final = "target-lease"
AGAIN_S: Final = 10.0


class FaultController:
    """In charge of one target while it is armed.

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
        self._fault: OpenFault | None = None
        self._deadline: float | None = None
        self._healing = False
        self._acted: float | None = None

    # -- what the harness asks for ---------------------------------------------------------------------------------

    def arm(self, arm: Arm) -> str | None:
        """Take the target's lease, heal what an earlier run left broken there, and take charge.

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

    def begin(self, begin: Begin) -> str:
        """Write into the journal that a fault is about to be injected, and return what exactly will be hit.

        Raises:
            Refusal: it cannot be injected, the target is down already, or this watchdog is retired.
        """
        arm, target = self._armed()
        if self.retired is not None:
            raise Refusal(self.retired, protocol.RETIRED)
        described = target.describe()
        try:
            if not target.is_up():
                text = f"{described} is down already, and not by this run: it is left alone"
                raise Refusal(text, protocol.ALREADY_DOWN)
            undo = target.prepare(known_fault(begin.fault, begin.effect))
        except TargetError as error:
            raise Refusal(str(error), protocol.TARGET) from None
        entry = entry_of(arm, begin, described, undo)
        try:
            self._journal.open(entry)
        except OSError as error:
            with suppress(JournalStays):  # it may be there and only not safe on the disk: then it must not say so
                self._journal.close()
            text = f"the journal cannot be written ({error.strerror}), so nothing is broken"
            raise Refusal(text, protocol.TARGET) from None
        self._fault, self._healing, self._acted = entry, False, None
        self._deadline = time.monotonic() + arm.max_outage
        return described

    def apply(self) -> None:
        """Inject what was begun. The time that an outage may last runs from the end of this.

        Raises:
            Refusal: it failed; how far it got is unknown, so it is still to be healed.
        """
        arm, target = self._armed()
        if self.retired is not None or self._fault is None:
            raise Refusal(self.retired or "no fault was begun", protocol.RETIRED)
        try:
            with self._doing(f"{self._fault.fault} of {self._fault.described}", arm.limits.command):
                target.apply(self._fault.injected, self._fault.undo, arm.limits.command)
        except TargetError as error:
            raise Refusal(str(error), protocol.TARGET) from None
        finally:
            self._deadline = time.monotonic() + arm.max_outage

    def give_up(self) -> None:
        """End a break command that is still at work: healing is what is wanted now. For another thread than `apply`.

        Nothing where no command is at work, or where it belongs to another user; then its end is waited for.
        """
        running = None if self._arm is None else self._journal.running()
        if running is None or running.step != "break" or not running.still_runs():
            return
        log.warning("the break command (process %d) is ended by force: the target is to be healed", running.pid)
        with suppress(TargetError):
            running.end()

    def proven(self) -> None:
        """The harness has proven the fault by the target's probe: from now on that probe can prove it gone."""
        if self._fault is None:
            return
        self._fault = replace(self._fault, proven=True)
        try:
            self._journal.note_proven()
        except OSError as error:
            log.warning("the journal cannot be written (%s): what is left broken needs the heal act", error.strerror)

    def heal(self) -> str:
        """Undo what is broken; return who had done so first: the harness (now), the target itself, or the watchdog.

        Raises:
            Refusal: it could not be undone.
        """
        arm, target = self._armed()
        if self._fault is None:
            return WATCHDOG if self.retired else HARNESS
        if self._has_acted:
            return HARNESS
        try:
            by = BY_ITSELF if not self._healing and came_back(target) else HARNESS
            self._healing = True
            with self._doing(f"healing {self._fault.described}", arm.limits.command):
                target.heal(self._fault.injected, self._fault.undo, arm.limits.command)
            self._acted = time.monotonic()
        except ActTimedOut as error:
            raise Refusal(str(error), protocol.TIMED_OUT) from None
        except TargetError as error:
            raise Refusal(str(error), protocol.TARGET) from None
        finally:
            self._deadline = time.monotonic() + arm.limits.unclosed
        return by

    def close(self) -> str | None:
        """The harness has proven the target back; return why its journal stays all the same, None when it is closed."""
        stays = self._close_journal()
        self._fault = self._deadline = self._acted = None
        return stays

    def disarm(self) -> None:
        """Give the target's lease back; what is still broken stays in the journal."""
        if self._lease is not None:
            self._lease.give_back()
        self._arm = self._target = self._lease = self._fault = self._deadline = self._acted = None

    # -- what it does on its own account -----------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """Whether something is broken that was not proven healed."""
        return self._fault is not None

    @property
    def overdue(self) -> str | None:
        """Why the watchdog must heal on its own account now, None while it must not."""
        if self._deadline is None or time.monotonic() < self._deadline:
            return None
        if self.retired is not None:
            return self.retired
        if self._healing:
            return "the harness did not prove the healed target back in time"
        return "the outage lasted longer than --max-outage"

    def retire(self, reason: str) -> str:
        """Heal whatever is broken, prove it back, and break nothing any more; return how it went, in one sentence.

        Raises:
            Refusal: it is not proven back; the journal keeps it for the next start and for `python -m chaos`.
        """
        self.retired = reason
        if self._fault is None:
            return reason
        # Where this fails it is tried again after a while, as long as this process lives.
        self._deadline = time.monotonic() + AGAIN_S
        entry, (arm, target) = self._fault, self._armed()
        log.warning("%s: healing %s", reason, entry.described)
        try:
            stays = self._heal(target, entry, arm.probe, marked=self._healing, leftover=False, acted=self._has_acted)
        finally:
            self._deadline = time.monotonic() + AGAIN_S
        self._fault = self._deadline = self._acted = None
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
            self._heal(healer, entry, probe_for(entry, arm), marked=False, leftover=True)
        except (TargetError, Refusal) as error:
            raise Refusal(f"{entry.tell()} is not healed: {error}", protocol.NOT_RESTORED) from None
        return entry.tell().rstrip(",")

    @property
    def _has_acted(self) -> bool:
        """Whether the heal act has succeeded and its effect is still awaited, so that it is not done again."""
        if self._acted is None or self._arm is None or not runs_once(self._arm.target):
            return False
        return time.monotonic() < self._acted + self._arm.limits.proof

    def _heal(
        self,
        target: Target,
        entry: OpenFault,
        probe: ProbeSpec | NotAskable,
        *,
        marked: bool,
        leftover: bool,
        acted: bool = False,
    ) -> str | None:
        """Undo `entry`, prove the target back, note both as marks of its run, and close the journal, as `close` does.

        Raises:
            Refusal: it is not proven back.
        """
        limits = self._armed()[0].limits
        try:
            with self._doing(f"healing {entry.described}", limits.healing):
                heal_and_prove(
                    target, entry, probe, limits, marked=marked, leftover=leftover, acted=acted, doing=self._doing
                )
        except TargetError as error:
            with suppress(OSError):  # `restore` waits for this, and else for its limit
                self._journal.note_failed(str(error))
            raise Refusal(str(error), protocol.NOT_RESTORED) from None
        return self._close_journal()

    def _close_journal(self) -> str | None:
        try:
            self._journal.close()
        except JournalStays as stays:
            log.warning("%s", stays)  # proven is proven: nothing is healed once more for it
            return str(stays)
        return None

    def _armed(self) -> tuple[Arm, Target]:
        if self._arm is None or self._target is None:
            raise Refusal("no target was named to the watchdog yet", protocol.TARGET)
        return self._arm, self._target

    @property
    def _journal(self) -> Journal:
        return Journal(Path(self._armed()[0].folder) / JOURNAL)
