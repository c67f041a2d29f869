"""The actor on a hand and a lookout of the test's own: order of its steps, and that it always mends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from chaos.faults.limits import HEAL_TRIES
from chaos.faults.stop import STOP
from chaos.faults.watchdog.client import WatchdogGone
from chaos.faults.watchdog.protocol import ALREADY_DOWN, RETIRED, TARGET, TIMED_OUT, Begin, Refusal
from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.fault_injector import AlreadyDown, FaultFailed, FaultInjector, NotRestored
from chaos.run.plan import PlannedOutage
from health.state import Proof
from runlog.clock import AnchoredClock
from runlog.marks import Mark

OUTAGE = PlannedOutage(STOP, "broker", 10.0, 5.0)


class Executor:
    """A watchdog whose acts are watched."""

    def __init__(self) -> None:
        self.up = True
        self.did: list[str] = []
        self.refuses: dict[str, Refusal | WatchdogGone] = {}
        self.failing_heals = 0
        self.mended_alone = False
        self.dead = False
        self.retired: str | None = None

    def begin(self, begin: Begin) -> str:
        self._do("begin")
        self.begun = begin
        return "broker (process 7)"

    def apply(self) -> None:
        self._do("apply")
        self.up = False

    def proven(self) -> None:
        self._do("proven")

    def standing(self) -> tuple[bool, str | None]:
        return not self.mended_alone, "it overstayed" if self.mended_alone else None

    def heal(self) -> str:
        by = "by itself" if self.up else "harness"
        self._do("heal")
        if self.failing_heals:
            self.failing_heals -= 1
            raise Refusal("the port is taken", TARGET)
        self.up = True
        return "watchdog" if self.mended_alone else by

    def close(self) -> None:
        self._do("close")

    def replace(self) -> bool:
        if not self.dead:
            return False
        self.dead, self.up = False, True  # the fresh one mends what the journal tells it
        self.did.append("replace")
        return True

    def _do(self, what: str) -> None:
        self.did.append(what)
        if what in self.refuses:
            raise self.refuses[what]


class Watch:
    """A lookout that sees the target itself."""

    def __init__(self, hand: Executor, sees: bool = True) -> None:
        self.hand = hand
        self.sees = sees

    def revive(self) -> None:
        """It never dies."""

    def await_down(self, since: float, timeout_s: float, give_up: Callable[[], str | None]) -> Proof:
        if reason := give_up():
            raise NotProven(reason)
        if self.hand.up or not self.sees:
            raise NotProven("timed out waiting for the broker to stop answering")
        return Proof((since, since + 0.1), {"kept": "broken", "new": "refused"})

    def await_up(self, since: float, timeout_s: float) -> Proof:
        if not self.hand.up:
            raise NotProven("timed out waiting for the broker to answer again")
        return Proof((since, since + 0.1), {"kept": "answered", "new": "answered"})


class Stage:
    """An actor with everything around it."""

    def __init__(self, sees: bool = True) -> None:
        self.hand = Executor()
        self.marks: list[Mark] = []
        self.injector = FaultInjector(
            hand=self.hand,
            watch=cast("MonitorClient", cast("Any", Watch(self.hand, sees))),
            clock=AnchoredClock.anchor(),
            mark=self.marks.append,
            run_id="run-1",
            marks=Path("marks.jsonl"),
            edge_timeout=1.0,
        )

    @property
    def names(self) -> list[str]:
        return [mark.name for mark in self.marks]


def test_an_outage_leaves_its_four_marks_and_a_closed_journal() -> None:
    stage = Stage()
    assert stage.injector.inject(0, OUTAGE) is None
    stage.injector.heal()
    assert not stage.injector.broken
    assert stage.hand.did == ["begin", "apply", "proven", "heal", "close"]
    assert stage.names == ["injecting", "injected", "healing", "healed"]
    assert stage.marks[1].detail["seen"] == {"kept": "broken", "new": "refused"}
    assert stage.marks[-1].detail["healed_by"] == "harness"
    assert (stage.hand.begun.run_id, stage.hand.begun.fault, stage.hand.begun.marks) == ("run-1", "stop", "marks.jsonl")


def test_a_target_that_somebody_else_broke_is_left_alone() -> None:
    stage = Stage()
    stage.hand.refuses["begin"] = Refusal("broker (process 7) is down already", ALREADY_DOWN)
    with pytest.raises(AlreadyDown, match=r"broker \(process 7\) is down already"):
        stage.injector.inject(0, OUTAGE)
    stage.injector.heal()
    assert stage.hand.did == ["begin"]
    assert stage.names == []


def test_a_watchdog_that_has_retired_lets_nothing_be_broken() -> None:
    stage = Stage()
    stage.hand.refuses["begin"] = Refusal("the outage overstayed", RETIRED)
    with pytest.raises(FaultFailed, match="overstayed"):
        stage.injector.inject(0, OUTAGE)
    assert not stage.injector.broken
    assert stage.names == []


def test_healing_again_does_nothing() -> None:
    stage = Stage()
    stage.injector.heal()
    stage.injector.inject(0, OUTAGE)
    stage.injector.heal()
    stage.injector.heal()
    assert stage.hand.did == ["begin", "apply", "proven", "heal", "close"]


def test_a_fault_that_is_not_proven_is_mended_all_the_same() -> None:
    stage = Stage(sees=False)
    assert "timed out" in str(stage.injector.inject(0, OUTAGE))
    stage.injector.heal()
    assert stage.names == ["injecting", "healing", "healed"]
    assert stage.hand.up


def test_a_target_that_came_back_by_itself_is_told() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.up = True
    stage.injector.heal()
    assert stage.marks[-1].detail["healed_by"] == "by itself"


def test_what_the_watchdog_mended_alone_gets_no_second_marks_but_is_proven() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.mended_alone = stage.hand.up = True
    stage.injector.heal()
    assert stage.names == ["injecting", "injected"]
    assert stage.hand.did[-2:] == ["heal", "close"]
    assert not stage.injector.broken


def test_a_harness_that_wakes_up_after_the_watchdog_has_mended_claims_no_outage() -> None:
    stage = Stage()
    apply = stage.hand.apply

    def overslept() -> None:
        apply()
        stage.hand.mended_alone = stage.hand.up = True
        stage.hand.retired = "the outage lasted longer than --max-outage"

    vars(stage.hand)["apply"] = overslept
    assert stage.injector.inject(0, OUTAGE) == "the outage lasted longer than --max-outage"
    stage.injector.heal()
    assert stage.names == ["injecting"]  # what the watchdog did, it has marked itself


def test_a_watchdog_that_died_is_replaced_and_the_fresh_one_has_mended() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.dead = True
    stage.injector.heal()
    assert stage.hand.did == ["begin", "apply", "proven", "replace", "heal", "close"]
    assert stage.names == ["injecting", "injected"]  # the fresh one writes the others
    assert stage.hand.up


def test_a_watchdog_that_dies_before_it_answers_leaves_the_fault_to_be_mended() -> None:
    stage = Stage()
    stage.hand.refuses["begin"] = WatchdogGone("the watchdog process ended")
    with pytest.raises(FaultFailed, match="watchdog process ended"):
        stage.injector.inject(0, OUTAGE)
    assert stage.injector.broken  # nobody knows how far it got
    stage.injector.heal()
    assert stage.names == []


def test_mending_that_fails_is_tried_again() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.failing_heals = HEAL_TRIES - 1
    stage.injector.heal()
    assert stage.hand.up
    assert stage.names.count("healing") == 1


def test_a_target_that_does_not_come_back_stays_broken_and_can_be_tried_again() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.failing_heals = HEAL_TRIES
    with pytest.raises(NotRestored, match=r"broker \(process 7\) is not proven back: the port is taken"):
        stage.injector.heal()
    assert stage.injector.broken
    assert "close" not in stage.hand.did
    stage.injector.heal()
    assert stage.hand.did[-1] == "close"
    assert stage.names == ["injecting", "injected", "healing", "healed"]


def test_a_fault_that_cannot_be_done_says_so_and_is_still_mended() -> None:
    stage = Stage()
    stage.hand.refuses["apply"] = Refusal("no permission", TARGET)
    with pytest.raises(FaultFailed, match="no permission"):
        stage.injector.inject(0, OUTAGE)
    assert stage.injector.broken  # nobody knows how far it got
    stage.injector.heal()
    assert stage.names == ["injecting", "healing", "healed"]


def test_a_heal_act_that_took_all_its_time_is_not_done_again_at_once() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.refuses["heal"] = Refusal("it did not end within 600 s", TIMED_OUT)
    with pytest.raises(NotRestored, match="did not end within 600 s"):
        stage.injector.heal()
    assert stage.hand.did.count("heal") == 1


def test_a_proof_that_the_journal_cannot_take_is_a_proof_all_the_same() -> None:
    stage = Stage()
    stage.hand.refuses["proven"] = WatchdogGone("the watchdog process ended")
    assert stage.injector.inject(0, OUTAGE) is None
    assert stage.names == ["injecting", "injected"]


def test_a_target_that_is_proven_back_although_its_heal_act_fails_is_restored() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.hand.failing_heals = HEAL_TRIES
    stage.hand.up = True
    stage.injector.heal()
    assert stage.marks[-1].detail["healed_by"] == "by itself"
    assert stage.hand.did[-1] == "close"


def test_a_probe_that_had_not_proven_the_fault_does_not_make_a_failing_heal_act_good() -> None:
    stage = Stage(sees=False)
    stage.injector.inject(0, OUTAGE)
    stage.hand.failing_heals = HEAL_TRIES
    stage.hand.up = True
    with pytest.raises(NotRestored, match="the port is taken"):
        stage.injector.heal()
    assert "close" not in stage.hand.did
