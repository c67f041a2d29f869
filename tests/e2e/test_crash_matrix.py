"""Every fault and every way in which a harness can end: afterwards the target is up and proven, nothing is left.

Each fault meets each ending, on each component in turn. A stack that was there before stays; one that the run itself
had started is healed first, then taken down, and its data kept.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaos.faults.journal import JOURNAL
from chaos.faults.registry import FAULTS
from chaos.faults.targets import COMPONENTS
from stack.embedded import EmbeddedStack
from tests.e2e.endings import BY_NAME, ENDINGS, assert_healed, await_no_process, judge, play
from tests.e2e.harness import Start, assert_all_up, assert_nothing_runs
from tests.e2e.page import free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
Case = tuple[str, str, str]
"""Fault, component, ending."""
# One of them with every `make test`.
USUAL = ("pause", "SIGKILL of its group")


def matrix() -> list[Any]:
    """Every fault with every ending; the component moves on, so that each fault and each ending meets all three.

    `make test-all` tries each ending once, the faults in turn, `make night` all.
    """
    cases = []
    for row, fault in enumerate(FAULTS):
        for column, ending in enumerate(ENDINGS):
            case = (fault, COMPONENTS[(row + column) % len(COMPONENTS)], ending.name)
            when = pytest.mark.exhaustive if row == column % len(FAULTS) else pytest.mark.night
            cases.append(pytest.param(case, id=" ".join(case), marks=[] if (fault, ending.name) == USUAL else when))
    return cases


@dataclass(frozen=True)
class Scene:
    """A stack that was there before, and what a test needs to play a run on it."""

    start: Start
    stack: EmbeddedStack
    home: Path
    folder: Path

    def play(self, case: Case) -> None:
        """Play the case, and see that all is well afterwards."""
        fault, component, ending = case
        target = ["--fault", fault, "--fault-target", component]
        run = play(BY_NAME[ending], self.start, self.folder, free_port(), target, home=self.home)
        await_no_process(self.home)
        assert_all_up(self.stack)
        assert not (self.home / JOURNAL).exists()
        assert_healed(run)
        report = judge(run, self.stack)
        if ending == "exception":
            assert {"injected", "healed", "failed"} <= set(run.marks)
        assert len(report["outages"]) == 1, "a harness that has lost its hold on the target must break nothing more"
        assert report["verdict"] != "consistent" or ending == "normal end"


@pytest.fixture
def scene(start: Start, left_running: EmbeddedStack, stack_home: Path, tmp_path: Path) -> Scene:
    return Scene(start, left_running, stack_home, tmp_path)


@pytest.mark.parametrize("case", matrix())
def test_a_stack_that_was_there_before_is_up_again(case: Case, scene: Scene) -> None:
    scene.play(case)


def endings() -> list[Any]:
    """Each ending; with `make test-all` the normal one and those that leave all to the watchdog."""
    usual = {"normal end", *(one.name for one in ENDINGS if one.killed)}
    marks = {True: pytest.mark.exhaustive, False: pytest.mark.night}
    return [pytest.param(one.name, marks=marks[one.name in usual]) for one in ENDINGS]


@pytest.mark.parametrize("ending", endings())
def test_a_stack_that_the_run_started_is_healed_and_taken_down_and_its_data_kept(
    ending: str, start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "stack"
    run = play(BY_NAME[ending], start, tmp_path, free_port(), ["--fault", "kill"])
    await_no_process(home)
    assert_nothing_runs(home)
    assert EmbeddedStack(home).orphans() == []
    assert not (home / JOURNAL).exists()
    assert_healed(run)
    # What its witnesses know is still there.
    stack = EmbeddedStack(home)
    stack.up(owner="the test", with_service=False)
    report = judge(run, stack)
    assert report["counts"]["rows"] > 0
    assert report["counts"]["events"] > 0
