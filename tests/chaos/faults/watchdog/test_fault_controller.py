"""The fault controller on a target of the test's own: journal and mark before the act, only what was broken is healed,
and each mark is written once.
"""

from pathlib import Path

import pytest

from chaos.faults.fault import Fault, Undo
from chaos.faults.journal import Journal, OpenFault
from chaos.faults.targets import TargetError
from chaos.faults.watchdog import protocol
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.protocol import Break, Refusal
from runlog.marks import Mark
from tests.chaos.faults.watchdog.stage import ALL_MARKS, DOWN, SPEC, UP, Server, Stage

pytestmark = pytest.mark.process


def test_journal_mark_act_proof_and_back(stage: Stage) -> None:
    stage.break_it()
    assert stage.names == ["injecting"]
    left = stage.journal.left_open()
    assert left is not None
    assert (left.run_id, left.fault, left.target, left.undo, left.pid) == ("run-1", "stop", SPEC, {"was": "up"}, 4711)
    stage.controller.injected(DOWN)
    left = stage.journal.left_open()
    assert left is not None
    assert left.proven
    healing = stage.controller.heal()
    assert stage.controller.healed(UP).stays is None
    assert stage.journal.left_open() is None
    assert stage.server.did == ["break", "heal"]
    injecting, injected, began, healed = stage.read()
    assert stage.names == ALL_MARKS
    assert injecting.detail == {"fault": "stop", "target": "service", "described": "service (the test's)"}
    assert injected.detail == {"down_edge": [1.0, 2.0], "seen": {"kept": "broken", "new": "refused"}}
    assert began.at == healing.at
    assert healed.detail == {"up_edge": [3.0, 4.0], "healed_by": "harness"}
    assert injecting.at < injected.at < began.at < healed.at < stage.clock.now()


def test_the_mark_comes_before_the_act(stage: Stage) -> None:
    stage.server.apply = lambda fault, undo, timeout_s: stage.server.did.extend(stage.names)  # type: ignore[method-assign]
    stage.break_it()
    assert stage.server.did == ["injecting"]


def test_what_is_not_wanted_any_more_is_not_done(stage: Stage) -> None:
    with pytest.raises(Refusal, match="so nothing is broken") as refused:
        stage.controller.inject(Break("run-1", "stop", 0, (0.0, 0.0)), given_up=lambda: True)
    assert refused.value.why == protocol.BEGUN
    assert stage.server.did == []


@pytest.mark.parametrize("error", [TargetError("no permission"), ValueError("no permission")])
def test_an_act_that_fails_is_to_be_healed(stage: Stage, error: Exception) -> None:
    def fails(fault: Fault, undo: Undo, timeout_s: float) -> None:
        raise error

    stage.server.apply = fails  # type: ignore[method-assign]
    with pytest.raises(Refusal, match="no permission") as refused:
        stage.break_it()
    assert refused.value.why == protocol.BEGUN
    assert stage.controller.broken
    stage.controller.heal()
    stage.controller.healed(UP)
    assert stage.names == ["injecting", "healing", "healed"]


def test_a_mark_that_cannot_be_written_is_reported_and_keeps_nothing_broken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, mark: Mark) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chaos.faults.watchdog.fault_marks.append_mark", full)
    clock = stage.clock.epoch, stage.clock.monotonic
    injecting = stage.controller.inject(Break("run-1", "stop", 0, clock, str(stage.marks)))
    assert injecting.unwritten == "the mark injecting cannot be written: No space left on device"
    assert stage.controller.heal().unwritten
    assert stage.controller.healed(UP).unwritten
    assert stage.journal.left_open() is None


def test_one_that_dies_between_mark_and_journal_leaves_one_healed(stage: Stage, server: Server) -> None:
    stage.break_it()
    stage.controller.injected(DOWN)
    entry = stage.journal.left_open()
    assert entry is not None
    stage.controller.heal()
    stage.controller.healed(UP)
    stage.controller.disarm()
    stage.journal.open(entry)
    assert FaultController(lambda spec, journal, left: server).arm(stage.arm)
    assert stage.journal.left_open() is None
    assert stage.names == ALL_MARKS


def test_one_that_dies_while_it_heals_leaves_one_healing(stage: Stage, server: Server) -> None:
    stage.break_it()
    stage.controller.heal()
    stage.controller.disarm()
    server.up = False
    assert FaultController(lambda spec, journal, left: server).arm(stage.arm)
    assert stage.names == ["injecting", "healing", "healed"]
    assert stage.read()[-1].detail["healed_by"] == "watchdog"


def test_what_is_down_already_is_left_alone(stage: Stage) -> None:
    stage.server.up = False
    with pytest.raises(Refusal, match="is down or degraded already, and not by this run") as refused:
        stage.break_it()
    assert refused.value.why == protocol.ALREADY_DOWN
    assert stage.journal.left_open() is None
    assert stage.controller.heal().at is None
    assert stage.names == stage.server.did == []


def test_a_journal_that_cannot_be_written_breaks_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, entry: OpenFault) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "open", full)
    with pytest.raises(Refusal, match="the journal cannot be written"):
        stage.break_it()
    assert stage.server.up


def test_a_journal_that_is_not_safe_on_the_disk_does_not_stay(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chaos.faults.journal.os.fsync", full)
    with pytest.raises(Refusal, match="so nothing is broken"):
        stage.break_it()
    assert stage.server.did == []
    assert stage.journal.left_open() is None, "it would say for ever that something is broken"


def test_a_target_that_came_back_by_itself_is_marked_so(stage: Stage) -> None:
    stage.break_it()
    stage.server.up = True
    stage.controller.heal()
    stage.controller.heal()
    stage.controller.healed(UP)
    assert stage.read()[-1].detail["healed_by"] == "by itself"


def test_a_target_that_is_back_although_its_heal_act_fails_came_back_by_itself(stage: Stage) -> None:
    stage.break_it()
    stage.server.trouble = "the port is taken"
    with pytest.raises(Refusal, match="the port is taken"):
        stage.controller.heal()
    stage.controller.healed(UP)
    assert stage.names == ["injecting", "healing", "healed"]
    assert stage.read()[-1].detail["healed_by"] == "by itself"


def test_one_lease_per_target(stage: Stage, server: Server) -> None:
    other = FaultController(lambda spec, journal, left: server)
    with pytest.raises(Refusal, match="already uses this target") as refused:
        other.arm(stage.arm)
    assert refused.value.why == protocol.BUSY
    stage.controller.disarm()
    assert other.arm(stage.arm) is None


def test_arming_again_takes_the_next_run(stage: Stage) -> None:
    assert stage.controller.arm(stage.arm) is None
    stage.break_it()
    assert stage.controller.heal().at


def test_nothing_is_broken_before_a_target_is_named(server: Server) -> None:
    with pytest.raises(Refusal, match="the watchdog owns no target yet"):
        FaultController(lambda spec, journal, left: server).inject(Break("run-1", "stop", 0, (0.0, 0.0)))
