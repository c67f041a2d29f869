"""What page and terminal see of a run, phase by phase, and which steps are done, going on, to come or never."""

from types import SimpleNamespace
from typing import Any

import pytest

from chaos.live.snapshot import Snapshot
from chaos.run.plan import RunPhase, make_plan
from chaos.run.run_progress import RunProgress
from chaos.run.run_view import RunView, view_of
from health.state_now import StateNow
from runlog.clock import AnchoredClock
from settings.run_settings import make_settings
from tests.chaos.run.test_live_lines import COUNTS

UP = StateNow("up", "answers", 1.0)


def conductor(progress: RunProgress, *, opened: bool = True, finished: bool = False, **texts: str) -> Any:
    settings = make_settings(texts)
    clock = AnchoredClock.anchor()
    recording = SimpleNamespace(
        clock=clock,
        folder=SimpleNamespace(run_id="20261123-073000-4f2a"),
        monitor=SimpleNamespace(state=lambda since: UP),
    )
    snapshot = Snapshot(clock.now(), COUNTS, clock.now() - 4, clock.now() - 5, None, None, 0)
    run = SimpleNamespace(recording=recording, live=SimpleNamespace(last=snapshot, problem=None))
    return SimpleNamespace(
        progress=progress,
        plan=make_plan(settings),
        settings=settings,
        open=run if opened else None,
        finished=SimpleNamespace(is_set=lambda: finished),
        failure=None,
        not_restored=False,
        exit_code=None,
        clock=clock,
    )


def view(progress: RunProgress, **given: Any) -> RunView:
    return view_of(conductor(progress, **given))


def in_phase(*phases: RunPhase) -> RunProgress:
    progress = RunProgress()
    for phase in phases:
        progress.enter(phase, f"in {phase.value}")
    return progress


def states(found: RunView) -> list[str]:
    return [step.state for step in found.steps]


def test_before_a_run_has_its_folder_nothing_is_known_of_it() -> None:
    found = view(in_phase(RunPhase.PREFLIGHT), opened=False)
    assert (found.run_id, found.snapshot, found.state, found.read_s) == (None, None, None, None)
    assert states(found) == ["now", *["to come"] * 5]
    assert [step.name for step in found.steps] == ["preflight", "baseline", "outage", "recovery", "drain", "reconcile"]


def test_a_phase_counts_down_to_its_planned_end() -> None:
    progress = in_phase(RunPhase.PREFLIGHT, RunPhase.BASELINE)
    running = conductor(progress)
    progress.ends_at = running.clock.now() + 4.4
    found = view_of(running)
    assert found.seconds_left == pytest.approx(4.4, abs=0.5)
    assert found.seconds_planned == 10.0
    assert found.steps[1].words == "4 s to go"
    assert states(found)[:3] == ["done", "now", "to come"]
    assert found.state == UP
    assert found.read_s == pytest.approx(4, abs=0.5)


def test_several_outages_share_a_step_that_says_which_it_is() -> None:
    progress = in_phase(RunPhase.PREFLIGHT, RunPhase.BASELINE, RunPhase.OUTAGE, RunPhase.RECOVERY, RunPhase.OUTAGE)
    progress.outage = 1
    found = view(progress, outages="3")
    assert found.steps[2].words == "2 of 3: 15 s"
    assert states(found) == ["done", "done", "now", "to come", "to come", "to come"]
    assert [step.words for step in found.steps[1:4]] == ["10 s", "2 of 3: 15 s", "2 of 3: 10 s"]


def test_a_run_without_a_fault_has_no_outage_and_no_target() -> None:
    found = view(in_phase(RunPhase.PREFLIGHT, RunPhase.BASELINE), scenario="control")
    assert "outage" not in [step.name for step in found.steps]
    assert found.target is None
    assert view(in_phase(RunPhase.BASELINE), scenario="phantom-event").asked == "rolled back"


def test_a_run_that_ended_early_never_came_to_the_other_steps() -> None:
    progress = in_phase(RunPhase.PREFLIGHT, RunPhase.BASELINE, RunPhase.OUTAGE, RunPhase.RECONCILE, RunPhase.DONE)
    progress.cut.add(RunPhase.OUTAGE)
    found = view(progress, finished=True)
    assert states(found) == ["done", "done", "cut", "never", "never", "done"]
    assert found.state is None


def test_while_it_is_judged_nothing_is_asked_of_the_target() -> None:
    found = view(in_phase(RunPhase.DRAIN, RunPhase.RECONCILE))
    assert (found.state, found.uncounted) == (None, None)
    assert found.snapshot is not None


def test_the_drain_has_a_limit_that_its_step_says() -> None:
    progress = in_phase(RunPhase.DRAIN)
    progress.longest_s, progress.awaited = 61.4, "waiting for something"
    found = view(progress)
    assert found.steps[4].words == "≤ 61 s"
    assert found.awaited == "waiting for something"
    progress.enter(RunPhase.RECONCILE, "")
    assert not progress.longest_s and not progress.awaited
