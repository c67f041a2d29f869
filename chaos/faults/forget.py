"""Closes a journal on request (`python -m chaos forget`), for what can neither be healed nor proven any more."""

from contextlib import suppress
from pathlib import Path

from chaos.faults.journal import JOURNAL, Journal, JournalStays, this_boot
from chaos.faults.restore import Place, look_at
from chaos.faults.targets import TargetError
from chaos.faults.targets.open_target import open_target
from chaos.faults.watchdog.fault_controller import LEASE
from stack.errors import StackError
from stack.lease import LEASE as STACK_LEASE
from stack.lease import Lease
from stack.state_dir import lease_of
from stack.state_store import default_home


def why_not(place: Place) -> str | None:
    """Return why the journal in `place` may not be closed by hand now, None when it may."""
    if place.watchdog is not None:
        return (
            f"watchdog {place.watchdog} owns it: `python -m chaos restore` lets that one heal it, or takes "
            "over if it is frozen"
        )
    for lease in _leases(place):
        if holder := Lease(lease).holder():
            return f"a run of process {holder} uses it now: end that run, then forget it"
    running = place.fault.running if place.fault is not None and place.fault.boot == this_boot() else None
    if running is not None and running.still_runs():
        text = f"its {running.step} command (process {running.pid}) still runs: wait until it ends, or end it"
        return f"{text}, then forget it"
    return None


def forget(place: Place) -> str:
    """Close the journal in `place` without healing or proving anything; return what was forgotten, in words.

    Raises:
        TargetError: a watchdog owns it, a run uses the target, a command of it still runs, or the journal cannot
            be removed.
    """
    lease = Lease(place.folder / LEASE, "this target", "or end that process")
    try:
        if (reason := why_not(place)) is not None:
            raise TargetError(reason)
        lease.take()
        now = look_at(place.folder)
        if now is None or now.fault != place.fault:
            raise TargetError("it has just changed; check `python -m chaos status`, then try again")
        Journal(place.folder / JOURNAL).close()
    except StackError as error:
        raise TargetError(str(error)) from None
    except JournalStays as stays:
        raise TargetError(str(stays)) from None
    finally:
        lease.give_back()
    return f"forgotten, neither healed nor proven: {place.describe()}"


def _leases(place: Place) -> list[Path]:
    """Return the lock files that a run holds which uses this target."""
    found = [place.folder / LEASE, place.folder / STACK_LEASE]
    if place.fault is None:
        return found
    if project := place.fault.target.parameters.get("project"):
        found.append(default_home() / f"compose-{project}" / STACK_LEASE)
    with suppress(TargetError):  # its engine does not answer, say: then only the other leases can tell
        found.append(lease_of(open_target(place.fault.target, left=True).identity))
    return found
