"""What the fault controller heals on its own account: after its time, again, and what an earlier run left broken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.faults.journal import JournalUnreadable
from chaos.faults.limits import Limits
from chaos.faults.watchdog import fault_controller, protocol
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.protocol import Refusal
from health.spec import ProbeRecipe
from runlog.marks import read_marks
from tests.chaos.faults.watchdog.stage import DOWN, UP, Server, Stage

pytestmark = pytest.mark.process


def test_an_outage_is_overdue_only_after_its_time(
    server: Server, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    stage = Stage(server, tmp_path, max_outage=60.0)
    stage.controller.arm(stage.arm)

    def overdue() -> bool:
        return stage.controller.overdue is not None

    assert not overdue()
    stage.break_it()
    passing(59.9)
    assert not overdue()
    passing(0.2)
    assert overdue()
    stage.controller.heal()
    stage.controller.healed(UP)
    assert not overdue()


def test_retiring_heals_proves_marks_and_breaks_nothing_more(stage: Stage) -> None:
    stage.break_it()
    assert "the outage took too long, so the watchdog has healed" in stage.controller.retire("the outage took too long")
    assert stage.server.up
    assert stage.journal.left_open() is None
    assert stage.names == ["injecting", "healing", "healed"]
    healed = read_marks(stage.marks)[-1]
    assert healed.detail["healed_by"] == "watchdog"
    edge = healed.detail["up_edge"]
    assert edge[0] <= edge[1] <= stage.clock.now()
    with pytest.raises(Refusal, match="took too long") as refused:
        stage.break_it()
    assert refused.value.why == protocol.RETIRED
    with pytest.raises(Refusal, match="took too long"):
        stage.controller.injected(DOWN)
    assert stage.controller.heal().at is None
    assert stage.controller.healed(UP).at is None
    assert stage.server.did == ["break", "heal"]
    assert stage.names == ["injecting", "healing", "healed"]


def test_healing_that_the_harness_asked_for_is_marked_once(stage: Stage) -> None:
    stage.break_it()
    stage.controller.heal()
    stage.controller.retire("the harness is gone")
    assert stage.names == ["injecting", "healing", "healed"]


def test_what_cannot_be_healed_stays_in_the_journal_and_is_tried_again(
    stage: Stage, passing: Callable[[float], None]
) -> None:
    stage.break_it()
    stage.server.trouble = "the port is taken"
    with pytest.raises(Refusal, match="is not proven back: the port is taken"):
        stage.controller.retire("the harness is gone")
    assert stage.journal.left_open() is not None
    assert stage.controller.broken
    seen = [stage.controller.overdue]
    passing(fault_controller.AGAIN_S)
    seen.append(stage.controller.overdue)
    assert [each is not None for each in seen] == [False, True]
    stage.server.trouble = None
    stage.controller.retire("again")
    assert stage.journal.left_open() is None


def test_what_does_not_serve_again_is_not_called_healed(stage: Stage) -> None:
    stage.break_it()
    stage.server.heal = lambda fault, undo, timeout_s: None  # type: ignore[method-assign]
    with pytest.raises(Refusal, match="status 503"):
        stage.controller.retire("the harness is gone")
    assert stage.journal.left_open() is not None


def test_what_an_earlier_run_left_broken_is_healed_first(stage: Stage, server: Server) -> None:
    stage.break_it()
    stage.controller.disarm()  # as if it had died
    fresh = FaultController(lambda spec, journal, left: server)
    healed = fresh.arm(stage.arm)
    assert healed is not None
    assert healed.startswith("service (the test's), which run run-1 left broken (stop, 2")
    assert server.up
    assert stage.journal.left_open() is None
    assert stage.names == ["injecting", "healing", "healed"]


def test_a_leftover_that_cannot_be_healed_is_a_refusal_and_gives_the_lease_back(stage: Stage, server: Server) -> None:
    stage.break_it()
    stage.controller.disarm()
    server.trouble = "the port is taken"
    fresh = FaultController(lambda spec, journal, left: server)
    with pytest.raises(Refusal, match=r"which run run-1 left broken \(stop, .*Z\), is not healed: .*the port is taken"):
        fresh.arm(stage.arm)
    server.trouble = None
    assert FaultController(lambda spec, journal, left: server).arm(stage.arm) is not None


def test_an_unreadable_journal_breaks_nothing_and_says_what_to_do(stage: Stage, server: Server) -> None:
    stage.controller.disarm()
    stage.journal.path.write_text("{")
    with pytest.raises(
        JournalUnreadable, match="check that all components are up, then close it with `python -m chaos forget`"
    ):
        stage.journal.left_open()
    with pytest.raises(Refusal, match="something may be broken"):
        FaultController(lambda spec, journal, left: server).arm(stage.arm)


def test_a_target_that_is_not_proven_back_in_time_is_healed_again(
    stage: Stage, server: Server, tmp_path: Path, passing: Callable[[float], None]
) -> None:
    """However long the heal act took: the time that the proof may take begins after it."""
    stage.controller.disarm()
    late = Stage(server, tmp_path)

    def overdue() -> str | None:
        return late.controller.overdue

    late.controller.arm(replace(late.arm, limits=Limits(30.0, -29.5)))  # half a second for the proof
    late.break_it()
    passing(60.0)
    assert overdue() == "the outage lasted longer than --max-outage"
    late.controller.heal()
    assert overdue() is None
    passing(0.6)
    assert overdue() == "the harness did not prove the healed target back in time"


def test_what_a_run_broke_itself_is_healed_by_its_act_even_if_it_came_back_by_itself(stage: Stage) -> None:
    stage.break_it()
    stage.controller.injected(DOWN)
    stage.server.up = True
    stage.controller.retire("the harness is gone")
    assert stage.server.did == ["break", "heal"]
    assert read_marks(stage.marks)[-1].detail["healed_by"] == "by itself"


def test_a_proven_fault_of_an_earlier_run_that_is_gone_needs_no_act(stage: Stage, server: Server) -> None:
    stage.break_it()
    stage.controller.injected(DOWN)
    stage.controller.disarm()
    server.up = True
    FaultController(lambda spec, journal, left: server).arm(stage.arm)
    assert server.did == ["break"]
    assert stage.journal.left_open() is None
    assert read_marks(stage.marks)[-1].detail["healed_by"] == "by itself"


def test_a_failure_to_heal_is_in_the_journal(stage: Stage) -> None:
    stage.break_it()
    stage.server.trouble = "the port is taken"
    for failed in (1, 2):
        with pytest.raises(Refusal):
            stage.controller.retire("the harness is gone")
        entry = stage.journal.left_open()
        assert entry is not None
        assert (entry.failed, "the port is taken" in entry.trouble) == (failed, True)


def test_the_next_run_does_not_take_another_probe_for_the_one_that_proved_the_fault(
    stage: Stage, server: Server
) -> None:
    """The service of the new run answers somewhere else; what the earlier one asked is silent."""
    stage.break_it()
    stage.controller.disarm()
    entry = stage.journal.left_open()
    assert entry is not None
    stage.journal.open(replace(entry, recipe=ProbeRecipe("http", "http://127.0.0.1:9/health")))
    server.up = True
    with pytest.raises(Refusal, match="is not proven back"):
        FaultController(lambda spec, journal, left: server).arm(stage.arm)
    assert stage.journal.left_open() is not None
