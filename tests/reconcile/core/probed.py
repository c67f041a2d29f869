"""A run whose monitor also probed the target itself, on a connection from before the fault and on new ones.

On the kept connection every 0.1 s, on a new one every 0.2 s from second 0.05 on; neither is answered while the target
is down, from second 10.35 to 20.85.
"""

from collections.abc import Callable
from dataclasses import replace

from health.replies import Connection, How, ProbeResult
from runlog import marks as m
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts

Change = Callable[[RunBuilder], object]


def probed(builder: RunBuilder | None = None, *, target: str = "broker", fault: str = "stop") -> RunBuilder:
    """Return a calm run (or `builder`) with probe results of `target`; offsets go on if that is not the broker."""
    builder = builder or RunBuilder().calm()
    builder.facts = facts(fault=fault, fault_target=target)
    builder.mark(m.INJECTING, fault=fault, target=target)
    builder.mark(m.INJECTED, seen={"kept": "broken", "new": "refused"})
    kept = [_one(tick / 10, "kept") for tick in range(340)]
    new = [_one(0.05 + tick / 5, "new") for tick in range(170)]
    builder.probe_results = sorted([*kept, *new], key=lambda seen: seen.asked)
    if target != "broker" or fault == "partition":
        going_on = builder.monitor()
        builder.observations = [
            seen if seen.ok else replace(seen, answered=seen.asked + 0.004, ends={0: START_OFFSET + 2}, error=None)
            for seen in going_on
        ]
    return builder


def _one(at: float, connection: Connection) -> ProbeResult:
    how: How = "refused" if 10.35 <= at < 20.85 else "answered"
    return ProbeResult(T0 + at, T0 + at + 0.004, connection, how)


def probes(connection: Connection, begin: float, end: float, how: How | None) -> Change:
    """Let what `connection` was asked between two seconds have become of `how`; None: nothing was asked."""

    def change(builder: RunBuilder) -> None:
        kept = []
        for seen in builder.probe_results or []:
            if seen.connection != connection or not begin <= seen.asked - T0 <= end:
                kept.append(seen)
            elif how is not None:
                kept.append(replace(seen, how=how))
        builder.probe_results = kept

    return change


def probe(connection: Connection, asked: float, answered: float, how: How = "answered") -> Change:
    """Add one question, asked and settled at given seconds."""

    def change(builder: RunBuilder) -> None:
        added = ProbeResult(T0 + asked, T0 + answered, connection, how)
        builder.probe_results = sorted([*(builder.probe_results or []), added], key=lambda seen: seen.asked)

    return change
