"""The fault injector on a watchdog and a monitor of the test's own: order of its steps, and that it always heals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from chaos.faults.limits import HEAL_TRIES
from chaos.faults.stop import STOP
from chaos.faults.watchdog.client import WatchdogGone
from chaos.faults.watchdog.protocol import (
    ALREADY_DOWN,
    BEGUN,
    RETIRED,
    TARGET,
    TIMED_OUT,
    Break,
    Marked,
    Refusal,
)
from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.fault_injector import AlreadyDown, FaultFailed, FaultInjector, NotRestored
from chaos.run.plan import PlannedOutage
from health.effect import Effect
from health.state import Proof
from runlog.clock import AnchoredClock

OUTAGE = PlannedOutage(STOP, "broker", 10.0, 5.0)


class Executor:
    """A watchdog whose requests are recorded; it writes the marks, so there are none here."""

    def __init__(self) -> None:
        self.up = True
        self.did: list[str] = []
        self.refuses: dict[str, Refusal | WatchdogGone] = {}
        self.failing_heals = 0
        self.dead = False
        self.retired: str | None = None
        self.proofs: list[Proof] = []

    def inject(self, fault: Break) -> Marked:
        self._do("inject")
        self.fault, self.up = fault, False
        return Marked(self.at, described="broker (process 7)")

    def injected(self, proof: Proof) -> None:
        self._do("injected")
        self.proofs.append(proof)

    def heal(self) -> Marked:
        self._do("heal")
        if self.failing_heals:
            self.failing_heals -= 1
            raise Refusal("the port is taken", TARGET)
        self.up = True
        return Marked(self.at + 10.0)

    def healed(self, proof: Proof) -> None:
        self._do("healed")
        self.proofs.append(proof)

    def replace(self) -> bool:
        if not self.dead:
            return False
        self.dead, self.up = False, True  # the fresh one heals what the journal says
        self.did.append("replace")
        return True

    at = 1000.0

    def _do(self, what: str) -> None:
        self.did.append(what)
        if what in self.refuses:
            raise self.refuses[what]


class Monitor:
    """A monitor that sees the target itself; `edge` is when it was asked to look from."""

    def __init__(self, executor: Executor, sees: bool = True) -> None:
        self.executor = executor
        self.sees = sees

    def ensure_running(self) -> None:
        """It never dies."""

    def learn_usual(self) -> Effect:
        return Effect(usual_s={"kept": 0.002})

    def await_effect(self, since: float, timeout_s: float, give_up: Callable[[], str | None]) -> Proof:
        if reason := give_up():
            raise NotProven(reason)
        if self.executor.up or not self.sees:
            raise NotProven("timed out waiting for the broker to stop answering")
        return Proof((since, since + 0.1), {"kept": "broken", "new": "refused"})

    def await_back(self, since: float, timeout_s: float) -> Proof:
        if not self.executor.up:
            raise NotProven("timed out waiting for the broker to answer again")
        return Proof((since, since + 0.1), {"kept": "answered", "new": "answered"})


class Stage:
    """A fault injector with everything around it."""

    def __init__(self, sees: bool = True) -> None:
        self.executor = Executor()
        self.injector = FaultInjector(
            executor=self.executor,
            monitor=cast("MonitorClient", cast("Any", Monitor(self.executor, sees))),
            clock=AnchoredClock.anchor(),
            run_id="run-1",
            marks=Path("marks.jsonl"),
            edge_timeout=1.0,
        )


def test_an_outage_is_injected_proven_healed_and_proven_back() -> None:
    stage = Stage()
    assert stage.injector.inject(0, OUTAGE) is None
    stage.injector.heal()
    assert not stage.injector.broken
    executor = stage.executor
    assert executor.did == ["inject", "injected", "heal", "healed"]
    down, up = executor.proofs
    assert (down.edge[0], up.edge[0]) == (1000.0, 1010.0), "only what was seen since each mark counts"
    assert down.seen == {"kept": "broken", "new": "refused"}
    assert (executor.fault.run_id, executor.fault.fault, executor.fault.marks) == ("run-1", "stop", "marks.jsonl")
    assert executor.fault.effect.usual_s == {"kept": 0.002}, "what heals it must know when it is as usual"


def test_a_target_that_is_down_already_is_left_alone() -> None:
    stage = Stage()
    stage.executor.refuses["inject"] = Refusal("broker (process 7) is down already", ALREADY_DOWN)
    with pytest.raises(AlreadyDown, match=r"broker \(process 7\) is down already"):
        stage.injector.inject(0, OUTAGE)
    stage.injector.heal()
    assert stage.executor.did == ["inject"]


def test_a_watchdog_that_has_retired_lets_nothing_be_broken() -> None:
    stage = Stage()
    stage.executor.refuses["inject"] = Refusal("the outage lasted too long", RETIRED)
    with pytest.raises(FaultFailed, match="lasted too long"):
        stage.injector.inject(0, OUTAGE)
    assert not stage.injector.broken


def test_healing_again_does_nothing() -> None:
    stage = Stage()
    stage.injector.heal()
    stage.injector.inject(0, OUTAGE)
    stage.injector.heal()
    stage.injector.heal()
    assert stage.executor.did == ["inject", "injected", "heal", "healed"]


def test_a_fault_that_is_not_proven_is_healed_all_the_same() -> None:
    stage = Stage(sees=False)
    assert "timed out" in str(stage.injector.inject(0, OUTAGE))
    stage.injector.heal()
    assert stage.executor.did == ["inject", "heal", "healed"]


def test_a_harness_that_goes_on_after_the_watchdog_has_healed_claims_no_outage() -> None:
    stage = Stage()
    stage.executor.retired = "the outage lasted longer than --max-outage"
    assert stage.injector.inject(0, OUTAGE) == "the outage lasted longer than --max-outage"
    stage.injector.heal()
    assert stage.executor.did == ["inject", "heal", "healed"]


def test_a_watchdog_that_healed_while_the_proof_was_on_its_way_claims_no_outage() -> None:
    stage = Stage()
    stage.executor.refuses["injected"] = Refusal("the outage lasted longer than --max-outage", RETIRED)
    assert stage.injector.inject(0, OUTAGE) == "the outage lasted longer than --max-outage"


def test_a_watchdog_that_died_is_replaced_before_anything_is_healed() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.executor.dead = True
    stage.injector.heal()
    assert stage.executor.did == ["inject", "injected", "replace", "heal", "healed"]
    assert not stage.injector.broken


@pytest.mark.parametrize(
    ("refusal", "said"),
    [(WatchdogGone("the watchdog process ended"), "process ended"), (Refusal("no permission", BEGUN), "no permission")],
)
def test_a_fault_of_which_is_unknown_how_far_it_got_is_healed(refusal: Refusal | WatchdogGone, said: str) -> None:
    stage = Stage()
    stage.executor.refuses["inject"] = refusal
    with pytest.raises(FaultFailed, match=said):
        stage.injector.inject(0, OUTAGE)
    assert stage.injector.broken
    stage.injector.heal()
    assert stage.executor.did == ["inject", "heal", "healed"]


def test_a_watchdog_that_dies_before_it_has_marked_the_proof_ends_the_run_and_the_fault_is_healed() -> None:
    stage = Stage()
    stage.executor.refuses["injected"] = WatchdogGone("the watchdog process ended")
    with pytest.raises(WatchdogGone):
        stage.injector.inject(0, OUTAGE)
    assert stage.injector.broken
    stage.injector.heal()
    assert not stage.injector.broken


def test_healing_that_fails_is_tried_again() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.executor.failing_heals = HEAL_TRIES - 1
    stage.injector.heal()
    assert stage.executor.did.count("heal") == HEAL_TRIES
    assert stage.executor.did[-1] == "healed"


def test_a_target_that_does_not_come_back_stays_broken_and_can_be_tried_again() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.executor.failing_heals = HEAL_TRIES
    with pytest.raises(NotRestored, match=r"broker \(process 7\) is not proven back: the port is taken"):
        stage.injector.heal()
    assert stage.injector.broken
    assert "healed" not in stage.executor.did
    stage.injector.heal()
    assert stage.executor.did[-1] == "healed"


def test_a_heal_act_that_took_all_its_time_is_not_done_again_at_once() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.executor.refuses["heal"] = Refusal("it did not end within 600 s", TIMED_OUT)
    with pytest.raises(NotRestored, match="did not end within 600 s"):
        stage.injector.heal()
    assert stage.executor.did.count("heal") == 1


def test_a_target_that_is_proven_back_although_its_heal_act_fails_is_restored() -> None:
    stage = Stage()
    stage.injector.inject(0, OUTAGE)
    stage.executor.failing_heals = HEAL_TRIES
    stage.executor.up = True
    stage.injector.heal()
    assert stage.executor.did[-1] == "healed"


def test_a_probe_that_had_not_proven_the_fault_does_not_make_a_failing_heal_act_good() -> None:
    stage = Stage(sees=False)
    stage.injector.inject(0, OUTAGE)
    stage.executor.failing_heals = HEAL_TRIES
    stage.executor.up = True
    with pytest.raises(NotRestored, match="the port is taken"):
        stage.injector.heal()
    assert "healed" not in stage.executor.did
