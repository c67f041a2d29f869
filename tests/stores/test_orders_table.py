"""What preflight and drain ask of the tables: answered for any kind of table, or refused before anything is broken."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import psycopg
import pytest

from contract.contract import Contract, TableContract
from contract.event import EventContract
from contract.run_key import RunKey
from stores.orders_table import OrdersTable
from stores.postgres import DatabaseProblem
from tests.conftest import Infra

pytestmark = pytest.mark.real
KEY = RunKey.random()


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def with_table(infra: Infra, statements: Sequence[str], table: TableContract) -> tuple[str, Contract]:
    url = infra.new_database()
    run(url, *statements)
    return url, Contract(table=table, event=EventContract(reference=True))


COLUMNS: dict[str, tuple[str, Callable[[uuid.UUID], str]]] = {
    "uuid": ("uuid", str),
    "varchar": ("varchar(36)", str),
    "char with blanks": ("char(40)", str),
    "text in capitals": ("text", lambda one: str(one).upper()),
    "digits alone": ("varchar(32)", lambda one: one.hex),
}


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("view", [False, True])
def test_one_order_and_the_orders_of_a_run(infra: Infra, columns: str, view: bool) -> None:
    kind, form = COLUMNS[columns]
    made = [f"CREATE TABLE held (id {kind}, customer_id {kind}, made timestamp)"]
    made.append("CREATE VIEW orders AS SELECT * FROM held" if view else "ALTER TABLE held RENAME TO orders")
    url, contract = with_table(infra, made, TableContract(time_column="made"))
    first, other = uuid.uuid4(), uuid.uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        for order, tag in ((first, KEY.customer_id(0)), (other, KEY.customer_id(8)), (uuid.uuid4(), uuid.uuid4())):
            insert = b"INSERT INTO " + (b"held" if view else b"orders") + b" VALUES (%s, %s, '2026-11-27T08:00:00.5')"
            connection.execute(insert, (form(order), form(tag)))
    table = OrdersTable(url, contract)
    try:
        assert table.check_columns(compares_times=False) == "id and customer_id"
        assert table.has_order(str(first))
        assert not table.has_order(str(uuid.uuid4()))
        assert not table.has_order("no id at all\ud800")
        assert table.count_run(KEY) == 2
        assert table.count_run(RunKey.random()) == 0
        assert table.text_of(str(first), "made") == "2026-11-27T08:00:00.5"
        assert table.text_of(str(first), "nothing") is None
        assert table.count_ids("orders", "id", [first, uuid.uuid4(), other]) == 2
        with pytest.raises(DatabaseProblem, match="the database has no order_items with ids in a column order_id"):
            table.count_ids("order_items", "order_id", [first])
    finally:
        table.close()


OUTBOX = TableContract(outbox="outbox")
PLAIN = "CREATE TABLE orders (id uuid, customer_id uuid, created_at date)"


@pytest.mark.parametrize(
    ("made", "table", "says"),
    [
        ([PLAIN], OUTBOX, "--outbox-table outbox: there is no such table; there are orders"),
        (
            [PLAIN, "CREATE TABLE outbox (id bigint, payload jsonb, published_at timestamp)"],
            OUTBOX,
            "--outbox-table outbox: it has no column aggregateid; an outbox has aggregateid (the order's id) and "
            "published_at (null until its event is out); it has id (bigint), payload (jsonb), published_at (timestamp ",
        ),
        (
            [PLAIN, "CREATE TABLE outbox (aggregate_id uuid)"],
            OUTBOX,
            "it has no column aggregateid and no published_at",
        ),
        (
            [
                PLAIN,
                "CREATE TABLE outbox (aggregateid text, published_at timestamp)",
                "CREATE ROLE {role} LOGIN",
                "GRANT SELECT ON orders TO {role}",
            ],
            OUTBOX,
            "permission denied for table outbox",
        ),
        (
            [PLAIN, "CREATE ROLE {role} LOGIN", "GRANT SELECT (id, customer_id) ON orders TO {role}"],
            TableContract(),
            "permission denied for table orders",
        ),
        (
            [
                PLAIN,
                "CREATE ROLE {role} LOGIN",
                "GRANT SELECT ON orders TO {role}",
                "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
            ],
            TableContract(),
            'query would be affected by row-level security policy for table "orders"',
        ),
    ],
)
def test_what_a_run_could_not_ask_is_refused(infra: Infra, made: list[str], table: TableContract, says: str) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    url, contract = with_table(infra, [statement.format(role=role) for statement in made], table)
    as_role = f"?options=-crole%3D{role}" if any("{role}" in statement for statement in made) else ""
    orders = OrdersTable(url + as_role, contract)
    try:
        with pytest.raises(DatabaseProblem) as refused:
            orders.check_columns(compares_times=False)
        assert says in str(refused.value)
    finally:
        orders.close()


def test_a_time_that_cannot_order_anything_is_refused_where_it_has_to(infra: Infra) -> None:
    table = OrdersTable(*with_table(infra, [PLAIN], TableContract()))
    assert table.check_columns(compares_times=False) == "id and customer_id"
    with pytest.raises(DatabaseProblem, match="--orders-time-column created_at: its type is date; a timestamp"):
        table.check_columns(compares_times=True)
    table.close()
