"""Preflight on real stores: each check can fail, says what to do, and breaks nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import chaos.preflight
from chaos.journal import Journal, OpenFault
from chaos.plan import make_plan
from chaos.preflight import Preflight, PreflightError
from chaos.proof import ProvenOrder
from chaos.subject import Subject
from runlog.settings import make_settings
from tests.chaos.parts import Service, StillTarget, answering, make_subject
from tests.conftest import Infra

pytestmark = pytest.mark.real
PLAN = make_plan(make_settings({}))


@pytest.fixture
def healthy(infra: Infra, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Subject, Service]]:
    # A missing event is missing after two seconds too.
    monkeypatch.setattr(chaos.preflight, "EVENT_WAIT_S", 2.0)
    with answering(lambda path: '{"status": "UP"}') as base_url:
        yield make_subject(infra, base_url)


def run(subject: Subject, folder: Path) -> tuple[ProvenOrder, list[str]]:
    told: list[str] = []
    proven = Preflight(subject, PLAN, Journal(folder / "journal.json"), lambda check: told.append(check.name)).run()
    return proven, told


def refused(subject: Subject, folder: Path) -> str:
    with pytest.raises(PreflightError) as caught:
        run(subject, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "mars:mars" not in message
    return message


def test_all_is_well(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    subject, _ = healthy
    proven, told = run(subject, tmp_path)
    assert told == ["database", "broker", "service", "target", "orders table", "baseline order"]
    assert proven.order is not None
    assert (proven.order.http_status, proven.order.row, proven.order.event) == (201, True, True)


def test_a_database_that_is_not_there(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    away = replace(healthy[0], database_url="postgresql://mars:mars@127.0.0.1:1/orders_db")
    assert refused(away, tmp_path).startswith("database: ")


def test_a_broker_that_is_not_there(
    healthy: tuple[Subject, Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos.preflight, "HEALTH_S", 1.0)
    message = refused(replace(healthy[0], kafka={"bootstrap.servers": "127.0.0.1:1"}), tmp_path)
    assert message.startswith("broker: ")
    assert "start the broker" in message


def test_a_service_that_is_not_there(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    message = refused(replace(healthy[0], health_url="http://127.0.0.1:1/health"), tmp_path)
    assert message.startswith("service: ")
    assert "start the order service" in message


def test_a_table_that_is_not_there(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    message = refused(replace(healthy[0], orders_table="bestellungen"), tmp_path)
    assert message == "orders table: --orders-table bestellungen: there is no such table; there are orders"


def test_a_service_that_takes_no_order(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    subject, service = healthy
    service.status = 500
    assert "the service did not take an order: HTTP 500" in refused(subject, tmp_path)


def test_a_service_that_loses_events_already(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    subject, service = healthy
    service.event = False
    assert f"its event is not in {subject.topic}" in refused(subject, tmp_path)


def test_a_service_that_stores_nothing(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    subject, service = healthy
    service.row = False
    assert "has no row in orders" in refused(subject, tmp_path)


def test_a_topic_that_nobody_makes(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    subject, service = healthy
    service.event = False
    message = refused(replace(subject, topic="never.made"), tmp_path)
    assert "--topic never.made: it does not exist" in message


def test_a_target_that_an_earlier_run_left_broken(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    Journal(tmp_path / "journal.json").open(OpenFault("run-7", "stop", "broker", "broker (process 7)", 1.0, 2))
    message = refused(replace(healthy[0], target=StillTarget(up=False)), tmp_path)
    assert "run run-7 left it broken by stop" in message


def test_a_journal_of_what_is_mended_by_now_is_closed(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    Journal(tmp_path / "journal.json").open(OpenFault("run-7", "stop", "broker", "broker (process 7)", 1.0, 2))
    run(healthy[0], tmp_path)
    assert Journal(tmp_path / "journal.json").left_open() is None


def test_a_fault_that_the_target_cannot_do(healthy: tuple[Subject, Service], tmp_path: Path) -> None:
    target = StillTarget()
    target.faults = ("pause",)
    message = refused(replace(healthy[0], target=target), tmp_path)
    assert message == "--fault stop: broker (process 7) cannot do that; it can do pause"
