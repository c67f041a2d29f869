"""Undoes a fault that a journal tells of and proves the target back, for watchdog and `python -m chaos restore`."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chaos.journal import OpenFault
from chaos.targets import Target, TargetError
from health.spec import ProbeSpec
from health.wait import await_served
from runlog import marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark, MarksWriter

log = logging.getLogger("watchdog")

ACT_TIMEOUT_S: Final = 30.0
# How often a target that does not come back is mended again within the time there is.
HEAL_TRIES: Final = 3
# By whom a target was mended, as marks and reports say it.
HARNESS: Final = "harness"
BY_ITSELF: Final = "by itself"
WATCHDOG: Final = "watchdog"


def mend_and_prove(
    target: Target, entry: OpenFault, probe: ProbeSpec | None, timeout_s: float, *, marked: bool = False
) -> str:
    """Undo the fault of a journal's entry and wait until the target serves again; return what it said.

    Args:
        target: opened from the entry.
        entry: what was done.
        probe: how it is asked; None: it is only looked at.
        timeout_s: longest wait for it, in seconds.
        marked: whether the mark `healing` of this outage is written already.

    Raises:
        TargetError: it could not be undone, or was not proven back.
    """
    clock = AnchoredClock(*entry.clock)
    began = clock.now()
    # Where only a command could tell and none was given, a fresh process does not know whether it is broken.
    tells = entry.target.kind != "command" or bool(entry.target.parameters.get("check"))
    by_itself = not marked and tells and came_back(target)
    notes = _notes(entry)
    if not marked:
        notes(Mark(began, marks.HEALING, entry.outage))
    trouble, edge = "", None
    for _ in range(HEAL_TRIES):
        try:
            target.heal(entry.fault, entry.undo, ACT_TIMEOUT_S)
        except TargetError as error:
            trouble = str(error)
            continue
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # Of another version, or written by hand.
            trouble = f"the journal's record of it cannot be understood ({type(error).__name__}: {error})"
            break
        edge, trouble = _serves(target, probe, timeout_s / HEAL_TRIES, clock)
        if edge is not None:
            break
    if edge is None:
        raise TargetError(f"{target.describe()} could not be proven back: {trouble}")
    by = BY_ITSELF if by_itself else WATCHDOG
    notes(Mark(clock.now(), marks.HEALED, entry.outage, {"up_edge": list(edge), "healed_by": by}))
    return trouble


def came_back(target: Target) -> bool:
    """Return whether the target is up before it is mended; where nobody can tell, it is mended all the same."""
    try:
        return target.is_up()
    except TargetError:
        return False


def _serves(
    target: Target, probe: ProbeSpec | None, timeout_s: float, clock: AnchoredClock
) -> tuple[tuple[float, float] | None, str]:
    if probe is not None:
        return await_served(probe, timeout_s, clock.now)
    deadline, asked = time.monotonic() + timeout_s, clock.now()
    while not came_back(target):
        if time.monotonic() >= deadline:
            return None, "it is not up"
        asked = clock.now()
        time.sleep(0.1)
    return (asked, clock.now()), "it is up; nobody told how to ask it more"


def _notes(entry: OpenFault) -> Callable[[Mark], None]:
    """Return what writes marks into the history of the entry's run, where there is one still."""

    def note(mark: Mark) -> None:
        if not entry.marks or not Path(entry.marks).is_file():
            return
        try:
            writer = MarksWriter(Path(entry.marks))
            try:
                writer.write(mark)
            finally:
                writer.close()
        except OSError as error:
            # A full disk: mending goes before writing.
            log.warning("mark %s could not be written: %s", mark.name, error.strerror)

    return note
