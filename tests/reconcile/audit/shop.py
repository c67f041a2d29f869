"""A table and a topic of their own on the real stores, and the audit of them."""

import json
import time
import uuid
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from reconcile.__main__ import main
from tests.conftest import Infra
from tests.shop import BareShop
from tests.topics import create_topic


class Shop(BareShop):
    """A table and a topic of their own, and the audit of them."""

    def __init__(self, infra: Infra, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(infra.database_url, infra.kafka_bootstrap, f"audit-{uuid.uuid4().hex[:8]}")
        self.infra, self._capsys = infra, capsys
        self.table = f"audit_{uuid.uuid4().hex[:8]}"
        self.admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})

    def make(self, id_type: str = "uuid", time_type: str = "timestamptz", **config: str) -> None:
        self.sql(f"CREATE TABLE {self.table} (id {id_type} PRIMARY KEY, created_at {time_type})")
        create_topic(self.admin, NewTopic(self.topic, 2, 1, config=config))

    def store(self, *orders: object, at: str = "now() - interval '10 minutes'") -> None:
        for order in orders:
            self.sql(f"INSERT INTO {self.table} VALUES (%s, {at})", order)

    def publish(self, *orders: object, **more: Any) -> None:
        for order in orders:
            self.put(order, json.dumps({"orderId": str(order)}).encode(), **more)

    def code(self, *options: str) -> tuple[int, str, str]:
        where = ["--orders-table", self.table, "--topic", self.topic]
        stores = ["--database-url", self.infra.database_url, "--kafka-bootstrap", self.infra.kafka_bootstrap]
        self._capsys.readouterr()
        code = main(["audit", *stores, *where, *options])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def audit(self, *options: str) -> Any:
        code, out, err = self.code("--json", "--grace", "0s", "--since", "20m", *options)
        assert out, err
        found = json.loads(out)
        assert found["exit_code"] == code
        return found


def orders(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def lost(found: Any) -> set[str]:
    return {one["order_id"] for one in found["lost_events"]}


def disputed(found: Any) -> set[str]:
    return {one["order_id"] for one in found["disputed_orders"]}


def stamped(minutes_ago: float) -> int:
    return round((time.time() - minutes_ago * 60) * 1000)


def store_naive(shop: Shop, minutes_ago: float, *named: str) -> None:
    shop.store(*named, at=f"(now() - interval '{minutes_ago} minutes') AT TIME ZONE 'UTC'")
