"""A run as people see it while it goes on, one value for page and terminal."""

from dataclasses import dataclass
from typing import Literal

from chaos.live.snapshot import Snapshot
from chaos.run.conductor import Conductor
from chaos.run.plan import Plan, RunPhase
from chaos.run.run_progress import Check, RunProgress
from health.state_now import StateNow
from runlog.clock import AnchoredClock

StepState = Literal["done", "now", "to come", "cut", "never"]


@dataclass(frozen=True, slots=True)
class Step:
    """One phase in the strip of all phases.

    Attributes:
        state: `cut`: the run ended early in it; `never`: before it.
        words: how long it takes, or still takes.
    """

    name: str
    state: StepState
    words: str


@dataclass(frozen=True, slots=True)
class RunView:
    """The present of a run. Seconds; ages are counted from now.

    Attributes:
        run_id: None while the run has no folder yet.
        seconds_left, seconds_planned: of the phase; None where no end is planned.
        target: which component the run breaks; None in a run without a fault.
        broken: whether an outage has begun.
        state: of the target; None before the monitor asks.
        asked: what the answers are that the run asks for, in a word.
        snapshot: the live counts; None before the first, or where nothing counts.
        read_s: how old the knowledge of the topic's end is; None: it is not known yet.
        counted_s: how old the count of orders without their event is; None before the first snapshot.
        uncounted: why nothing is counted any more; None while all is.
        failure: why the plan did not run to its end.
    """

    run_id: str | None
    phase: RunPhase
    text: str
    steps: tuple[Step, ...]
    seconds_left: float | None
    seconds_planned: float | None
    target: str | None
    broken: bool
    state: StateNow | None
    asked: str
    snapshot: Snapshot | None
    read_s: float | None
    counted_s: float | None
    uncounted: str | None
    checks: tuple[Check, ...]
    awaited: str
    failure: str | None
    not_restored: bool
    exit_code: int | None


def view_of(conductor: Conductor) -> RunView:
    """Return what is known of a run right now."""
    progress, plan, run = conductor.progress, conductor.plan, conductor.open
    clock = None if run is None else run.recording.clock
    live = None if run is None else run.live
    snapshot = None if live is None else live.last
    counting = run is not None and progress.phase not in {RunPhase.RECONCILE, RunPhase.DONE}
    left, planned = _left(progress, plan, clock)
    return RunView(
        run_id=None if run is None else run.recording.folder.run_id,
        phase=progress.phase,
        text=progress.text,
        steps=tuple(_steps(progress, plan, left, finished=conductor.finished.is_set())),
        seconds_left=left,
        seconds_planned=planned,
        target=plan.outages[0].target if plan.outages else None,
        broken=progress.outage is not None,
        state=run.recording.monitor.state(progress.edge_at) if run is not None and counting else None,
        asked=conductor.settings.asked,
        snapshot=snapshot,
        read_s=None if snapshot is None else _age(snapshot.read_at, clock),
        counted_s=None if snapshot is None else _age(snapshot.counted_to, clock),
        uncounted=None if live is None else live.problem,
        checks=tuple(progress.checks),
        awaited=progress.awaited,
        failure=conductor.failure,
        not_restored=conductor.not_restored,
        exit_code=conductor.exit_code,
    )


def _age(at: float | None, clock: AnchoredClock | None) -> float | None:
    return None if at is None or clock is None else clock.now() - at


def _left(progress: RunProgress, plan: Plan, clock: AnchoredClock | None) -> tuple[float | None, float | None]:
    """Return how long the phase still takes as planned, and how long it takes in all."""
    if progress.ends_at is None or clock is None:
        return None, None
    outage = plan.outages[progress.outage] if progress.outage is not None else None
    planned = {
        RunPhase.BASELINE: plan.baseline,
        RunPhase.OUTAGE: None if outage is None else outage.length,
        RunPhase.RECOVERY: plan.calm if outage is None else outage.recovery,
    }.get(progress.phase)
    return max(0.0, progress.ends_at - clock.now()), planned


def _steps(progress: RunProgress, plan: Plan, left: float | None, *, finished: bool) -> list[Step]:
    """Return the strip: several outages share one step each for outage and recovery."""
    outage = plan.outages[progress.outage or 0] if plan.outages else None
    number = f"{(progress.outage or 0) + 1} of {len(plan.outages)}: " if len(plan.outages) > 1 else ""
    lengths = {
        RunPhase.PREFLIGHT: ("", ""),
        RunPhase.BASELINE: ("", f"{plan.baseline:g} s"),
        **({} if outage is None else {RunPhase.OUTAGE: (number, f"{outage.length:g} s")}),
        RunPhase.RECOVERY: (number, f"{plan.calm if outage is None else outage.recovery:g} s"),
        RunPhase.DRAIN: ("", f"≤ {progress.longest_s:.0f} s" if progress.longest_s else ""),
        RunPhase.RECONCILE: ("", ""),
    }
    order = list(lengths)
    now = order.index(progress.phase) if progress.phase in order else len(order)
    steps = []
    for place, (phase, (which, length)) in enumerate(lengths.items()):
        if place == now and not finished:
            steps.append(Step(phase.value, "now", which + (length if left is None else f"{left:.0f} s to go")))
            continue
        passed = phase in progress.ended and (place < now or finished)
        state: StepState = "done" if passed else "never" if finished else "to come"
        steps.append(Step(phase.value, "cut" if phase in progress.cut and state == "done" else state, which + length))
    return steps
