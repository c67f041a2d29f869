"""The actor on a target and a lookout of the test's own: order of its steps, and that it always mends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import gevent
import pytest

from chaos.actor import HEAL_TRIES, Actor, AlreadyDown, NotRestored
from chaos.journal import Journal
from chaos.plan import Outage
from chaos.targets import TargetError, Undo
from chaos.watch import LookoutWatch, NotProven
from runlog.clock import AnchoredClock
from runlog.marks import Mark

OUTAGE = Outage("stop", "broker", 10.0, 5.0)


class Broker:
    """A target whose acts are watched."""

    component = "broker"
    identity = "the test's broker"
    faults = ("stop",)

    def __init__(self, journal: Journal) -> None:
        self.up = True
        self.did: list[str] = []
        self.journal = journal
        self.before_apply: Callable[[], None] = lambda: None
        self.failing_heals = 0

    def describe(self) -> str:
        return "broker (process 7)"

    def is_up(self) -> bool:
        return self.up

    def prepare(self, fault: str) -> Undo:
        return {}

    def apply(self, fault: str, undo: Undo, timeout_s: float) -> None:
        assert self.journal.left_open() is not None, "the journal comes before the act"
        self.before_apply()
        self.up = False
        self.did.append(fault)

    def heal(self, fault: str, undo: Undo, timeout_s: float) -> None:
        self.did.append("heal")
        if self.failing_heals:
            self.failing_heals -= 1
            raise TargetError("the port is taken")
        self.up = True


class Watch:
    """A lookout that sees the target itself."""

    def __init__(self, broker: Broker, sees: bool = True) -> None:
        self.broker = broker
        self.sees = sees

    def revive(self) -> None:
        """It never dies."""

    def await_down(self, since: float, timeout_s: float) -> tuple[float, float]:
        if self.broker.up or not self.sees:
            raise NotProven("waited in vain for the broker to stop answering")
        return (since, since + 0.1)

    def await_up(self, since: float, timeout_s: float) -> tuple[float, float]:
        if not self.broker.up:
            raise NotProven("waited in vain for the broker to answer again")
        return (since, since + 0.1)


class Stage:
    """An actor with everything around it."""

    def __init__(self, folder: Path, sees: bool = True) -> None:
        self.journal = Journal(folder / "journal.json")
        self.broker = Broker(self.journal)
        self.marks: list[Mark] = []
        self.actor = Actor(
            target=self.broker,
            watch=cast("LookoutWatch", cast("Any", Watch(self.broker, sees))),
            journal=self.journal,
            clock=AnchoredClock.anchor(),
            mark=self.marks.append,
            run_id="run-1",
            edge_timeout=1.0,
        )

    @property
    def names(self) -> list[str]:
        return [mark.name for mark in self.marks]


def test_an_outage_leaves_its_four_marks_and_a_closed_journal(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.actor.inject(0, OUTAGE) is None
    assert stage.journal.left_open() is not None
    stage.actor.heal()
    assert not stage.actor.broken
    assert stage.journal.left_open() is None
    assert stage.names == ["injecting", "injected", "healing", "healed"]
    assert stage.marks[-1].detail["healed_by"] == "harness"
    assert stage.broker.did == ["stop", "heal"]


def test_a_target_that_somebody_else_broke_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.broker.up = False
    with pytest.raises(AlreadyDown, match=r"broker \(process 7\) is down already"):
        stage.actor.inject(0, OUTAGE)
    stage.actor.heal()
    assert stage.broker.did == []
    assert stage.names == []
    assert stage.journal.left_open() is None


def test_healing_again_does_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.actor.heal()
    stage.actor.inject(0, OUTAGE)
    stage.actor.heal()
    stage.actor.heal()
    assert stage.broker.did == ["stop", "heal"]


def test_a_fault_that_is_not_proven_is_mended_all_the_same(tmp_path: Path) -> None:
    stage = Stage(tmp_path, sees=False)
    assert "in vain" in str(stage.actor.inject(0, OUTAGE))
    stage.actor.heal()
    assert stage.names == ["injecting", "healing", "healed"]
    assert stage.broker.up


def test_a_target_that_came_back_by_itself_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.actor.inject(0, OUTAGE)
    stage.broker.up = True
    stage.actor.heal()
    assert stage.marks[-1].detail["healed_by"] == "by itself"


def test_a_target_of_which_nobody_can_tell_is_mended_all_the_same(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.actor.inject(0, OUTAGE)

    def nobody_can_tell() -> bool:
        raise TargetError("the check did not end")

    vars(stage.broker)["is_up"] = nobody_can_tell
    stage.actor.heal()
    assert stage.broker.up
    assert stage.marks[-1].detail["healed_by"] == "harness"


def test_mending_that_fails_is_tried_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.actor.inject(0, OUTAGE)
    stage.broker.failing_heals = HEAL_TRIES - 1
    stage.actor.heal()
    assert stage.broker.up
    assert stage.names.count("healing") == 1


def test_a_target_that_does_not_come_back_stays_in_the_journal_and_can_be_tried_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.actor.inject(0, OUTAGE)
    stage.broker.failing_heals = HEAL_TRIES
    with pytest.raises(NotRestored, match=r"broker \(process 7\) could not be proven back: the port is taken"):
        stage.actor.heal()
    assert stage.actor.broken
    assert stage.journal.left_open() is not None
    stage.actor.heal()
    assert stage.journal.left_open() is None
    assert stage.names == ["injecting", "injected", "healing", "healed"]


def test_a_fault_that_cannot_be_done_says_so_and_is_still_mended(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def refuse() -> None:
        raise TargetError("no permission")

    stage.broker.before_apply = refuse
    with pytest.raises(TargetError, match="no permission"):
        stage.actor.inject(0, OUTAGE)
    assert stage.actor.broken  # nobody knows how far it got
    stage.actor.heal()
    assert stage.names == ["injecting", "healing", "healed"]


def test_an_interrupt_in_the_middle_of_the_act_leaves_the_act_whole(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.broker.before_apply = lambda: gevent.sleep(0.2)
    waiting = gevent.spawn(stage.actor.inject, 0, OUTAGE)
    gevent.sleep(0.05)
    waiting.kill()
    assert stage.actor.broken
    stage.actor.heal()
    # The stop was not cut in half, and mending waited for it: in the other order the broker would be down now.
    assert stage.broker.did == ["stop", "heal"]
    assert stage.broker.up
