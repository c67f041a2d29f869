"""Preflight on a wrong setting: one sentence that says which option is wrong and what was found in its place."""

from collections.abc import Callable
from typing import Any

import pytest

import chaos.run.preflight
import chaos.sut.health_checks
from chaos.run.canary_order import CanaryOrder
from chaos.run.plan import make_plan
from chaos.run.preflight import Preflight
from chaos.sut.external import ExternalSystem
from chaos.sut.sut import PreflightError
from load.placed_orders import place
from settings.run_settings import make_settings
from tests.external.conftest import OpenShop, OpenShopOf
from tests.external.shop import API_KEY

pytestmark = pytest.mark.real


def texts_of(shop: OpenShop) -> dict[str, str]:
    words = [*shop.options, *shop.pair]
    texts = {
        flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)
    }  # fmt: skip
    return {**texts, "database_url": shop.database_url, "header": f"X-Api-Key: {API_KEY}"}


def preflight(shop: OpenShop, **changed: str) -> CanaryOrder:
    texts = texts_of(shop) | changed
    settings = make_settings(texts, texts["host"])
    sut = ExternalSystem(settings, place).prepare(settings)
    return Preflight(sut, make_plan(settings), lambda _: None).run()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    # What is missing is missing after two seconds too.
    monkeypatch.setattr(chaos.run.preflight, "EVENT_WAIT_S", 2.0)
    monkeypatch.setattr(chaos.sut.health_checks, "HEALTH_S", 2.0)

    def refuse(shop: OpenShop, **changed: str) -> str:
        with pytest.raises(PreflightError) as caught:
            preflight(shop, **changed)
        message = str(caught.value)
        assert "\n" not in message
        assert API_KEY not in message
        assert "mars:" not in message
        return message

    return refuse


@pytest.mark.parametrize("kind", ["uuid", "integer", "text"])
def test_everything_is_healthy(open_shop: OpenShopOf, kind: str) -> None:
    proven = preflight(open_shop(kind))
    assert proven.problem is None
    assert proven.order is not None
    assert (proven.order.http_status, proven.order.row, proven.order.event) == (202, True, True)
    assert proven.row_time


@pytest.mark.exhaustive
def test_each_wrong_setting_is_named_with_what_is_there(open_shop: OpenShopOf, refused: Callable[..., str]) -> None:
    shop = open_shop("integer")
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"database_url": shop.database_url.replace("mars@", "wrong@")}, ["database: ", "correct --database-url"]),
        ({"kafka_bootstrap": "127.0.0.1:1"}, ["broker: ", "correct --kafka-bootstrap"]),
        ({"health_path": "/well"}, ["service: ", "/base/well: status 404", "--health-path"]),
        ({"orders_table": "sales"}, ["--orders-table sales: there is no such table; there are till.sales"]),
        (
            {"orders_id_column": "id"},
            ["--orders-id-column id: table till.sales has no such column", "sale_no (bigint), buyer_ref (text)"],
        ),
        ({"orders_tag_column": "customer_id"}, ["--orders-tag-column customer_id:", "none, if", "buyer_ref (text)"]),
        ({"id_kind": "uuid"}, ["--id-kind uuid: column sale_no of till.sales is bigint"]),
        ({"order_path": "/orders"}, ["HTTP 404", "see --order-path"]),
        (
            {"backlog_url": f"{shop.url}/nothing"},
            [f"backlog: --backlog-url {shop.url}/nothing: status 404", 'HTTP 200 with {"pending": NUMBER}'],
        ),
        ({"header": ""}, ["HTTP 401", "see --header"]),
        ({"order_body": '{"buyer": "${customer_id}"}'}, ["HTTP 422", "see --order-body"]),
        (
            {"order_id": "value:orderId"},
            ["HTTP 202", "no whole number at --order-id value:orderId", "has the members data.sale.no, status"],
        ),
        ({"order_id": "header:Location/"}, ["at --order-id header:Location/", "has the headers", "content-length"]),
        ({"topic": "no.such.topic"}, ["--topic no.such.topic: it does not exist", "there are"]),
        (
            {"event_id": "key"},
            ["its event is not in", "has its id at value:sale.no", "no integer order id at key"],
        ),
        (
            {"event_filter": "value:kind=OrderPlaced"},
            [
                "has its id at value:sale.no",
                "does not pass --event-filter value:kind=OrderPlaced",
                "records with that id have SalePlaced, SaleIndexed there",
            ],
        ),
        (
            {"event_filter": "header:kind=SalePlaced"},
            ["does not pass --event-filter header:kind=SalePlaced; records with that id have nothing there"],
        ),
        ({"event_tag": "header:buyer"}, ["--event-tag header:buyer:", "it is at value:buyer.ref"]),
        ({"orders_tag_column": "amount"}, ["--orders-tag-column amount:", "is integer and cannot hold"]),
        ({"event_id": ""}, ["value:orderId", "has its id at value:sale.no"]),
        ({"orders_time_column": "inserted_at"}, ["--orders-time-column inserted_at: till.sales has no such column"]),
        (
            {"attribution": "exclusive", "orders_time_column": "created_at"},
            ["--orders-time-column created_at: till.sales has no such column", "placed_at (timestamp"],
        ),
        ({"heal_command": "no-such-program --now"}, ["--heal-command", "there is no program no-such-program"]),
        ({"command_check": "false"}, ["is not up", "start it first"]),
    ]
    for changed, words in wrong:
        message = refused(shop, **changed)
        for word in words:
            assert word in message, f"{changed}: {message}"


def test_records_of_another_make_are_described_without_their_values(
    open_shop: OpenShopOf, infra: Any, refused: Callable[..., str]
) -> None:
    from confluent_kafka import Producer

    shop = open_shop()
    other = infra.new_topic(1)
    producer = Producer({"bootstrap.servers": shop.bootstrap})
    producer.produce(other, key="4711", value='{"private": {"name": "Ada"}}', headers=[("trace", b"x")])
    producer.flush(10)
    message = refused(shop, topic=other)
    assert "its event is not in" in message
    assert "a whole number as key, a JSON value with private.name, the headers trace" in message
    assert "Ada" not in message
    assert "4711" not in message


def test_a_password_that_the_database_refuses(open_shop: OpenShopOf, refused: Callable[..., str]) -> None:
    message = refused(open_shop(), database_url="postgresql://nobody:planted@127.0.0.1:1/none")
    assert message.startswith("database: ")
    assert "planted" not in message
