"""Pause: every process of the target is frozen. Its ports accept connections, and nothing is answered."""

from typing import Final

from chaos.faults.fault import Act, Fault
from chaos.faults.targets import container_acts

PAUSE: Final = Fault(
    name="pause",
    phrase="pause of the {target}",
    process=Act(do=lambda hit: hit.thing.pause()),
    container=Act(do=lambda hit: hit.thing.pause(), undo=container_acts.resume),
)
