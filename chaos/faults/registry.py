"""Every fault by its name. `settings.plan_options` offers the same names; a test holds the two equal."""

from dataclasses import replace
from typing import Final

from chaos.faults.fault import Fault
from chaos.faults.kill import KILL
from chaos.faults.latency import LATENCY
from chaos.faults.partition import PARTITION
from chaos.faults.pause import PAUSE
from chaos.faults.reset import RESET
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetError
from health.effect import Effect
from settings.run_settings import Settings

FAULTS: Final[dict[str, Fault]] = {fault.name: fault for fault in (STOP, KILL, PAUSE, PARTITION, LATENCY, RESET)}
CONTAINER_FAULTS: Final = {name: fault for name, fault in FAULTS.items() if fault.container is not None}


def chosen_fault(settings: Settings) -> Fault:
    """Return the fault that the options of a run ask for, as strong as they say."""
    fault = FAULTS[settings.fault]
    return replace(fault, effect=fault.asked(settings))


def known_fault(name: str, effect: Effect) -> Fault:
    """Return the fault that a journal or a request names.

    Raises:
        TargetError: there is none of that name.
    """
    if name not in FAULTS:
        raise TargetError(f"a fault {name!r} is not known to this version")
    return replace(FAULTS[name], effect=effect)
