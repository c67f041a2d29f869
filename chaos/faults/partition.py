"""Partition: only the way to the target is cut; connections stay open and carry nothing, new ones hang.

On the embedded stack the proxy in that way is frozen. A container is disconnected from each of its networks; what its
clients see then: `chaos.faults.targets.container`.
"""

from typing import Final

from chaos.faults.fault import Act, Fault, Need
from chaos.faults.targets import container_acts

PARTITION: Final = Fault(
    name="partition",
    phrase="partition of the {target}",
    process=Act(do=lambda hit: hit.thing.pause()),
    container=Act(do=container_acts.disconnect, undo=container_acts.reconnect),
    needs=frozenset({Need.PROXY, Need.NETWORK}),
    silences=False,
)
