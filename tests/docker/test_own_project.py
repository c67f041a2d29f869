"""Compose projects that a run brings up: gone with it, however it ends."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from stack.compose import FILE, ComposeStack
from tests.docker.runs import COMPOSE, count_independently
from tests.e2e.harness import SHORT, Start

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_a_project_that_the_run_brought_up_is_gone_with_it_and_its_log_stays(
    start: Start, project: str, client: Any
) -> None:
    run = start(*COMPOSE, "--compose-project", project, *SHORT, "--service-variant", "outbox")
    run.await_log("proven down", 150)
    assert ComposeStack(project=project).project.status() == "running"
    assert run.end_clean(150) == "consistent"
    assert f"compose project {project} ready" in run.log
    stack = ComposeStack(project=project)
    assert stack.project.status() == "absent"
    assert client.networks.list(filters={"label": f"com.docker.compose.project={project}"}) == []
    stack.up()
    report = count_independently(run, stack)
    assert report["counts"]["late_events"] > 20


def test_an_interrupt_while_the_project_comes_up_takes_it_down(start: Start, project: str) -> None:
    run = start(*COMPOSE, "--compose-project", project, *SHORT)
    run.await_log("starting redpanda", 60)
    run.signal(signal.SIGINT)
    assert run.end(120) == 130, run.log[-3000:]
    assert ComposeStack(project=project).project.status() == "absent"


def test_the_stack_of_a_killed_harness_is_healed_and_taken_down(start: Start, project: str) -> None:
    run = start(*COMPOSE, "--compose-project", project, *SHORT)
    run.await_log("proven down", 150)
    run.signal(signal.SIGKILL)
    run.end()
    stack = ComposeStack(project=project)
    deadline = time.monotonic() + 90
    while stack.project.status() != "absent":
        assert time.monotonic() < deadline, "the project still stands 90 s after its harness was killed"
        time.sleep(0.5)
    # The watchdog healed the broker before that, with proof: the run's marks say so.
    assert run.marks["healed"].detail["healed_by"] == "watchdog"


def test_a_dry_run_says_what_would_be_started(start: Start, client: Any, project: str) -> None:
    run = start(*COMPOSE, "--compose-project", project, "--dry-run")
    assert run.end(60) == 0, run.log
    assert f"compose project {project} of {FILE}: would be started, and taken down at the end" in run.printed
    assert ComposeStack(project=project).project.status() == "absent"
