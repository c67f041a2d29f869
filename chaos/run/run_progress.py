"""What a run is doing: the run writes it as it goes, page and terminal show it."""

from dataclasses import dataclass, field

from chaos.run.plan import RunPhase


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the preflight that passed."""

    name: str
    detail: str


@dataclass(slots=True)
class RunProgress:
    """The present of one run. Times in epoch seconds of the run's clock.

    Attributes:
        text: what the phase does, one line.
        ends_at: planned end of the phase; None where none is planned, or known yet.
        longest_s: seconds that the phase may take at most; None where nothing limits it.
        outage: number of the outage that is going on or was last, from 0.
        edge_at: when injection, or healing, last began.
        checks: of the preflight, in order.
        awaited: what the drain waits for; empty before.
        ended: the phases that are over, in order.
        cut: the phases that ended early, and judging where it left no report.
    """

    phase: RunPhase = RunPhase.IDLE
    text: str = ""
    ends_at: float | None = None
    longest_s: float | None = None
    outage: int | None = None
    edge_at: float = 0.0
    checks: list[Check] = field(default_factory=list)
    awaited: str = ""
    ended: list[RunPhase] = field(default_factory=list)
    cut: set[RunPhase] = field(default_factory=set)

    def enter(self, phase: RunPhase, text: str) -> None:
        """Begin a phase."""
        if self.phase not in {phase, RunPhase.IDLE}:
            self.ended.append(self.phase)
        self.phase, self.text, self.ends_at, self.longest_s, self.awaited = phase, text, None, None, ""
