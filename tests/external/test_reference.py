"""The reference contract needs no option on what an order is: an embedded service, used as one that others run."""

import sys
from typing import Any

import pytest

from stack.embedded import EmbeddedStack
from stack.settings import ServiceSettings, StackSettings
from tests.e2e.harness import CHECKOUT
from tests.e2e.independent import count_run, ids_in
from tests.external.conftest import StartExternal
from tests.external.test_run_external import assert_guards

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PLAN = ["--headless", "--baseline", "2s", "--outage", "3s", "--recovery", "3s", "--rate", "15"]


@pytest.fixture(scope="module")
def others(left_running: EmbeddedStack) -> EmbeddedStack:
    """A stack with its service, and with the phantom endpoint of the profile `chaos`."""
    left_running.up(StackSettings(service=ServiceSettings(chaos=True)), owner="make up")
    return left_running


def options(stack: EmbeddedStack) -> tuple[list[str], dict[str, str]]:
    state = stack.status()
    assert state is not None
    described = ["--stack", "external", "--host", state.service_url, "--kafka-bootstrap", state.kafka_bootstrap]
    return described, {"LOCUST_DATABASE_URL": state.database_url}


@pytest.mark.exhaustive
def test_lost_events_of_the_reference_service(others: EmbeddedStack, start_external: StartExternal) -> None:
    described, env = options(others)
    call = f"env PYTHONPATH={CHECKOUT} {sys.executable} -m tests.external.broker"
    # Without a check command the probes alone prove the effect.
    pair = ["--break-command", f"{call} stop {others.home}", "--heal-command", f"{call} start {others.home}"]
    run = start_external(*PLAN, *described, *pair, "--expect", "lost-events", **env)
    assert run.end(180) == 0, run.log[-4000:]
    report: Any = run.report
    state = others.status()
    assert state is not None
    key = run.marks["started"].detail["run"]
    truth = count_run(state.database_url, state.kafka_bootstrap, state.topic, key)
    assert set(ids_in(run.folder.path / "lost-events.csv")) == truth.lost
    assert len(truth.lost) > 15 * 2
    assert report["outages"][0]["healed_by"] == "harness"
    assert_guards(report)


@pytest.mark.exhaustive
def test_phantom_events_of_the_reference_service(others: EmbeddedStack, start_external: StartExternal) -> None:
    described, env = options(others)
    run = start_external(*PLAN, *described, "--scenario", "phantom-event", **env)
    assert run.end(180) == 0, run.log[-4000:]
    counts: Any = run.report["counts"]
    assert counts["phantom_events"] == counts["provoked"] > 15 * 5
    assert counts["rows"] == 0
