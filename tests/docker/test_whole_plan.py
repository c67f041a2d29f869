"""Whole runs of `locust --stack compose` on a real engine: every container fault, and an independent count."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chaos.faults.registry import FAULTS
from chaos.faults.targets.container import PROTECT_LABEL
from stack.compose import FILE, ComposeStack
from stack.compose_project import SERVICES
from tests.docker.runs import COMPOSE, count_independently
from tests.e2e.harness import CHECKOUT, SHORT, Start, failed_guards

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
HEALTHY_WITHIN_S = 60.0


def containers(stack: ComposeStack) -> dict[str, str]:
    found = {component: stack.project.container(component) for component in SERVICES}
    return {component: one.id for component, one in found.items() if one is not None}


def assert_all_well(stack: ComposeStack) -> None:
    """Docker asks a container for its health every few seconds: soon all of them are healthy again."""
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while unhealthy := [found.detail for found in map(stack.project.probe, SERVICES) if not found.ok]:
        assert time.monotonic() < deadline, f"waited {HEALTHY_WITHIN_S:g} s for health, last seen: {unhealthy}"
        time.sleep(0.2)


def guard(report: Any, name: str) -> Any:
    return next(one for one in report["guards"] if one["name"] == name)


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.container is not None])
def test_each_fault_of_the_broker_loses_events_and_each_is_named(
    start: Start, by_hand: ComposeStack, fault: str
) -> None:
    before = containers(by_hand)
    run = start(*COMPOSE, "--compose-project", by_hand.name, *SHORT, "--fault", fault, "--expect", "lost-events")
    assert run.end(150) == 0, run.log[-3000:]
    report = count_independently(run, by_hand)
    assert report["verdict"] == "inconsistent"
    assert report["counts"]["lost_events"] > 20
    assert report["counts"]["phantom_events"] == 0
    assert failed_guards(report) == {}
    assert report["outages"][0]["healed_by"] == "harness"
    assert_all_well(by_hand)
    # Brought up by hand: the same containers are there, but for an order service with other settings.
    assert {**containers(by_hand), "service": ""} == {**before, "service": ""}
    assert "Kafka" in (run.folder.logs / "service.log").read_text()
    assert "container" in json.dumps(json.loads(run.folder.facts.read_text())["environment"])
    for path in run.folder.path.rglob("*"):
        assert not path.is_file() or b"mars:mars@" not in path.read_bytes(), f"{path} holds a password"


@pytest.mark.parametrize("component", ["database", "service"])
def test_a_stop_of_database_or_service_is_healed(start: Start, by_hand: ComposeStack, component: str) -> None:
    run = start(
        *COMPOSE, "--compose-project", by_hand.name, *SHORT, "--fault-target", component, "--expect", "any",
        "--fault-timeout", "20s",
    )  # fmt: skip
    run.end_clean(200)
    report = count_independently(run, by_hand)
    assert guard(report, "fault proven")["passed"]
    assert guard(report, "fault held")["passed"]
    assert f"target ok ({component} (container {by_hand.name}" in run.log
    # PostgreSQL's fast shutdown, the service's own end.
    assert "ended with exit code 0" in (run.folder.logs / "watchdog.log").read_text()
    # While PostgreSQL is down, requests wait for a connection; a service that is down refuses them.
    assert (report["counts"]["rejected"] > 20) == (component == "service")
    assert_all_well(by_hand)


def test_what_a_harness_and_its_watchdog_left_paused_is_healed_by_the_next(
    start: Start, by_hand: ComposeStack, tmp_path: Path
) -> None:
    killed = start(*COMPOSE, "--compose-project", by_hand.name, *SHORT, "--fault", "pause")
    killed.await_log("proven down", 60)
    log = (tmp_path / "home" / f"compose-{by_hand.name}" / "logs" / "watchdog.log").read_text()
    watchdog = int(re.findall(r"watchdog (\d+) of process", log)[-1])
    os.kill(watchdog, signal.SIGSTOP)  # it must not heal before it is killed itself
    killed.signal(signal.SIGKILL)
    os.kill(watchdog, signal.SIGKILL)
    killed.end()
    broker = by_hand.project.container("broker")
    assert broker is not None
    assert broker.status == "paused"
    status = subprocess.run(
        [sys.executable, "-m", "chaos", "status"], cwd=CHECKOUT, capture_output=True, timeout=60, check=False,
        env={**os.environ, "HARNESS_STATE_HOME": str(tmp_path / "state")},
    )  # fmt: skip
    assert status.returncode == 3
    assert f"broker (container {broker.name}" in status.stdout.decode()
    run = start(*COMPOSE, "--compose-project", by_hand.name, *SHORT, "--expect", "lost-events")
    assert run.end(150) == 0, run.log[-3000:]
    assert "is healed and proven back" in run.log
    count_independently(run, by_hand)
    assert_all_well(by_hand)


def test_a_broker_that_comes_back_early_fails_the_guard(start: Start, by_hand: ComposeStack) -> None:
    run = start(
        *COMPOSE, "--compose-project", by_hand.name, "--baseline", "2s", "--outage", "10s", "--recovery", "2s",
        "--expect", "any",
    )  # fmt: skip
    run.await_log("proven down", 60)
    broker = by_hand.project.container("broker")
    assert broker is not None
    broker.start()  # as an orchestrator would
    assert run.end(150) == 0, run.log[-3000:]
    report = count_independently(run, by_hand)
    held = guard(report, "fault held")
    assert held["applies"]
    assert not held["passed"]
    assert report["outages"][0]["healed_by"] == "by itself"
    assert_all_well(by_hand)


def as_external(stack: ComposeStack) -> tuple[list[str], dict[str, str]]:
    """Options and variables that name the same system to `--stack external`."""
    where = stack.up()
    variables = {"LOCUST_DATABASE_URL": where.database_url, "LOCUST_KAFKA_BOOTSTRAP": where.kafka_bootstrap}
    return ["--headless", "--stack", "external", "--host", where.service_url], variables


def test_a_restart_policy_that_starts_the_broker_early_fails_the_guard(start: Start, by_hand: ComposeStack) -> None:
    options, variables = as_external(by_hand)
    broker = by_hand.project.container("broker")
    assert broker is not None
    broker.update(restart_policy={"Name": "always"})
    try:
        # A process killed behind the engine's back: that is what a restart policy answers.
        run = start(
            *options, "--baseline", "2s", "--outage", "10s", "--recovery", "2s", "--expect", "any", "--fault", "kill",
            "--break-command", f"kill -9 {broker.attrs['State']['Pid']}",
            "--heal-command", f"docker start {broker.name}", **variables,
        )  # fmt: skip
        assert run.end(150) == 0, run.log[-3000:]
    finally:
        broker.update(restart_policy={"Name": "no"})
    report = count_independently(run, by_hand)
    assert guard(report, "fault proven")["passed"]
    assert not guard(report, "fault held")["passed"]
    broker.reload()
    assert broker.attrs["RestartCount"] == 1
    assert_all_well(by_hand)


def test_a_container_is_broken_for_a_service_that_others_run(start: Start, by_hand: ComposeStack) -> None:
    options, variables = as_external(by_hand)
    container = f"{by_hand.name}/redpanda"
    # How long the producer of a service that others run tries is not ours to set.
    usual = ["--delivery-timeout", "3s", "--settle", "5s"]
    target = ["--fault", "pause", "--target-container", container]
    run = start(*options, *SHORT, *usual, *target, "--expect", "lost-events", **variables)
    assert run.end(150) == 0, run.log[-3000:]
    assert count_independently(run, by_hand)["counts"]["lost_events"] > 20
    assert_all_well(by_hand)


def test_a_protected_container_is_refused_before_anything_is_done(
    start: Start, project: str, tmp_path: Path, by_hand: ComposeStack
) -> None:
    file = tmp_path / "docker-compose.yml"
    label = f'  redpanda:\n    labels: ["{PROTECT_LABEL}=true"]\n'
    file.write_text(FILE.read_text().replace("  redpanda:\n", label, 1))
    service = by_hand.project.container("service")
    assert service is not None
    run = start(
        *COMPOSE, "--compose-file", str(file), "--compose-project", project, *SHORT,
        SERVICE_IMAGE=str(service.attrs["Config"]["Image"]),
    )  # fmt: skip
    assert run.end(150) == 4, run.log[-3000:]
    assert f"carries the label {PROTECT_LABEL}=true: it is left alone" in run.log
    assert not (run.runs / "latest").exists()
    assert ComposeStack(project=project).project.status() == "absent"


def test_no_engine_ends_with_one_sentence(client: Any, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run = start(*COMPOSE, *SHORT, DOCKER_HOST=f"tcp://127.0.0.1:{port}")
    assert run.end(60) == 4
    errors = [line for line in run.log.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: no Docker Engine answers at tcp://127.0.0.1:{port} (connection refused): ")
    assert "Traceback" not in run.log


def test_no_compose_ends_with_one_sentence(start: Start, tmp_path: Path) -> None:
    run = start(*COMPOSE, *SHORT, PATH=str(tmp_path))
    assert run.end(60) == 4
    assert "error: neither 'docker compose' nor 'docker-compose' can be run here: install" in run.log
    assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--compose-project", "My Shop"],
            "--compose-project My Shop: a project's name consists of lower-case letters",
        ),
        (["--host", "http://127.0.0.1:1"], "--host http://127.0.0.1:1: the compose stack has its own order service"),
    ],
)
def test_wrong_options_are_refused_before_docker_is_asked(start: Start, given: list[str], said: str) -> None:
    run = start(*COMPOSE, *given, DOCKER_HOST="tcp://127.0.0.1:9")
    assert run.end(60) == 2
    assert f"error: {said}" in run.log
