"""Preflight on real stores: each check can fail, says what to do, and breaks nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import chaos.run.preflight
from chaos.faults.targets import TargetError
from chaos.run.canary_order import CanaryOrder
from chaos.run.plan import make_plan
from chaos.run.preflight import Preflight
from chaos.sut.sut import PreflightError, SystemUnderTest
from contract.contract import Contract, TableContract
from contract.http import PlacedOrder
from settings.run_settings import make_settings
from tests.chaos.run.scripted_service import Service, StillTarget, answering, make_sut
from tests.conftest import Infra

pytestmark = pytest.mark.real
PLAN = make_plan(make_settings({}))
_BACKLOGS = {"/full": '{"pending": 3}', "/text": '{"pending": "3"}', "/less": '{"pending": -1}', "/html": "<html>"}


@pytest.fixture
def healthy(infra: Infra, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SystemUnderTest, Service]]:
    # A missing event is missing after two seconds too.
    monkeypatch.setattr(chaos.run.preflight, "EVENT_WAIT_S", 2.0)
    with answering(lambda path: _BACKLOGS.get(path, '{"status": "UP"}')) as base_url:
        yield make_sut(infra, base_url)


def run(sut: SystemUnderTest) -> tuple[CanaryOrder, list[str]]:
    passed: list[str] = []
    proven = Preflight(sut, PLAN, lambda check: passed.append(check.name)).run()
    return proven, passed


def refused(sut: SystemUnderTest) -> str:
    with pytest.raises(PreflightError) as caught:
        run(sut)
    message = str(caught.value)
    assert "\n" not in message
    assert "mars:mars" not in message
    return message


def test_everything_is_healthy(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut, _ = healthy
    proven, passed = run(sut)
    assert passed == ["database", "broker", "service", "listeners", "target", "orders table", "canary order"]
    assert proven.order is not None
    assert (proven.order.http_status, proven.order.row, proven.order.event) == (201, True, True)


def test_a_backlog_that_is_reported_may_hold_events(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut = replace(healthy[0], backlog_url=f"{healthy[0].service_url}/full")
    assert "backlog" in run(sut)[1]


@pytest.mark.parametrize("path", ["/health", "/text", "/less", "/html"])
def test_a_backlog_that_is_not_reported(healthy: tuple[SystemUnderTest, Service], path: str) -> None:
    sut = healthy[0]
    url = f"{sut.service_url}{path}"
    message = refused(replace(sut, backlog_url=url))
    assert (
        message
        == f'backlog: {url}: its answer is not {{"pending": NUMBER}}; HTTP 200 with {{"pending": NUMBER}} is expected'
    )


def test_a_database_that_is_not_there(healthy: tuple[SystemUnderTest, Service]) -> None:
    away = replace(healthy[0], database_url="postgresql://mars:mars@127.0.0.1:1/orders_db")
    assert refused(away).startswith("database: ")


def test_a_broker_that_is_not_there(
    healthy: tuple[SystemUnderTest, Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos.run.preflight, "HEALTH_S", 1.0)
    message = refused(replace(healthy[0], kafka={"bootstrap.servers": "127.0.0.1:1"}))
    assert message.startswith("broker: ")
    assert "start the broker" in message


def test_a_service_that_is_not_there(healthy: tuple[SystemUnderTest, Service]) -> None:
    message = refused(replace(healthy[0], health_url="http://127.0.0.1:1/health"))
    assert message.startswith("service: ")
    assert "start the order service" in message


def test_a_table_that_is_not_there(healthy: tuple[SystemUnderTest, Service]) -> None:
    message = refused(replace(healthy[0], contract=Contract(TableContract("bestellungen"))))
    assert message == "orders table: --orders-table bestellungen: there is no such table; there are orders"


def test_a_service_that_takes_no_order(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut, service = healthy
    service.status = 500
    assert "the service did not accept an order: HTTP 500" in refused(sut)


def test_a_service_that_loses_events_already(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut, service = healthy
    service.event = False
    assert f"its event is not in {sut.topic}" in refused(sut)


def test_a_service_that_stores_nothing(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut, service = healthy
    service.row = False
    assert "has no row in orders" in refused(sut)


def test_a_topic_that_is_never_created(healthy: tuple[SystemUnderTest, Service]) -> None:
    sut, service = healthy
    service.event = False
    message = refused(replace(sut, topic="never.made"))
    assert "--topic never.made: it does not exist" in message


def test_an_answer_without_a_readable_id_is_no_refusal(healthy: tuple[SystemUnderTest, Service]) -> None:
    message = refused(replace(healthy[0], place_order=lambda _: PlacedOrder(202, None, "and its answer has no UUID")))
    assert "order: the service answered an order with HTTP 202, and its answer has no UUID;" in message


def test_a_target_that_is_not_up(healthy: tuple[SystemUnderTest, Service]) -> None:
    message = refused(replace(healthy[0], target=StillTarget(up=False)))
    assert message == "target broker (process 7) is not up; start it first"


def test_a_target_that_cannot_be_described(healthy: tuple[SystemUnderTest, Service]) -> None:
    class Unreachable(StillTarget):
        def is_up(self) -> bool:
            raise TargetError("no Docker Engine answers at tcp://127.0.0.1:9: refused")

    message = refused(replace(healthy[0], target=Unreachable()))
    assert message == "target: no Docker Engine answers at tcp://127.0.0.1:9: refused"


def test_a_component_that_this_stack_does_not_offer(healthy: tuple[SystemUnderTest, Service]) -> None:
    target = StillTarget()
    target.component = "database"
    message = refused(replace(healthy[0], target=target))
    assert (
        message
        == "--fault-target broker: the target of this stack is its database, broker (process 7); choose that one"
    )


def test_a_redpanda_that_says_it_is_not_ready(healthy: tuple[SystemUnderTest, Service]) -> None:
    with answering(lambda path: '{"status": "booting"}') as admin_url:
        message = refused(replace(healthy[0], admin_url=admin_url))
    assert message.startswith("broker: Redpanda's Admin API at 127.0.0.1:")
    assert "says booting instead of ready; start the broker" in message
    answers = {
        "/v1/status/ready": '{"status": "ready"}',
        "/v1/brokers": '[{"node_id": 0, "is_alive": true, "membership_status": "active"}]',
        "/v1/cluster/health_overview": '{"is_healthy": true}',
    }
    with answering(answers.__getitem__) as admin_url:
        _, passed = run(replace(healthy[0], admin_url=admin_url))
    assert passed[:4] == ["database", "broker", "broker", "service"]


def test_a_fault_that_the_target_cannot_do(healthy: tuple[SystemUnderTest, Service]) -> None:
    target = StillTarget()
    target.faults = ("pause",)
    message = refused(replace(healthy[0], target=target))
    assert message == "--fault stop: broker (process 7) does not support it; choose from pause"
