"""Runs of scripted services on real stores, drained and judged: relays that pause, and one that stops for good."""

import csv
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from reconcile.command import main
from runlog.exit_codes import INCONCLUSIVE, NOT_AS_EXPECTED, USAGE_OR_CRASH
from tests.conftest import Infra
from tests.e2e.harness import CHECKOUT
from tests.topics import create_topic

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
    def begin(*, pause: float | None, stops: bool = False, one_id: bool = False, **options: str) -> Drained:
        database_url, topic = infra.new_database(), infra.new_topic()
        given: dict[str, Any] = {
            "database_url": database_url,
            "bootstrap": infra.kafka_bootstrap,
            "topic": topic,
            "pause": pause,
        }
        given |= {
            "home": str(tmp_path),
            "runs": str(tmp_path / "runs"),
            "stops": stops,
            "options": options,
            "one_id": one_id,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos.run.scripted_run"],
            input=json.dumps(given),
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
    run = drain(pause=1.7)
    counts = run.judge()["counts"]
    assert (counts["lost_events"], counts["suspected_lost"]) == (0, 0)
    assert counts["late_events"] >= 5
    assert not run.guard("publish horizon passed")["applies"]


def test_a_service_that_stops_publishing_for_good_is_a_finding(drain: Drain) -> None:
    run = drain(pause=None, stops=True, delivery_timeout="1s")
    report = run.judge()
    assert (report["verdict"], report["exit_code"]) == ("inconsistent", 1)
    assert report["counts"]["lost_events"] >= 8
    assert NOTHING in report["reason"]
    assert run.guard("drain complete")["reason"].startswith(NOTHING)
    assert run.column("lost-events.csv", "cause")[-3:] == ["publishes_nothing"] * 3


def test_answers_that_return_one_id_are_named_as_that_and_hold_no_drain_up(drain: Drain) -> None:
    run = drain(pause=None, one_id=True)
    report = run.judge()
    assert (report["verdict"], report["exit_code"]) == ("inconclusive", 3)
    assert report["counts"]["lost_orders"] == 0
    answers = report["counts"]["acknowledged"]
    assert f"{answers} answers returned the same order id" in run.guard("answers return ids of their own")["reason"]
    drained = [json.loads(line) for line in (run.folder / "marks.jsonl").read_text().splitlines()]
    (begin,), (end,) = ([one for one in drained if one["name"] == name] for name in ("drain", "drained"))
    assert end["complete"]
    assert end["repeated_id"]
    assert end["at"] - begin["at"] < 30, "the drain waited for an event that could not come"


def look_again(run: Drained, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main([str(run.folder), "--look-again", *run.stores, *more])
    return code, capsys.readouterr().out


def test_what_a_drain_that_was_cut_short_suspects_can_be_looked_for_again(
    drain: Drain, capsys: pytest.CaptureFixture[str]
) -> None:
    run = drain(pause=60.0, drain_timeout="2s", request_timeout="1s", publish_horizon="5m")
    assert look_again(run, capsys)[0] == USAGE_OR_CRASH, "nothing was read yet"
    report = run.judge()
    assert (report["counts"]["lost_events"], report["verdict"], report["exit_code"]) == (0, "inconclusive", 3)
    assert "the publish horizon is 300 s (--publish-horizon)" in run.guard("publish horizon passed")["reason"]
    assert run.guard("drain complete")["passed"]
    kept = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    missing = run.column("suspected-lost.csv", "order_id")
    assert len(missing) >= 8
    code, said = look_again(run, capsys)
    assert code == NOT_AS_EXPECTED
    assert f"{len(missing)} suspected lost events: 0 with an event by now, {len(missing)} without one\n" in said
    late, dropped = missing[:-1], missing[-1]
    publish(run, late)
    code, said = look_again(run, capsys)
    assert code == NOT_AS_EXPECTED
    assert f"{len(missing)} suspected lost events: {len(late)} with an event by now (" in said
    assert " s after the order was sent), 1 without one\n" in said
    assert "report.json (inconclusive) and the run's witnesses are unchanged\nexit code 1\n" in said
    assert run.column("look-again.csv", "there_now") == ["yes"] * len(late) + ["no"]
    publish(run, [dropped])
    code, said = look_again(run, capsys, "--json")
    found = json.loads(said)
    assert (code, found["missing"], found["there_now"], found["problem"]) == (0, len(missing), len(missing), None)
    create_again(run)
    code, said = look_again(run, capsys)
    assert code == INCONCLUSIVE
    assert "unknown: the topic was deleted and created again since the run" in said
    (run.folder / "look-again.csv").unlink()
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == kept


def create_again(run: Drained) -> None:
    admin = AdminClient({"bootstrap.servers": run.infra.kafka_bootstrap})
    admin.delete_topics([run.topic])[run.topic].result(15)
    await_deleted(admin, run.topic)
    create_topic(admin, NewTopic(run.topic, num_partitions=3))


def publish(run: Drained, orders: list[str]) -> None:
    producer = Producer({"bootstrap.servers": run.infra.kafka_bootstrap})
    with psycopg.connect(run.database_url) as connection:
        for order in orders:
            row = connection.execute("SELECT customer_id FROM orders WHERE id = %s", [order]).fetchone()
            assert row is not None
            value: dict[str, object] = {"orderId": order, "customerId": str(row[0]), "eventId": str(uuid.uuid4())}
            value |= {"occurredAt": "2026-11-24T00:00:00Z", "items": []}
            producer.produce(run.topic, key=order, value=json.dumps(value))
    assert producer.flush(10) == 0


def await_deleted(admin: AdminClient, topic: str) -> None:
    deadline = time.monotonic() + 15
    while topic in admin.list_topics(timeout=5).topics:
        assert time.monotonic() < deadline
        time.sleep(0.1)
