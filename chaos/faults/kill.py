"""Kill: SIGKILL to the component and all its descendants, or to a container (by its engine: no policy restarts it)."""

from typing import Final

from chaos.faults.fault import Act, Fault
from chaos.faults.targets import container_acts

KILL: Final = Fault(
    name="kill",
    phrase="kill of the {target}",
    process=Act(do=lambda hit: hit.thing.kill()),
    container=Act(do=lambda hit: hit.thing.kill(), undo=container_acts.start),
    ends_process=True,
    drops_unflushed=True,
)
