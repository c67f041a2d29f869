"""Events and tables of many shapes: what preflight says of one order and what a run counts are the same.

A service stores and publishes every order in the same shape. Where the shape fits the contract preflight passes and a
run of three orders is read completely; where it does not, preflight refuses and names what it found.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psycopg
import pytest
from confluent_kafka import Producer

from chaos.run.canary_order import place_canary
from chaos.run.preflight import check_request
from chaos.run.reconcile_check import ReconcilerCheck
from chaos.sut.sut import SystemUnderTest
from contract.attribution import Attribution
from contract.contract import contract_from_texts
from contract.http import PlacedOrder
from contract.ids import IDS, bytes_of
from contract.order_id import AcknowledgedId
from contract.run_key import RunKey
from reconcile.check_command import OrderCheck
from reconcile.history.history import ids_of
from reconcile.witnesses.events import read_events
from reconcile.witnesses.rows import read_rows
from stores.orders_table import OrdersTable
from stores.topic import read_bounds
from tests.chaos.run.scripted_service import make_sut
from tests.conftest import Infra
from tests.reconcile.core.run_builder import facts

Shape = Callable[[str, str], tuple[Any, Any, list[tuple[str, Any]]]]
NO_TAGS = {"event_tag": "none", "orders_tag_column": "none", "attribution": "acknowledged-only"}
COLUMNS = "id uuid PRIMARY KEY, customer_id uuid NOT NULL"


def reference(order: str, tag: str) -> dict[str, Any]:
    return {"eventId": str(uuid.uuid4()), "orderId": order, "customerId": tag, "items": [], "occurredAt": "2026-11-27"}


@dataclass
class Case:
    """One shape; `refused`: words of preflight's refusal, empty where it must pass."""

    shape: Shape
    refused: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def value_at(**members: str) -> Shape:
    return lambda order, tag: (
        None,
        json.dumps({k: v.format(id=order) for k, v in members.items()} | {"customerId": tag}),
        [],
    )


CASES: dict[str, Case] = {
    "reference": Case(lambda order, tag: (order, json.dumps(reference(order, tag)), [])),
    "no event id, items or time": Case(value_at(orderId="{id}")),
    "byte-order mark": Case(
        lambda order, tag: (order, b"\xef\xbb\xbf" + json.dumps(reference(order, tag)).encode(), [])
    ),
    "upper case and braces": Case(value_at(orderId="{{{id}}}")),
    "customer as key": Case(
        lambda order, tag: (tag, json.dumps(reference(order, tag)), []),
        ("has its id at value:orderId", "a key that does not name the order of its value", "--event-id value:orderId"),
    ),
    "customer as key, place stated": Case(
        lambda order, tag: (tag, json.dumps(reference(order, tag)), []), (), {"event_id": "value:orderId"}
    ),
    "another type": Case(value_at(orderId="{id}", type="OrderPlaced"), ("a type without `created`", "--event-filter")),
    "another type, filter stated": Case(
        value_at(orderId="{id}", type="OrderPlaced"), (), {"event_filter": "value:type=OrderPlaced"}
    ),
    "Avro": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode() + tag.encode(), []),
        ("has its id at key", "no JSON object in UTF-8"),
    ),
    "Avro, the key says all, with a tag": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode() + tag.encode(), []),
        ("no JSON object in UTF-8",), {"event_id": "key"},
    ),
    "Avro, the key says all": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode(), []), (), {"event_id": "key", **NO_TAGS}
    ),
    "Avro, headers say all": Case(
        lambda order, tag: (None, b"\x00\x00\x00\x00\x2a", [("id", order), ("tag", tag)]), (),
        {"event_id": "header:id", "event_tag": "header:tag"},
    ),
    "binary CloudEvents with the customer as key": Case(
        lambda order, tag: (tag, b"\x0a\x03", [("ce_id", "4711"), ("ce_type", "shop.placed"), ("ce_subject", order)]),
        (), {"event_id": "header:ce_subject", "event_filter": "header:ce_type=shop.placed", "event_tag": "key"},
    ),
    "binary CloudEvents, no filter stated": Case(
        lambda order, tag: (tag, b"{}", [("ce_type", "shop.placed"), ("ce_subject", order)]),
        ("--event-filter is missing", "give header:ce_type=shop.placed"),
        {"event_id": "header:ce_subject", "event_tag": "key"},
    ),
    "a tag that is the key, not stated": Case(
        lambda order, tag: (tag, json.dumps({"orderId": order}), []),
        ("--event-tag value:customerId", "it is at key"), {"event_id": "value:orderId"},
    ),
    "no JSON": Case(
        lambda order, tag: (None, f"order={order}", []), ("has its id at value", "no JSON object in UTF-8")
    ),
    "quoted key": Case(
        lambda order, tag: (f'"{order}"', json.dumps({"customerId": tag}), []),
        ("has its id at key (in a longer text)", "no uuid order id at key"), {"event_id": "key"},
    ),
    "raw key": Case(
        lambda order, tag: (uuid.UUID(order).bytes, json.dumps({"customerId": tag}), []),
        ("a JSON value with customerId",), {"event_id": "key"},
    ),
    "urn": Case(value_at(orderId="urn:uuid:{id}"), ("has its id at value:orderId (in a longer text)",)),
    "prefixed": Case(value_at(orderId="ORD-{id}"), ("has its id at value:orderId (in a longer text)",)),
    "in a list": Case(
        lambda order, tag: (None, json.dumps({"orders": [{"id": order}], "customerId": tag}), []),
        ("has its id at value:orders.0.id", "no uuid order id"), {"event_id": "value:orders.0.id"},
    ),
    "dotted name": Case(
        lambda order, tag: (None, json.dumps({"order.id": order, "customerId": tag}), []),
        ("has its id at value:order.id",), {"event_id": "value:order.id"},
    ),
    "a tag that is none": Case(
        lambda order, tag: (None, json.dumps({"orderId": order, "customerId": None, "ref": tag}), []),
        ("--event-tag value:customerId", "it is at value:ref"),
    ),
    "a tag of another": Case(
        lambda order, tag: (None, json.dumps({"orderId": order, "customerId": str(uuid.uuid4())}), []),
        ("--event-tag value:customerId", "nowhere in it"),
    ),
    "a tag that is nowhere": Case(
        lambda order, tag: (None, json.dumps({"orderId": order}), []),
        ("it is nowhere in it: give --attribution acknowledged-only", "nor is it in the events of 3 orders before"),
    ),
    "a tombstone": Case(lambda order, tag: (order, None, []), ("has its id at key", "is a tombstone")),
}  # fmt: skip


class Shaped:
    """A service whose orders all have one shape."""

    def __init__(self, infra: Infra, database_url: str, topic: str, shape: Shape, table: str) -> None:
        self._url, self._topic, self._shape, self._table = database_url, topic, shape, table
        self._producer = Producer({"bootstrap.servers": infra.kafka_bootstrap, "linger.ms": 0})

    def place(self, customer: uuid.UUID) -> PlacedOrder:
        order = uuid.uuid4()
        with psycopg.connect(self._url) as connection:
            connection.execute(
                f"INSERT INTO {self._table} (id, customer_id) VALUES (%s, %s)", [str(order), str(customer)]
            )
        key, value, headers = self._shape(str(order), str(customer))
        self._producer.produce(self._topic, key=key, value=value, headers=headers)
        assert self._producer.flush(10) == 0
        return PlacedOrder(201, AcknowledgedId(str(order), order.bytes), None)


@pytest.fixture(scope="module")
def database(infra: Infra) -> str:
    return infra.new_database()


@pytest.fixture
def place(infra: Infra, database: str) -> Iterator[Callable[..., SystemUnderTest]]:
    """Make the system under test of a shape, with a table and a topic of its own."""

    def begin(shape: Shape, columns: str = COLUMNS, ddl: str = "", **options: Any) -> SystemUnderTest:
        table, topic = f"orders_{uuid.uuid4().hex[:8]}", infra.new_topic(1)
        with psycopg.connect(database) as connection:
            connection.execute(f"CREATE TABLE {table} ({columns}, created_at timestamptz DEFAULT clock_timestamp())")
            for statement in filter(None, ddl.format(table=table).split(";")):
                connection.execute(statement)
        sut, _ = make_sut(infra, "http://127.0.0.1:1", topic)
        service = Shaped(infra, database, topic, shape, table)
        attribution = options.get("attribution", "tagged")
        options.setdefault("orders_table", table)
        options["orders_table"] = options["orders_table"].format(table=table)
        if "outbox_table" in options:
            options["outbox_table"] = options["outbox_table"].format(table=table)
        contract = contract_from_texts(**options)
        return replace(
            sut, stack="external", contract=contract, attribution=attribution, place_order=service.place,
            database_url=database,
        )  # fmt: skip

    yield begin


def preflight(sut: SystemUnderTest) -> str | None:
    """Return why preflight refuses an order of the service."""
    table = OrdersTable(sut.database_url, sut.contract)
    try:
        proven = place_canary(sut, table, 1.0)
    finally:
        table.close()
    return proven.problem or OrderCheck(check_request(sut, proven), lambda _: None).run()


def run_reads_all(sut: SystemUnderTest) -> bool:
    """Return whether a run of three orders is read completely: each has its row and its event, and none is disputed."""
    key, ids = RunKey.random(), []
    bounds = read_bounds(sut.kafka, sut.topic)
    for seq in range(3):
        placed = sut.place_order(key.customer_id(seq))
        assert placed.order_id is not None
        ids.append(placed.order_id.key)
    returned = np.unique(np.frombuffer(b"".join(ids), dtype=IDS))
    run = facts(
        stack="external", run_key=key, attribution=sut.attribution, contract=sut.contract,
        topic=replace(facts().topic, name=sut.topic, topic_id=bounds.topic_id, starts=bounds.ends),
    )  # fmt: skip
    attribution = Attribution(sut.attribution, returned[:0], returned)
    rows = read_rows(sut.database_url, run, run.clock, lambda *_: None, attribution=attribution)
    events = read_events(sut.kafka, run, run.clock, lambda *_: None, attribution=attribution, rows=rows.rows)
    whole = [set(bytes_of(ids_of(one))) == set(ids) for one in (rows.rows, events.events)]
    return rows.complete and events.complete and all(whole)


@pytest.mark.real
@pytest.mark.parametrize("name", CASES)
def test_preflight_and_run_agree(place: Callable[..., SystemUnderTest], name: str) -> None:
    case = CASES[name]
    sut = place(case.shape, **case.options)
    problem = preflight(sut)
    assert (problem is None) == (not case.refused), problem
    assert all(word in (problem or "") for word in case.refused), problem
    # An event whose tag is missing would count, as its order has a row, and so would one of several types; preflight is
    # stricter, and says what to do.
    if "a tag that is" not in name and "no filter" not in name:
        assert run_reads_all(sut) is (problem is None)


@pytest.mark.real
@pytest.mark.parametrize("without", [1, 3, 4])
def test_some_events_without_a_tag_are_no_wrong_option(place: Callable[..., SystemUnderTest], without: int) -> None:
    """Events without a tag count by their ids, so a check order whose event has none says nothing of the option."""
    placed: list[str] = []

    def shape(order: str, tag: str) -> tuple[Any, Any, list[tuple[str, Any]]]:
        placed.append(order)
        return None, json.dumps({"orderId": order} | ({"customerId": tag} if len(placed) > without else {})), []

    problem = preflight(place(shape))
    assert (problem is None, len(placed)) == (without < 4, min(4, without + 1)), problem


@pytest.mark.real
@pytest.mark.parametrize(("order_id", "hint"), [("/orders/4711", True), ("4711", False)])
def test_an_id_that_is_a_path_has_no_row(place: Callable[..., SystemUnderTest], order_id: str, hint: bool) -> None:
    acknowledged = AcknowledgedId(order_id, order_id.encode().ljust(16, b"\0"))
    sut = place(CASES["reference"].shape, "id text PRIMARY KEY, customer_id uuid NOT NULL", id_kind="text")
    problem = preflight(replace(sut, place_order=lambda _: PlacedOrder(202, acknowledged, None))) or ""
    assert "but has no row in " in problem
    assert ("header:NAME/ for what follows its last slash" in problem) is hint


TABLES: dict[str, tuple[str, str, dict[str, str]]] = {
    "varchar id": ("id varchar(36) PRIMARY KEY, customer_id uuid NOT NULL", "", {}),
    "char id": ("id char(36) PRIMARY KEY, customer_id uuid NOT NULL", "", {}),
    "varchar tag": ("id uuid PRIMARY KEY, customer_id varchar(36) NOT NULL", "", {}),
    "text for both": ("id text PRIMARY KEY, customer_id text NOT NULL", "", {}),
    "a view": (COLUMNS, "CREATE VIEW {table}_v AS SELECT * FROM {table}", {"orders_table": "{table}_v"}),
    "an outbox of another make": (
        COLUMNS, "CREATE TABLE {table}_o (event uuid, sent boolean)", {"outbox_table": "{table}_o"},
    ),
    "an outbox": (
        COLUMNS, "CREATE TABLE {table}_o (aggregateid text, type text, published_at timestamp)",
        {"outbox_table": "{table}_o"},
    ),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("name", TABLES)
def test_preflight_and_run_agree_on_tables(place: Callable[..., SystemUnderTest], name: str) -> None:
    columns, ddl, options = TABLES[name]
    sut = place(CASES["reference"].shape, columns, ddl, **options)
    problem = preflight(sut)
    assert run_reads_all(sut) is (problem is None), problem
    if name == "an outbox of another make":
        assert "the rows of a run could not be read" in (problem or "")
    else:
        assert problem is None


@pytest.mark.real
def test_the_reconciler_answers_in_a_process_of_its_own(place: Callable[..., SystemUnderTest]) -> None:
    sut = place(CASES["reference"].shape)
    table = OrdersTable(sut.database_url, sut.contract)
    try:
        proven = place_canary(sut, table, 10.0)
    finally:
        table.close()
    request = check_request(sut, proven)
    with ReconcilerCheck() as judge:
        assert judge.ask(request) is None
    with ReconcilerCheck() as judge:
        problem = judge.ask(replace(request, sequence=request.sequence + 1))
    assert problem == f"the row of order {request.order_id} carries another tag in customer_id than was sent"
    with ReconcilerCheck() as judge:
        assert "'7' is no uuid id" in (judge.ask(replace(request, order_id="7")) or "")
    unreachable = replace(request, kafka={"bootstrap.servers": "127.0.0.1:1"})
    with ReconcilerCheck() as judge:
        problem = judge.ask(unreachable, limit_s=0.01)
    assert problem is not None
    assert problem.startswith("timed out after 0.01 s waiting for the reconciler to check the order; it was ")
