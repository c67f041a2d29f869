"""The journal of a target: what the watchdog writes into it, how an entry's target is probed, how it is closed."""

import logging

from chaos.faults.journal import Journal, JournalStays, OpenFault, this_boot
from chaos.faults.registry import known_fault
from chaos.faults.targets import Target, TargetError
from chaos.faults.watchdog.healing import NotAskable, probe_of, same_way
from chaos.faults.watchdog.protocol import ALREADY_DOWN, TARGET, Arm, Break, Refusal
from health.spec import ProbeSpec
from runlog.clock import AnchoredClock
from stack.process import start_time

log = logging.getLogger("watchdog")


def entry_of(arm: Arm, target: Target, fault: Break) -> OpenFault:
    """Return the journal's entry of a fault that is about to be injected.

    Raises:
        Refusal: it cannot be injected, or the target is down already.
    """
    described = target.describe()
    try:
        if not target.is_up():
            text = f"{described} is down or degraded already, and not by this run: it is left alone"
            raise Refusal(text, ALREADY_DOWN)
        undo = target.prepare(known_fault(fault.fault, fault.effect))
    except TargetError as error:
        raise Refusal(str(error), TARGET) from None
    return OpenFault(
        run_id=fault.run_id,
        fault=fault.fault,
        target=arm.target,
        described=described,
        at=AnchoredClock(*fault.clock).now(),
        pid=arm.harness,
        pid_started=start_time(arm.harness) or 0.0,
        undo=undo,
        marks=fault.marks,
        outage=fault.outage,
        effect=fault.effect,
        clock=fault.clock,
        boot=this_boot(),
        limits=arm.limits,
        recipe=arm.recipe,
    )


def probe_for(entry: OpenFault, arm: Arm) -> ProbeSpec | NotAskable:
    """Return how the target of an entry is probed: as in this run, if the fault was proven in that way."""
    same = entry.recipe is not None and same_way(entry.recipe, arm.recipe)
    return arm.probe if same else probe_of(entry)


def close_healed(journal: Journal) -> str | None:
    """Close the journal of a fault that is proven healed; return why it stays, if it does."""
    try:
        journal.close()
    except JournalStays as stays:
        log.warning("%s", stays)  # proven is proven: nothing is healed once more for it
        return str(stays)
    return None
