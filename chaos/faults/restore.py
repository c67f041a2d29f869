"""Finds the open faults in the journals of this machine and heals them: what `python -m chaos` does.

If a watchdog owns the target, that watchdog heals it, so that its run cannot break anything more. If none does, or if
that watchdog is frozen and its harness has died, the target is healed here.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from chaos.faults.journal import JOURNAL, Journal, JournalStays, JournalUnreadable, OpenFault
from chaos.faults.limits import Limits
from chaos.faults.targets import TargetError
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog.fault_controller import LEASE
from chaos.faults.watchdog.healing import BY_ITSELF, heal_and_prove, probe_of
from chaos.faults.watchdog.liveness import Standing, WatchdogId, end_if_frozen, watchdog_of
from chaos.faults.watchdog.teardown import is_watchdog
from chaos.faults.watchdog.work_reports import AtWork, Progress, Work
from runlog.clock import iso_utc
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.lease import Lease
from stack.process import is_alive
from stack.state_dir import StateDirError, state_dir, target_homes
from stack.state_store import default_home

POLL_S: Final = 0.2
ASK_AGAIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a journal in it.

    Attributes:
        fault: that is open; None when the journal cannot be read.
        problem: why it cannot be read, None otherwise.
        watchdog: process id of the watchdog that owns the target, None without one.
    """

    folder: Path
    fault: OpenFault | None
    problem: str | None
    watchdog: int | None

    @property
    def heals_by_itself(self) -> bool:
        """Whether its watchdog heals it now, because its harness has ended."""
        return bool(self.fault and self.watchdog and not is_alive(self.fault.pid, self.fault.pid_started))

    def describe(self) -> str:
        """Return what is broken, by which run, and whether a watchdog owns it, as one line."""
        if self.fault is None:
            return str(self.problem)
        harness = "which still runs" if is_alive(self.fault.pid, self.fault.pid_started) else "which has ended"
        charge = f"watchdog {self.watchdog} owns it" if self.watchdog else "no watchdog owns it"
        trouble = f"; healing it failed: {self.fault.trouble}" if self.fault.trouble else ""
        when = iso_utc(self.fault.at).partition(".")[0]
        return (
            f"{self.fault.described}: {self.fault.fault} at {when}Z by run {self.fault.run_id} of process "
            f"{self.fault.pid}, {harness}; {charge}{trouble}"
        )


class NotClosed(TargetError):
    """A target is proven back, and its journal cannot be removed; the message is one sentence."""


def places() -> list[Place]:
    """Return every place with an open fault: the stack of this checkout, and targets of any other kind."""
    try:
        folders, hidden = target_homes(), []
    except StateDirError as error:
        folders, hidden = [], [Place(state_dir(), None, f"{error}: a journal in it would say what is broken", None)]
    return [place for folder in [default_home(), *folders] if (place := look_at(folder)) is not None] + hidden


def look_at(folder: Path) -> Place | None:
    """Return the open fault in `folder`, None without one."""
    holder = Lease(folder / LEASE).holder()
    watchdog = int(holder) if is_watchdog(holder) else None
    try:
        fault = Journal(folder / JOURNAL).left_open()
    except JournalUnreadable as error:
        return Place(folder, None, str(error), watchdog)
    return None if fault is None else Place(folder, fault, None, watchdog)


def restore(
    place: Place,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    line: Callable[[str], None] = lambda text: None,
) -> str:
    """Heal the open fault in `place` and prove the target back; return how that went, in words.

    Args:
        limits: how long acts and proofs may take; None: those of the run that injected the fault.
        environment: where the secrets of the probe are read again; None: the variables of this process.
        line: takes a line for people now and then while it goes on.

    Raises:
        NotClosed: it is proven back, and its journal cannot be removed.
        NotProvenBack: it was healed as far as the act says, and the probe cannot be made; the message says why not.
        TargetError: it could not be healed, or is not proven back.
    """
    if place.fault is None:
        raise TargetError(str(place.problem))
    limits = limits or place.fault.limits
    watchdog = None if place.watchdog is None else watchdog_of(str(place.watchdog))
    if watchdog is not None and _healed_by(watchdog, place.folder, place.fault, limits, line):
        return f"{place.fault.described} is healed by watchdog {watchdog.pid}; its run breaks nothing more"
    with _leased(place.folder):
        now = look_at(place.folder)
        if now is None or now.fault is None or (now.fault.run_id, now.fault.at) != (place.fault.run_id, place.fault.at):
            return f"{place.fault.described} was healed by another process at this moment"
        return _heal_here(place.folder, replace(now.fault, recipe=place.fault.recipe), limits, environment, line)


def _heal_here(
    folder: Path,
    fault: OpenFault,
    limits: Limits,
    environment: Mapping[str, str] | None,
    line: Callable[[str], None],
) -> str:
    journal = Journal(folder / JOURNAL)
    if _taken_down(folder, fault):
        return _closed(journal, f"{fault.described}: its stack was taken down since, so nothing is left to heal")
    target = open_target(fault.target, journal, left=True)
    doing = AtWork(Progress(line)).doing
    effect = fault.effect
    done = heal_and_prove(target, fault, probe_of(fault, environment), limits, doing=doing)
    if done.by == BY_ITSELF:
        answered = "is answered" if effect.state == "down" else "is answered as usual"
        text = (
            f"{fault.described} is {effect.back} already: the probe that had proven the fault {answered} ({done.said})"
        )
    else:
        text = f"{fault.described} is healed and proven {effect.back} ({done.said})"
    return _closed(journal, text)


def _closed(journal: Journal, done: str) -> str:
    try:
        journal.close()
    except JournalStays as stays:
        raise NotClosed(f"{done}, but {stays}") from None
    return done


@contextmanager
def _leased(folder: Path) -> Iterator[None]:
    lease = Lease(folder / LEASE, "this target", "or end that process")
    try:
        lease.take(to_heal=True)
    except StackError as error:
        raise TargetError(str(error)) from None
    try:
        yield
    finally:
        lease.give_back()


def _taken_over(watchdog: WatchdogId, fault: OpenFault, line: Callable[[str], None]) -> bool:
    """Whether the watchdog that owns the target has ended, or was ended because it was frozen and its harness dead.

    Raises:
        TargetError: it is frozen, and its harness lives; or it belongs to another user.
    """
    try:
        standing = end_if_frozen(watchdog, fault.pid)
    except PermissionError:
        raise TargetError(
            f"watchdog {watchdog.pid} owns the target and belongs to another user: restore as that user"
        ) from None
    if standing is Standing.FROZEN:
        raise TargetError(
            f"watchdog {watchdog.pid} does not answer, and its harness (process {fault.pid}) still runs: end that "
            "harness, then restore again"
        )
    if standing is Standing.TAKEN_OVER:
        line(f"watchdog {watchdog.pid} was frozen and its harness has died: it was ended, to take over")
    return standing is not Standing.WORKS


def _taken_down(folder: Path, fault: OpenFault) -> bool:
    """Return whether `fault` hit the embedded stack in `folder`, and nothing of that stack runs any more."""
    home = fault.target.parameters.get("home", "")
    if fault.target.kind != "process" or not home or Path(home).resolve() != folder.resolve():
        return False
    stack = EmbeddedStack(folder)
    try:
        return stack.status() is None and not stack.orphans()
    except StackError as error:
        raise TargetError(str(error)) from None


def _healed_by(
    watchdog: WatchdogId, folder: Path, fault: OpenFault, limits: Limits, line: Callable[[str], None]
) -> bool:
    """Let the watchdog that owns the target heal and retire: only then nothing can break the target again.

    Returns:
        Whether it did; False where it has ended, or was frozen and was ended, so that healing is up to us.

    Raises:
        TargetError: it failed, or did not end within its limits; or see `_taken_over`.
    """
    progress, begun, asked = Progress(line), time.monotonic(), float("-inf")
    asked_to_heal = False
    # Requested in any case: its harness may have healed by now, and would go on to the next outage.
    while (now := look_at(folder)) is not None or not asked_to_heal:
        work = Work(f"waiting for watchdog {watchdog.pid} to heal the target", time.monotonic() - begun, limits.answer)
        progress(work)
        if now is not None and now.fault is not None and now.fault.failed > fault.failed:
            raise TargetError(f"watchdog {watchdog.pid} goes on trying: {now.fault.trouble}")
        if work.seconds >= work.limit:
            text = f"timed out after {work.limit:g} s waiting for watchdog {watchdog.pid} to heal the target"
            raise TargetError(text)
        if time.monotonic() >= asked + ASK_AGAIN_S:
            # Checked repeatedly: it may freeze during the wait.
            if _taken_over(watchdog, fault, line):
                return look_at(folder) is None
            asked = time.monotonic()
        if not asked_to_heal:
            with suppress(ProcessLookupError):  # its end is seen by the next question
                os.kill(watchdog.pid, signal.SIGUSR1)
            asked_to_heal = True
        time.sleep(POLL_S)
    return True
