"""Runs whose target was late or whose connections were reset, and what the guards say of them."""

from collections.abc import Callable

from chaos.faults.registry import chosen_fault
from health.replies import Connection, How, ProbeResult
from reconcile.judge.findings import Guard
from reconcile.judge.judge import judge
from runlog import marks as m
from settings.run_settings import make_settings
from tests.reconcile.core.run_builder import T0, RunBuilder, facts

BEGIN, END = 10.35, 20.85
"""Seconds between which the target of these stories is degraded; it was injected at 10.5 and healing began at 20."""
Probe = Callable[[float, Connection, int], ProbeResult]


def late(by: float = 0.3, new: float = 0.3) -> Probe:
    """Answers that come late by so many seconds on the kept connection, and on a new one."""

    def probe(at: float, connection: Connection, place: int) -> ProbeResult:
        usual, added = (0.002, by) if connection == "kept" else (0.006, new)
        took = usual + (added if BEGIN <= at < END else 0.0)
        return ProbeResult(T0 + at, T0 + at + took, connection, "answered")

    return probe


def reset(every: int, kept: bool = True) -> Probe:
    """Every so many new connections are reset, and the kept one or not."""

    def probe(at: float, connection: Connection, place: int) -> ProbeResult:
        hit = BEGIN <= at < END and (kept if connection == "kept" else place % every == 0)
        how: How = "broken" if hit else "answered"
        return ProbeResult(T0 + at, T0 + at + 0.004, connection, how)

    return probe


def degraded(probe: Probe, fault: str, **options: str) -> RunBuilder:
    story = RunBuilder().calm().order(1, 12, event=False)
    found = chosen_fault(make_settings({"fault": fault, **options}))
    story.facts = facts(fault=found.facts, fault_target="broker")
    story.mark(m.INJECTING, fault=fault, target="broker")
    story.mark(m.INJECTED, seen={"kept": "answered", "new": "answered"}, measured={"kept": 0.3, "new": 0.9})
    kept = [probe(tick / 10, "kept", tick) for tick in range(340)]
    new = [probe(0.05 + tick / 20, "new", tick) for tick in range(680)]
    story.probe_results = sorted([*kept, *new], key=lambda seen: seen.asked)
    return story


def guards(story: RunBuilder) -> dict[str, Guard]:
    return {guard.name: guard for guard in judge(story.history()).guards}
