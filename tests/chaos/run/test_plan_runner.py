"""While healing fails for too long nothing is sent; once the target is back the load goes on."""

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from chaos.run import plan_runner
from chaos.run.fault_injector import NotRestored
from chaos.run.plan_runner import PlanRunner
from chaos.run.run_progress import RunProgress
from runlog import marks
from runlog.clock import AnchoredClock
from settings.run_settings import make_settings


class Load:
    def __init__(self) -> None:
        self.did: list[str] = []
        self.phase: Any = None

    def stop(self) -> None:
        self.did.append("stop")

    def resume(self) -> None:
        self.did.append("resume")


class FaultInjector:
    """Heals for as long as the test says, or fails."""

    def __init__(self, load: Load, stops: bool, fails: bool) -> None:
        self._load, self._stops, self._fails = load, stops, fails

    def inject(self, index: int, outage: object) -> str | None:
        return "the broker went on answering"

    def heal(self) -> None:
        with gevent.Timeout(20):
            while self._stops and "stop" not in self._load.did:
                gevent.sleep(0.01)
        if self._fails:
            raise NotRestored("it did not come back")


def play(
    monkeypatch: pytest.MonkeyPatch, *, after_s: float, stops: bool, fails: bool = False
) -> tuple[Load, list[str]]:
    monkeypatch.setattr(plan_runner, "LOAD_STOPS_AFTER_S", after_s)
    load, written = Load(), list[str]()
    recording = SimpleNamespace(
        clock=AnchoredClock.anchor(), mark_now=lambda name, outage=None, **detail: written.append(name)
    )
    run: Any = SimpleNamespace(load=load, injector=FaultInjector(load, stops, fails), recording=recording)
    player = PlanRunner(SimpleNamespace(), make_settings({}), {}, RunProgress())
    object.__setattr__(player.plan, "edge_timeout", 0.0)
    try:
        player._break(run, 0, player.plan.outages[0])
    except NotRestored:
        assert fails
    return load, written


def test_load_stops_while_healing_takes_too_long_and_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    load, written = play(monkeypatch, after_s=0.05, stops=True)
    assert load.did == ["stop", "resume"]
    assert written == [marks.LOAD_STOPPED, marks.LOAD_RESUMED]


def test_load_stays_stopped_where_healing_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    load, written = play(monkeypatch, after_s=0.05, stops=True, fails=True)
    assert load.did == ["stop"]
    assert written == [marks.LOAD_STOPPED]


def test_load_goes_on_while_healing_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    load, written = play(monkeypatch, after_s=20.0, stops=False)
    assert (load.did, written) == ([], [])
