"""Finds what stands open in the journals of this machine, and mends it: what `python -m chaos` does.

Where a watchdog is in charge it is asked to mend, so that the run it belongs to cannot break anything more. Where
nobody is, it is done here.
"""

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from chaos.journal import JOURNAL, Journal, JournalUnreadable, OpenFault
from chaos.limits import HEAL_TRIES
from chaos.targets import TargetError
from chaos.targets.opening import open_target
from chaos.watchdog.healing import NotAskable, heal_and_prove
from chaos.watchdog.keeper import LEASE
from chaos.watchdog.takedown import is_watchdog
from health.spec import ProbeSpec
from runlog.statedir import target_homes
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.lease import Lease, LeaseTaken
from stack.store import default_home

POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a journal in it.

    Attributes:
        folder: where lease and journal lie.
        fault: what stands open; None when it cannot be read.
        problem: why it cannot be read, None otherwise.
        watchdog: process id of the watchdog in charge, None without one.
    """

    folder: Path
    fault: OpenFault | None
    problem: str | None
    watchdog: int | None

    def describe(self) -> str:
        """Return what is broken, by whom, and who is in charge, as one line."""
        if self.fault is None:
            return str(self.problem)
        harness = "which still runs" if _runs(self.fault.pid) else "which has ended"
        charge = f"watchdog {self.watchdog} is in charge" if self.watchdog else "nobody is in charge"
        return (
            f"{self.fault.described}: {self.fault.fault} by run {self.fault.run_id} of process {self.fault.pid}, "
            f"{harness}; {charge}"
        )


def places() -> list[Place]:
    """Return every place where something stands open: the stack of this checkout, and targets of any other kind."""
    return [place for folder in [default_home(), *target_homes()] if (place := look_at(folder)) is not None]


def look_at(folder: Path) -> Place | None:
    """Return what stands open in `folder`, None when nothing does."""
    holder = Lease(folder / LEASE).holder()
    watchdog = int(holder) if is_watchdog(holder) else None
    try:
        fault = Journal(folder / JOURNAL).left_open()
    except JournalUnreadable as error:
        return Place(folder, None, str(error), watchdog)
    return None if fault is None else Place(folder, fault, None, watchdog)


def restore(place: Place, probe: ProbeSpec | None, timeout_s: float) -> str:
    """Mend what stands open in `place` and return how that went, in words.

    Args:
        place: see `places`.
        probe: how the target is asked whether it serves; None: the target is only looked at.
        timeout_s: longest wait for it, seconds.

    Raises:
        TargetError: it could not be mended, or not be proven back.
    """
    if place.fault is None:
        raise TargetError(str(place.problem))
    if place.watchdog is not None:
        return _ask_watchdog(place, place.watchdog, timeout_s)
    lease = Lease(place.folder / LEASE, "this target", "or end that process")
    try:
        lease.take()
    except LeaseTaken as error:
        raise TargetError(str(error)) from None
    except StackError as error:
        raise TargetError(str(error)) from None
    try:
        now = look_at(place.folder)
        if now is None or now.fault != place.fault:
            return f"{place.fault.described} was mended by somebody else at this very moment"
        if _taken_down(place.folder, place.fault):
            Journal(place.folder / JOURNAL).close()
            return f"{place.fault.described}: its stack was taken down since, so nothing is left to mend"
        journal = Journal(place.folder / JOURNAL)
        asked = probe or NotAskable("no option says how it is asked")
        limits = replace(place.fault.limits, proof=timeout_s)
        said = heal_and_prove(open_target(place.fault.target, journal), place.fault, asked, limits)
        Journal(place.folder / JOURNAL).close()
    finally:
        lease.give_back()
    return f"{place.fault.described} is mended ({said})"


def probe_of_process(fault: OpenFault) -> ProbeSpec | None:
    """Return how a component of an embedded stack is asked; None when that stack is not up any more.

    Raises:
        TargetError: the stack's state cannot be read.
    """
    home = fault.target.parameters.get("home", "")
    try:
        state = EmbeddedStack(Path(home)).status() if home else None
    except StackError as error:
        raise TargetError(str(error)) from None
    if state is None:
        return None
    return {
        "broker": ProbeSpec("kafka", state.service_kafka_bootstrap),
        "database": ProbeSpec("sql", state.service_database_url),
        "service": ProbeSpec("http", f"{state.service_url}/actuator/health"),
    }.get(fault.target.component)


def _taken_down(folder: Path, fault: OpenFault) -> bool:
    """Return whether `fault` was done to the embedded stack in `folder`, and nothing of that stack runs any more."""
    home = fault.target.parameters.get("home", "")
    if fault.target.kind != "process" or not home or Path(home).resolve() != folder.resolve():
        return False
    stack = EmbeddedStack(folder)
    try:
        return stack.status() is None and not stack.strays()
    except StackError as error:
        raise TargetError(str(error)) from None


def _runs(pid: int) -> bool:
    """Return whether a process has this id; one that no process can have is nobody's."""
    try:
        return bool(psutil.pid_exists(pid))
    except OverflowError:
        return False


def _ask_watchdog(place: Place, pid: int, timeout_s: float) -> str:
    """Let the watchdog mend and retire: only then nothing can break the target again."""
    try:
        os.kill(pid, signal.SIGUSR1)
    except PermissionError:
        raise TargetError(f"watchdog {pid} is in charge and belongs to somebody else: restore as that user") from None
    except ProcessLookupError:
        raise TargetError(f"watchdog {pid} ended at this very moment; restore again") from None
    deadline = time.monotonic() + timeout_s * HEAL_TRIES
    while look_at(place.folder) is not None:
        if time.monotonic() >= deadline:
            raise TargetError(f"waited {timeout_s * HEAL_TRIES:g} s in vain for watchdog {pid} to mend the target")
        if not psutil.pid_exists(pid):
            raise TargetError(f"watchdog {pid} ended before it had mended the target; restore again")
        time.sleep(POLL_S)
    described = place.fault.described if place.fault else "the target"
    return f"{described} is mended by watchdog {pid}; its run breaks nothing more"
