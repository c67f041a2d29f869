"""Reset: the TCP proxy in the target's way resets a share of the connections, established ones at once, and new ones.

A container has no such proxy. A pair of commands may do it by other means (a firewall that rejects with a reset).
"""

from typing import Final

from chaos.faults.fault import Act, Fault, Need
from chaos.faults.targets import proxy_acts
from health.effect import Effect
from stack.proxy_mode import ProxyMode

RESET: Final = Fault(
    name="reset",
    phrase="reset of {strength} to the {target}",
    process=Act(
        do=lambda hit: proxy_acts.degrade(hit, ProxyMode(reset_share=hit.effect.share)),
        undo=proxy_acts.restore,
    ),
    container=None,
    effect=Effect("reset"),
    held="reset {probes}",
    missed="did not reset {probes}",
    asked=lambda options: Effect("reset", share=options.fault_share),
    needs=frozenset({Need.PROXY}),
    silences=False,
)
