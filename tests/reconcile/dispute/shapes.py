"""A recorded run against a service whose events have any shape, judged from a real table and a real topic.

Of its orders a few lost their event by plan. A shape says which records the others left; who is lost, disputed or
suspected then is known beforehand. No load, no fault: the run's folder is written as the harness would have.
"""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer
from psycopg import sql

from contract.order_id import IdKind, encode_order_id
from reconcile.command import main
from runlog.facts import CheckOrder, RunFacts, TopicStart
from runlog.folder import RunFolder
from runlog.order_id_texts import OrderIdTextWriter
from stores.topic import read_bounds
from tests.conftest import Infra
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts

ORDERS = 28
LOST = (3, 11, 19)
CHECK = 999
TYPES = {IdKind.UUID: "uuid", IdKind.INTEGER: "bigint", IdKind.TEXT: "text"}


@dataclass(frozen=True)
class Record:
    """One record; `partition` None: the first."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True)
class Order:
    """One order, as the service knows it: number, id as it is in JSON, and the tag that was sent with it."""

    number: int
    id: Any
    tag: str

    @property
    def text(self) -> str:
        return str(self.id)

    @property
    def raw(self) -> bytes:
        """Bytes of an id that is a UUID."""
        return uuid.UUID(self.text).bytes

    def event(self, **changes: Any) -> bytes:
        """The value of the reference service's event; a member that is changed to `...` is left out."""
        members = {"eventId": str(uuid.uuid4()), "orderId": self.id, "customerId": self.tag, "totalAmount": 17.25}
        members |= {"items": [{"quantity": 17, "unitPrice": 17.0}], "occurredAt": "2026-11-23T07:30:00Z"} | changes
        return json.dumps({name: one for name, one in members.items() if one is not ...}).encode()

    def usual(self, **changes: Any) -> Record:
        """The reference service's record."""
        return Record(self.event(**changes), self.text.encode())


Publish = Callable[[Order], Sequence[Record]]


@dataclass
class Shape:
    """What a service publishes, and what must be found.

    Attributes:
        name: for people.
        publish: records of an order that did not lose its event.
        lost: those of an order that did; none unless said.
        others: records of no order.
        aborted: records of orders that did, in a transaction that is aborted; all else is in committed ones then.
        options: facts that describe the service, `event_id` for example.
        kind: of the order ids.
        disputed: whether an order (one that kept its event by plan) is to be disputed.
        expected: counts that must be; without any: the lost ones by id, and no other doubt.
        stack: `external` unless said.
    """

    name: str
    publish: Publish
    lost: Publish = lambda _: []
    others: Sequence[Record] = ()
    aborted: Publish | None = None
    options: dict[str, Any] = field(default_factory=dict)
    kind: IdKind = IdKind.UUID
    disputed: Callable[[int], bool] = lambda _: False
    expected: dict[str, int] = field(default_factory=dict)
    stack: str = "external"
    verdict: tuple[str, int] = ("inconsistent", 1)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Judged:
    """What came of it."""

    folder: RunFolder
    code: int
    report: Any

    def ids(self, name: str) -> list[str]:
        with (self.folder.path / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            return [row["order_id"] for row in csv.DictReader(stream)]

    def guard(self, name: str) -> Any:
        (found,) = [one for one in self.report["guards"] if one["name"] == name]
        return found


class Service:
    """The service on the shared stores; its table is gone afterwards."""

    def __init__(self, infra: Infra, shape: Shape) -> None:
        self.infra, self.shape = infra, shape
        self.topic, self.schema = infra.new_topic(1), f"shape_{uuid.uuid4().hex[:10]}"
        self.tagged = shape.options.get("attribution", "tagged") == "tagged"
        self.orders = [Order(number, self._id(number), str(KEY.customer_id(number))) for number in range(ORDERS)]

    def _id(self, number: int) -> Any:
        if self.shape.kind is IdKind.UUID:
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.topic}/{number}"))
        return number + 4 if self.shape.kind is IdKind.INTEGER else f"ORD-2026-{number:012d}"

    def fill(self) -> None:
        client: dict[str, str | int] = {"bootstrap.servers": self.infra.kafka_bootstrap, "linger.ms": 2, "log_level": 0}
        if self.shape.aborted is not None:
            client["transactional.id"] = self.topic
        producer = Producer(client)
        if self.shape.aborted is not None:
            producer.init_transactions(20)
            producer.begin_transaction()
            for order in (self.orders[number] for number in LOST):
                for record in self.shape.aborted(order):
                    self._send(producer, record)
            assert producer.flush(20) == 0
            producer.abort_transaction(20)
            producer.begin_transaction()
        for order in self.orders:
            publish = self.shape.lost if order.number in LOST else self.shape.publish
            for record in publish(order):
                self._send(producer, record)
        for record in self.shape.others:
            self._send(producer, record)
        assert producer.flush(20) == 0
        if self.shape.aborted is not None:
            producer.commit_transaction(20)
        columns = f"id {TYPES[self.shape.kind]} PRIMARY KEY, customer_id uuid, created_at timestamp"
        rows = [(order.id, order.tag, "2026-11-25T10:00:05") for order in self.orders]
        with psycopg.connect(self.infra.database_url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {self.schema}".encode())
            cursor.execute(f"CREATE TABLE {self.schema}.orders ({columns})".encode())
            cursor.executemany(f"INSERT INTO {self.schema}.orders VALUES (%s, %s, %s)".encode(), rows)

    def _send(self, producer: Producer, record: Record) -> None:
        producer.produce(self.topic, record.value, record.key, headers=list(record.headers))

    def drop(self) -> None:
        with psycopg.connect(self.infra.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema)))

    def facts(self) -> RunFacts:
        bounds = read_bounds({"bootstrap.servers": self.infra.kafka_bootstrap}, self.topic)
        check = CheckOrder(str(self._id(CHECK)), 201, row=True, event=True)
        stated = {"id_kind": self.shape.kind.value, "orders_table": f"{self.schema}.orders", "stack": self.shape.stack}
        topic = TopicStart(self.topic, bounds.topic_id, dict.fromkeys(bounds.ends, 0))
        return facts(
            topic=topic,
            check_order=check,
            database_time="2026-11-25T10:00:01",
            publish_horizon_s=1.0,
            **stated,
            **self.shape.options,
        )

    def write(self, runs: Path) -> RunFolder:
        """Write the run's folder: every order was acknowledged with its id, and sent in some phase."""
        folder = RunFolder(runs / "20261125-100000-0000")
        builder = RunBuilder(facts=self.facts())
        for order in self.orders:
            builder.order(order.number, 1 + order.number, row=False, event=False)
            builder.attempts[-1] = (*builder.attempts[-1][:-1], encode_order_id(self.shape.kind, order.id))
        # The builder's monitor knows another topic.
        builder.observations = [replace(seen, ends=None if seen.ends is None else {0: 0}) for seen in builder.monitor()]
        builder.write(folder)
        names = OrderIdTextWriter(folder.path, self.shape.kind)
        for order in self.orders:
            identity = encode_order_id(self.shape.kind, order.id)
            assert identity is not None
            names.note(identity, order.text)
        names.close()
        return folder

    def judge(self, runs: Path) -> Judged:
        folder = self.write(runs)
        stores = ["--database-url", self.infra.database_url, "--kafka-bootstrap", self.infra.kafka_bootstrap]
        code = main([str(folder.path), "--quiet", *stores])
        return Judged(folder, code, json.loads(folder.report.read_text()))


def judged(infra: Infra, runs: Path, shape: Shape) -> Iterator[tuple[Service, Judged]]:
    """Fill the stores, judge, yield what came of it, clean up."""
    service = Service(infra, shape)
    try:
        service.fill()
        yield service, service.judge(runs)
    finally:
        service.drop()
