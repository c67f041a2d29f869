"""The fault controller on a target of the test's own: journal and mark before the act, only what was broken is healed,
each mark is written once, and nothing is broken any more once it has retired.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaos.faults.fault import Fault, Undo
from chaos.faults.journal import JOURNAL, Journal, JournalUnreadable, OpenFault
from chaos.faults.limits import Limits
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.watchdog import fault_controller, protocol
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.protocol import Arm, Break, Refusal
from health.spec import ProbeRecipe, ProbeSpec
from health.state import Proof
from runlog.clock import AnchoredClock
from runlog.marks import Mark, MarksWriter, read_marks
from tests.http_server import QuietHandler, serving

pytestmark = pytest.mark.process

SPEC = TargetSpec("process", "service", {"home": "nowhere"})
DOWN = Proof((1.0, 2.0), {"kept": "broken", "new": "refused"})
UP = Proof((3.0, 4.0), {"kept": "answered", "new": "answered"})
ALL_MARKS = ["injecting", "injected", "healing", "healed"]


class Server:
    """A service that answers while its target is up."""

    def __init__(self) -> None:
        self.up = True
        self.did: list[str] = []
        self.trouble: str | None = None
        self.journal: Path | None = None
        outer = self

        class Health(QuietHandler):
            def do_GET(self) -> None:
                self.say(200 if outer.up else 503)

        self.health = Health
        self.url = ""

    # The target.
    component = "service"
    identity = "the test's service"
    faults = ("stop",)

    def describe(self) -> str:
        return "service (the test's)"

    def is_up(self) -> bool:
        return self.up

    def prepare(self, fault: Fault) -> Undo:
        return {"was": "up"}

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        assert self.journal is not None
        assert self.journal.exists(), "the journal comes before the act"
        self.did.append("break")
        self.up = False

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        assert undo == {"was": "up"}
        self.did.append("heal")
        if self.trouble:
            raise TargetError(self.trouble)
        self.up = True


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    with serving(one.health) as served:
        one.url = f"http://127.0.0.1:{served.server_port}/health"
        yield one


class Stage:
    """A fault controller that owns the server."""

    def __init__(self, server: Server, folder: Path, max_outage: float = 60.0) -> None:
        server.journal = folder / JOURNAL
        self.server, self.folder = server, folder
        self.journal = Journal(folder / JOURNAL)
        self.marks = folder / "marks.jsonl"
        MarksWriter(self.marks).close()
        self.clock = AnchoredClock.anchor()
        probe, recipe = ProbeSpec("http", server.url), ProbeRecipe("http", server.url)
        self.arm = Arm(4711, SPEC, probe, recipe, str(folder), max_outage, Limits(30.0, 1.0))
        self.controller = FaultController(lambda spec, journal, left: server)

    def break_it(self) -> None:
        clock = self.clock.epoch, self.clock.monotonic
        self.controller.inject(Break("run-1", "stop", 0, clock, str(self.marks)))

    def read(self) -> list[Mark]:
        return read_marks(self.marks) if self.marks.stat().st_size else []

    @property
    def names(self) -> list[str]:
        return [mark.name for mark in self.read()]


@pytest.fixture
def stage(server: Server, tmp_path: Path) -> Stage:
    one = Stage(server, tmp_path)
    assert one.controller.arm(one.arm) is None
    return one


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


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass for the fault controller; nothing else does."""
    now = time.monotonic()

    def let_pass(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(fault_controller, "time", SimpleNamespace(monotonic=lambda: now))
    return let_pass


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
