"""Events and tables of many shapes: what preflight says of one order and what a run counts are the same.

A service stores and publishes every order in the same shape. Where the shape fits the contract preflight passes and a
run of three orders is read completely; where it does not, preflight refuses and names what it found.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from tests.chaos.run.shapes import CASES, COLUMNS, TABLES, Shape
from tests.conftest import Infra
from tests.reconcile.core.run_builder import facts


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
