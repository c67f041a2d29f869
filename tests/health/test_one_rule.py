"""Preflight, monitor and watchdog ask an https service with its own CA and a required header by one rule."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaos.faults.journal import JOURNAL
from chaos.faults.limits import Limits
from chaos.faults.probe_recipes import resolve
from chaos.faults.restore import look_at, restore
from chaos.faults.targets import TargetSpec
from chaos.faults.watchdog.healing import NotProvenBack
from chaos.faults.watchdog.protocol import Arm, Break
from chaos.sut.health_checks import HEALTH_S, parts, service_probe
from health import wait
from health.check import check
from health.effect import Effect
from health.probers import open_probers
from health.replies import NEW
from health.spec import ProbeSpec, SecretSource
from health.wait import PAUSE_S, SHORT_PAUSE_S, await_served
from runlog.marks import MarksWriter, read_marks
from tests.chaos.monitor.test_monitor import BOTH_UP, Watched
from tests.chaos.run.scripted_service import make_sut
from tests.conftest import Infra
from tests.health.guarded_service import ANSWERS, KEY, GuardedService, guarded_service

pytestmark = pytest.mark.process

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GuardedService]:
    with guarded_service(tmp_path / "tls") as running:
        yield running


def replies(spec: ProbeSpec) -> list[str]:
    both = open_probers(spec)
    try:
        return [both.kept.ask(5).how, both.new.ask(5).how, both.kept.ask(5).how]
    finally:
        both.close()


@pytest.mark.parametrize("state", ANSWERS)
def test_once_kept_and_awaited_agree(service: GuardedService, state: str) -> None:
    service.state = state
    healthy = state == "up"
    assert check(service.spec, 5).ok is healthy
    assert set(replies(service.spec)) == {"answered" if healthy else "refused"}
    edge, said = await_served(service.spec, 5.0 if healthy else 0.3)
    assert (edge is not None) is healthy, said
    assert service.refused == 0


@pytest.mark.parametrize(("share", "pause_s"), [(0.5, SHORT_PAUSE_S), (1.0, PAUSE_S)])
def test_the_end_of_a_share_of_resets_is_counted_at_a_quick_pace(
    service: GuardedService, monkeypatch: pytest.MonkeyPatch, share: float, pause_s: float
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(wait, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append))
    effect = Effect("reset", share=share)
    edge, said = await_served(service.spec, 20.0, time.time, effect)
    assert edge is not None, said
    assert pauses == [pause_s] * (effect.back_streak(NEW) - 1)


def test_what_the_service_itself_said_is_shown_and_no_secret(service: GuardedService) -> None:
    said = {}
    for service.state in ANSWERS:
        said[service.state] = check(service.spec, 5).detail.removeprefix(f"{service.url}/healthz: ")
    assert said == {
        "up": "UP",
        "says DOWN": "status 200, but it says of itself: DOWN",
        "unavailable": "status 503: the database is down",
        "redirects": "status 302, a redirect to /login, which is not followed",
    }
    service.state = "up"
    wrong = check(replace(service.spec, headers=(("X-Key", "planted-other"),)), 5)
    assert (wrong.ok, "status 401: X-Key is missing or wrong" in wrong.detail) == (False, True)
    assert "planted" not in wrong.detail
    assert "certificate" in check(replace(service.spec, ca_file=""), 5).detail


@pytest.mark.parametrize("lacking", ["header", "CA"])
def test_without_header_or_ca_it_is_not_proven_back(service: GuardedService, lacking: str) -> None:
    spec = replace(service.spec, headers=()) if lacking == "header" else replace(service.spec, ca_file="")
    edge, said = await_served(spec, 0.3)
    assert edge is None
    words = {"header": "X-Key is missing or wrong", "CA": "certificate"}[lacking]
    assert said.count(words) == 2, "on both connections"


def test_a_later_process_proves_it_by_the_recipe(service: GuardedService, tmp_path: Path) -> None:
    file = tmp_path / "header"
    file.write_text(f"X-Key: {KEY}\n")
    file.chmod(0o600)
    by_file = replace(service.recipe, header_sources=(SecretSource("file", str(file)),))
    for recipe, variables in ((service.recipe, {"LOCUST_HEADER": f"X-Key: {KEY}"}), (by_file, {})):
        spec = resolve(recipe, variables)
        assert spec == service.spec
        assert await_served(spec, 5.0)[0] is not None


@pytest.mark.real
def test_preflight_and_the_check_after_the_run(service: GuardedService, infra: Infra) -> None:
    sut = replace(
        make_sut(infra, service.url)[0],
        health_url=service.spec.address,
        headers=service.spec.headers,
        ca_file=service.spec.ca_file,
    )
    assert service_probe(sut) == service.spec
    for service.state in ANSWERS:
        found = {name: health.ok for name, health in parts(sut)}
        assert found == {"database": True, "broker": True, "service": service.state == "up"}


@pytest.mark.real
def test_the_monitor_proves_it_down_and_back(service: GuardedService, infra: Infra, tmp_path: Path) -> None:
    def becomes(state: str) -> Callable[[], None]:
        return lambda: setattr(service, "state", state)

    watched = Watched(tmp_path, infra.kafka_bootstrap, infra.new_topic(), "service", service.spec)
    try:
        for state in ("says DOWN", "unavailable", "redirects"):
            assert watched.proven("down", becomes(state)) == {"kept": "refused", "new": "refused"}
            assert watched.proven("up", becomes("up")) == BOTH_UP
    finally:
        watched.close()
    assert service.refused == 0
    probed = (tmp_path / "probes.jsonl").read_text()
    assert "status 503: the database is down" in probed
    assert KEY not in probed + (tmp_path / "monitor.log").read_text()


@pytest.mark.exhaustive
@pytest.mark.real
def test_a_service_that_is_slow_is_healthy_for_all(service: GuardedService, infra: Infra, tmp_path: Path) -> None:
    service.delay = 1.2
    assert check(service.spec, HEALTH_S).ok
    edge, said = await_served(service.spec, 20.0)
    assert edge is not None, said
    watched = Watched(tmp_path, infra.kafka_bootstrap, infra.new_topic(), "service", service.spec)
    try:
        assert watched.proven("down", lambda: setattr(service, "state", "unavailable")) == {
            "kept": "refused",
            "new": "refused",
        }
        assert watched.proven("up", lambda: setattr(service, "state", "up")) == BOTH_UP
    finally:
        watched.close()


class Broken:
    """The service broken by a watchdog, as in a run; its secret in no file."""

    def __init__(self, service: GuardedService, folder: Path) -> None:
        self.folder = folder / "journal"
        self.folder.mkdir()
        up, self.marks = folder / "up", folder / "marks.jsonl"
        up.touch()
        service.up_file = up
        MarksWriter(self.marks).close()
        commands = {"break": "rm up", "heal": "touch up", "check": "", "shell": "yes", "folder": str(folder)}
        target = TargetSpec("command", "service", {**commands, "probed": service.url})
        arm = Arm(os.getpid(), target, service.spec, service.recipe, str(self.folder), 60.0, Limits(20.0, 30.0))
        fault = Break("run-1", "stop", 0, (time.time(), time.monotonic()), str(self.marks))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaos.faults.watchdog"],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._ask({"id": 1, "do": "arm", "arm": asdict(arm)})
        self._ask({"id": 2, "do": "break", "fault": asdict(fault)})
        self.journal = (self.folder / JOURNAL).read_text()
        assert not check(service.spec, 5).ok

    def _ask(self, request: dict[str, object]) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while (answer := json.loads(self.process.stdout.readline())).get("id") != request["id"]:
            pass
        assert "error" not in answer, answer


def test_the_watchdog_heals_and_proves_it_when_the_harness_is_gone(service: GuardedService, tmp_path: Path) -> None:
    """As a process, with nothing but what its standard input says."""
    broken = Broken(service, tmp_path)
    _, log = broken.process.communicate(timeout=60)
    assert broken.process.returncode == 0, log
    assert check(service.spec, 5).ok
    assert not (broken.folder / JOURNAL).exists()
    assert [mark.name for mark in read_marks(broken.marks)] == ["injecting", "healing", "healed"]
    assert service.refused == 0
    assert KEY not in broken.journal + log


def test_restore_proves_it_when_harness_and_watchdog_are_gone(service: GuardedService, tmp_path: Path) -> None:
    broken = Broken(service, tmp_path)
    broken.process.kill()
    broken.process.communicate(timeout=60)
    place = look_at(broken.folder)
    assert place is not None
    limits = Limits(20.0, 3.0)
    with pytest.raises(NotProvenBack, match="the variable LOCUST_HEADER is not set"):
        restore(place, limits, {})
    assert (broken.folder / JOURNAL).exists()
    assert "healed and proven back" in restore(place, limits, {"LOCUST_HEADER": f"X-Key: {KEY}"})
    assert not (broken.folder / JOURNAL).exists()
    assert service.refused == 0
