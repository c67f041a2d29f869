"""Latency: answers come late. The TCP proxy in the target's way adds a delay once a round trip and loses no byte.

A container has no such proxy. A pair of commands may do it by other means (`tc qdisc`), on whatever the probes go by.
"""

from typing import Final

from chaos.faults.fault import Act, Fault, Need
from chaos.faults.targets import proxy_acts
from health.effect import Effect
from stack.proxy_mode import ProxyMode

LATENCY: Final = Fault(
    name="latency",
    phrase="latency of {strength} to the {target}",
    process=Act(
        do=lambda hit: proxy_acts.degrade(hit, ProxyMode(latency_s=hit.effect.added_s, jitter_s=hit.effect.jitter_s)),
        undo=proxy_acts.restore,
    ),
    container=None,
    effect=Effect("late"),
    held="was late to answer {probes}",
    missed="answered too early, or not at all, {probes}",
    asked=lambda options: Effect("late", options.fault_latency, options.fault_jitter),
    needs=frozenset({Need.PROXY}),
    silences=False,
)
