"""`--dry-run` says what would be done and to what, and touches nothing."""

import subprocess
from pathlib import Path

import pytest

from chaos.run.dry_run import dry_run_text
from chaos.sut.sut import Preview
from settings.run_settings import make_settings
from tests.e2e.harness import CHECKOUT, LOCUST
from tests.environment import without_options


def test_each_outage_is_listed_with_its_target() -> None:
    settings = make_settings({"outages": "2", "fault": "kill", "baseline": "5s", "outage": "20s", "recovery": "7s"})
    text = dry_run_text(settings, Preview("embedded stack", "broker (Apache Kafka, process 7)"))
    step = "kill of the broker; healed 20 s after broker (Apache Kafka, process 7) is proven down"
    assert text.count(step) == 2
    assert "5.0 s  kill" in text
    assert "32.0 s  kill" in text
    assert "after 110 s in any case" in text
    assert "problem" not in text


def test_a_fault_that_degrades_is_listed_with_its_strength() -> None:
    settings = make_settings({"fault": "latency", "fault_target": "database"})
    text = dry_run_text(settings, Preview("embedded stack", None))
    assert "latency of 300 ms to the database; healed 15 s after the database is proven degraded" in text
    assert "stopping" not in text


def test_control_breaks_nothing() -> None:
    text = dry_run_text(make_settings({"scenario": "control"}), Preview("embedded stack", None))
    assert "nothing is broken\n" in text
    assert "kill" not in text
    assert "healed" not in text


def test_a_problem_is_reported() -> None:
    text = dry_run_text(make_settings({}), Preview("compose", None, "no container redpanda is there"))
    assert text.endswith("problem   no container redpanda is there\n")


@pytest.mark.process
@pytest.mark.parametrize("env", [{}, {"LOCUST_DRY_RUN": "1"}])
def test_nothing_is_touched(tmp_path: Path, env: dict[str, str]) -> None:
    given = [] if env else ["--dry-run"]
    done = subprocess.run(
        [str(LOCUST), "--headless", *given, "--runs-dir", str(tmp_path / "runs")],
        cwd=CHECKOUT,
        env={**without_options(), **env, "HARNESS_STACK_HOME": str(tmp_path / "stack")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "would be started, and stopped at the end" in done.stdout
    assert list(tmp_path.iterdir()) == []
