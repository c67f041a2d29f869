"""Runs of scripted services on real stores, drained and judged: relays that pause, and one that stops for good."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconcile.command import main
from tests.conftest import Infra
from tests.e2e.harness import CHECKOUT

pytestmark = pytest.mark.real
NOTHING = "the service has published nothing since the outage"


@dataclass
class Drained:
    """A drained run; `log` is what its drain said."""

    infra: Infra
    database_url: str
    topic: str
    folder: Path

    @property
    def stores(self) -> list[str]:
        return ["--database-url", self.database_url, "--kafka-bootstrap", self.infra.kafka_bootstrap]

    def judge(self) -> Any:
        main([str(self.folder), "--quiet", *self.stores])
        return json.loads((self.folder / "report.json").read_text())

    def guard(self, name: str) -> Any:
        report = json.loads((self.folder / "report.json").read_text())
        (found,) = [one for one in report["guards"] if one["name"] == name]
        return found

    def column(self, name: str, column: str) -> list[str]:
        with (self.folder / name).open(newline="", encoding="utf-8") as stream:
            return [row[column] for row in csv.DictReader(stream)]


Drain = Callable[..., Drained]


@pytest.fixture
def drain(infra: Infra, tmp_path: Path) -> Drain:
    def begin(*, pause: float | None, stops: bool = False, **options: str) -> Drained:
        database_url, topic = infra.new_database(), infra.new_topic()
        told: dict[str, Any] = {
            "database_url": database_url,
            "bootstrap": infra.kafka_bootstrap,
            "topic": topic,
            "pause": pause,
        }
        told |= {"home": str(tmp_path), "runs": str(tmp_path / "runs"), "stops": stops, "options": options}
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos.drained"],
            input=json.dumps(told),
            cwd=CHECKOUT,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Drained(infra, database_url, topic, Path(done.stdout.strip()))

    return begin


def test_a_relay_that_pauses_as_long_as_the_outage_is_late_and_not_lossy(drain: Drain) -> None:
    run = drain(pause=2.5)
    counts = run.judge()["counts"]
    assert (counts["lost_events"], counts["suspected_lost"]) == (0, 0)
    assert counts["late_events"] >= 5
    assert not run.guard("publish horizon passed")["applies"]


def test_a_drain_that_a_user_cuts_short_suspects_what_a_relay_still_holds(drain: Drain) -> None:
    run = drain(pause=60.0, drain_timeout="2s", request_timeout="1s", publish_horizon="5m")
    report = run.judge()
    assert (report["counts"]["lost_events"], report["verdict"], report["exit_code"]) == (0, "inconclusive", 3)
    assert report["counts"]["suspected_lost"] >= 5
    assert "the publish horizon is 5 m (--publish-horizon)" in run.guard("publish horizon passed")["reason"]
    assert run.guard("drain complete")["passed"]


def test_a_service_that_stops_publishing_for_good_is_a_finding(drain: Drain) -> None:
    run = drain(pause=None, stops=True, delivery_timeout="1s")
    report = run.judge()
    assert (report["verdict"], report["exit_code"]) == ("inconsistent", 1)
    assert report["counts"]["lost_events"] >= 8
    assert NOTHING in report["reason"]
    assert run.guard("drain complete")["reason"].startswith(NOTHING)
    assert run.column("lost-events.csv", "cause")[-3:] == ["publishes_nothing"] * 3


def test_without_a_known_delivery_timeout_it_is_a_doubt_that_names_what_would_settle_it(drain: Drain) -> None:
    run = drain(pause=None, stops=True, drain_timeout="8s", request_timeout="1s")
    report = run.judge()
    assert (report["counts"]["lost_events"], report["verdict"], report["exit_code"]) == (0, "inconclusive", 3)
    reason = run.guard("drain complete")["reason"]
    assert "3 orders acknowledged since the outage, none with an event" in reason
    assert "--delivery-timeout is not given (Java's default is 120 s)" in reason
