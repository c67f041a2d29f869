"""What the watchdog writes into the journal of a run's target, and how it asks the target of an entry."""

from chaos.faults.fault import Undo
from chaos.faults.journal import OpenFault, this_boot
from chaos.faults.watchdog.healing import NotAskable, probe_of, same_way
from chaos.faults.watchdog.protocol import Arm, Begin
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from stack.process import start_time


def entry_of(arm: Arm, begin: Begin, described: str, undo: Undo) -> OpenFault:
    """Return the journal's entry of a fault that is about to be injected.

    Args:
        arm: whose target is hit.
        begin: the fault.
        described: what exactly is hit, in words.
        undo: what the target needs to know to undo it.
    """
    return OpenFault(
        run_id=begin.run_id,
        fault=begin.fault,
        target=arm.target,
        described=described,
        at=AnchoredClock(*begin.clock).now(),
        pid=arm.harness,
        pid_started=start_time(arm.harness) or 0.0,
        undo=undo,
        marks=begin.marks,
        outage=begin.outage,
        effect=begin.effect,
        clock=begin.clock,
        boot=this_boot(),
        limits=arm.limits,
        recipe=arm.recipe,
    )


def probe_for(entry: OpenFault, arm: Arm) -> ProbeSpec | NotAskable:
    """Return how the target of an entry is asked: as this run asks it, where that is the way that proved the fault."""
    same = entry.recipe is not None and same_way(entry.recipe, arm.recipe)
    return arm.probe if same else probe_of(entry)
