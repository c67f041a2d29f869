"""Heals a fault that a journal holds and proves the target back, for watchdog and `python -m chaos restore`."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from chaos.faults.addresses import canonical
from chaos.faults.journal import OpenFault, this_boot
from chaos.faults.limits import HEAL_TRIES, Limits
from chaos.faults.probe_recipes import Unresolved, resolve
from chaos.faults.targets import ActTimedOut, Target, TargetError, TargetSpec
from chaos.faults.targets.running_command import RunningCommand
from chaos.faults.watchdog.fault_marks import FaultMarks
from chaos.faults.watchdog.work_reports import Doing
from health.spec import ProbeRecipe, ProbeSpec
from health.state import Edge
from health.wait import await_served
from runlog.clock import AnchoredClock
from runlog.marks import HEALED, HEALING

log = logging.getLogger("watchdog")

# Who healed a target, as marks and reports name it.
HARNESS: Final = "harness"
BY_ITSELF: Final = "by itself"
WATCHDOG: Final = "watchdog"
# How long a target that may be back already is probed before it is healed, seconds.
BACK_ALREADY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Healed:
    """A target that is proven back.

    Attributes:
        by: `watchdog` or `by itself`.
    """

    by: str
    said: str


class NotProvenBack(TargetError):
    """The target was healed as far as possible, but whether it serves again is unknown; the message is one sentence."""


class NotAskable(Exception):
    """The target cannot be probed; the message says what is missing, and what to set."""


def probe_of(entry: OpenFault, environment: Mapping[str, str] | None = None) -> ProbeSpec | NotAskable:
    """Return how the target of a journal's entry is probed, in the way in which its fault was proven; or why not.

    Args:
        environment: where secrets are read again; None: the variables of this process.
    """
    if entry.recipe is None:
        return NotAskable("the journal does not say how it is probed")
    try:
        return resolve(entry.recipe, environment)
    except Unresolved as missing:
        return NotAskable(str(missing))


def same_way(one: ProbeRecipe, other: ProbeRecipe) -> bool:
    """Whether two recipes probe the same thing in the same way, wherever their secrets come from."""
    place = one.stack_home == other.stack_home if one.stack_home else canonical(one.address) == canonical(other.address)
    return place and (one.protocol, one.way) == (other.protocol, other.way)


def heal_and_prove(
    target: Target,
    entry: OpenFault,
    probe: ProbeSpec | NotAskable,
    limits: Limits,
    *,
    begun: bool = False,
    leftover: bool = True,
    acted: bool = False,
    doing: Doing = lambda what, limit_s: nullcontext(),
) -> Healed:
    """Heal the fault of a journal's entry and wait until the target is proven back; return how that went.

    Nothing is done for what an earlier run left broken where the probe that had proven the fault and the target's own
    check find it gone already. What a run of this process broke is healed by its act in any case.

    Args:
        probe: how the target is probed, in the way in which the fault was proven; or why it cannot be probed.
        limits: how long acts and proofs may take.
        leftover: whether an earlier run left it broken.
        acted: whether the act has just succeeded, so that its effect is awaited before it is done again.
        doing: wraps each step, so that its progress is reported.

    Raises:
        NotProvenBack: its heal act succeeded, but it could not be probed.
        TargetError: it could not be healed, or was not proven back.
    """
    return _Healing(target, entry, probe, limits, doing).run(begun=begun, leftover=leftover, acted=acted)


@dataclass(frozen=True, slots=True)
class _Healing:
    """The parts of one healing; see `heal_and_prove`."""

    target: Target
    entry: OpenFault
    probe: ProbeSpec | NotAskable
    limits: Limits
    doing: Doing

    def run(self, *, begun: bool, leftover: bool, acted: bool) -> Healed:
        marks = FaultMarks(self.entry, live=not leftover)
        clock, began = marks.clock, marks.clock.now()
        by = BY_ITSELF if not begun and _has_own_check(self.entry) and came_back(self.target) else WATCHDOG
        back = self._back_already(clock) if leftover and not begun else None
        marks.write(HEALING, began)
        if back is not None:
            (edge, said), by = back, BY_ITSELF
        else:
            found, said = self._heal(clock, acted)
            if found is None:
                found, by = self._back_all_the_same(clock, said), BY_ITSELF
            if found is None:
                raise TargetError(f"{self.target.describe()} is not proven back: {said}")
            edge = found
        marks.write(HEALED, clock.now(), up_edge=list(edge), healed_by=by)
        return Healed(by, said)

    def _heal(self, clock: AnchoredClock, acted: bool) -> tuple[Edge | None, str]:
        """Heal until it is proven, a few times; return the edge, None without one, and what was said last.

        A command that has succeeded is given all the time of the proof, and not run again while it may still work: a
        restart in the middle of a start never ends. One that another process ran may have failed: then it is run again.
        """
        target, limits, once = self.target, self.limits, runs_once(self.entry.target)
        left, trouble, edge = self._left_running, "", None
        others = acted or (left is not None and left.step == "heal")
        for _ in range(HEAL_TRIES):
            try:
                if not acted:
                    with self.doing(f"healing {target.describe()}", limits.command):
                        target.heal(self.entry.injected, self.entry.undo, limits.command)
            except ActTimedOut as error:
                return None, str(error)
            except TargetError as error:
                trouble = str(error)
                continue
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                # Of another version, or written by hand.
                return None, f"the journal's record of it cannot be read ({type(error).__name__}: {error})"
            if isinstance(self.probe, NotAskable):
                done = f"{target.describe()} was healed as far as the act itself says"
                raise NotProvenBack(f"{done}, and whether it serves is unknown: {self.probe}")
            wait_s = limits.proof if once else limits.proof_of_one
            with self.doing(f"waiting for the proof that the {target.component} serves again", wait_s):
                edge, trouble = await_served(self.probe, wait_s, clock.now, self.entry.effect)
            if edge is not None or (once and not others):
                break
            acted = others = False
        return edge, trouble

    @property
    def _left_running(self) -> RunningCommand | None:
        """The command of this fault that another process has started and that still runs, None without one."""
        running = self.entry.running if self.entry.boot == this_boot() else None
        return running if running is not None and running.still_runs() else None

    def _back_already(self, clock: AnchoredClock) -> tuple[Edge, str] | None:
        """Return edge and answer of a target that needs no healing any more: probe and own check find nothing.

        Without a check of its own a pair of commands is run anyway: what else its break command did, no probe sees.
        """
        if (
            self._left_running is not None
            or not self._probe_counts()
            or not _has_own_check(self.entry)
            or not came_back(self.target)
        ):
            return None
        edge, said = self._ask_shortly(clock)
        return None if edge is None else (edge, said)

    def _back_all_the_same(self, clock: AnchoredClock, trouble: str) -> Edge | None:
        """Return the edge of a target that serves although its heal act failed: perhaps it was corrected by hand."""
        if not self._probe_counts() or (_has_own_check(self.entry) and not came_back(self.target)):
            return None
        edge, _ = self._ask_shortly(clock)
        if edge is not None:
            log.warning("%s serves again although healing it failed: %s", self.target.describe(), trouble)
        return edge

    def _probe_counts(self) -> bool:
        """Whether the available probe is one that had proven the fault."""
        return self.entry.proven and isinstance(self.probe, ProbeSpec)

    def _ask_shortly(self, clock: AnchoredClock) -> tuple[Edge | None, str]:
        if isinstance(self.probe, NotAskable):
            return None, str(self.probe)
        return await_served(self.probe, BACK_ALREADY_S, clock.now, self.entry.effect)


def came_back(target: Target) -> bool:
    """Whether the target recovered before it was healed. False if unknown, so that it is healed anyway."""
    try:
        return target.is_up()
    except TargetError:
        return False


def runs_once(target: TargetSpec) -> bool:
    """Whether its heal act, once it has succeeded, is not done again while its effect is awaited: a user's command."""
    return target.kind == "command"


def _has_own_check(entry: OpenFault) -> bool:
    return entry.target.kind != "command" or bool(entry.target.parameters.get("check"))
