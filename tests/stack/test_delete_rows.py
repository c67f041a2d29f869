"""Deleting the rows of one run from a real database: those rows, all of them, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from contract.run_key import CHECK_KEY, RunKey
from orderservice.schema import ORDERS, OUTBOX
from stack.delete_rows import RunRows, remove_rows
from stack.errors import StackError
from stores.postgres import Limits
from tests.conftest import Infra

pytestmark = pytest.mark.real

MINE, OTHER = RunKey.parse("0123456789ab4def"), RunKey.parse("0123456789ab4dee")
SAVE = "INSERT INTO {} (id, customer_id, status, total, created_at, updated_at) VALUES (%s, %s, 'CREATED', 1, %s, %s)"
LINE = "INSERT INTO {} (order_id, product_id, quantity, unit_price) VALUES (%s, gen_random_uuid(), 1, 1)"
TABLES = ("order_items", "outbox", "orders")


class Shop:
    """A database with the order service's tables, in one schema."""

    def __init__(self, database_url: str, schema: str = "public") -> None:
        self.database_url = database_url
        self.schema = schema
        self.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self.run(f"SET search_path = {schema}", *ORDERS, *OUTBOX)

    def run(self, *statements: str) -> list[Any]:
        with psycopg.connect(self.database_url) as connection:
            found: list[Any] = []
            for statement in statements:
                cursor = connection.execute(statement.encode())
                found = cursor.fetchall() if cursor.description else []
        return found

    def order(self, customer: uuid.UUID, at: str = "2026-11-23 07:30:00", items: int = 2) -> uuid.UUID:
        identity = uuid.uuid4()
        named = [sql.Identifier(self.schema, table) for table in ("orders", "order_items", "outbox")]
        with psycopg.connect(self.database_url) as connection:
            connection.execute(sql.SQL(SAVE).format(named[0]), [identity, customer, at, at])
            for _ in range(items):
                connection.execute(sql.SQL(LINE).format(named[1]), [identity])
            query = "INSERT INTO {} (id, aggregatetype, aggregateid, type, payload, created_at) VALUES "
            query += "(gen_random_uuid(), 'order', %s, 'order.created', '', now())"
            connection.execute(sql.SQL(query).format(named[2]), [str(identity).upper()])
        return identity

    def held(self) -> dict[str, list[str]]:
        """Every row of every table, as text."""
        return {
            table: sorted(row for (row,) in self.run(f"SELECT t::text FROM {self.schema}.{table} t"))
            for table in TABLES
        }


@pytest.fixture
def shop(infra: Infra) -> Shop:
    return Shop(infra.new_database())


def of_run(own: Sequence[uuid.UUID] = (), key: RunKey | None = MINE, **changes: Any) -> RunRows:
    changes = {name: [str(one) for one in value] if name == "ids" else value for name, value in changes.items()}
    return replace(RunRows("orders", "outbox", [str(one) for one in own], key), **changes)


def without(held: dict[str, list[str]], gone: Sequence[uuid.UUID]) -> dict[str, list[str]]:
    """What is left once every row that names one of `gone` is taken out."""
    texts = [str(identity) for identity in gone]
    return {table: [row for row in rows if not any(t in row.lower() for t in texts)] for table, rows in held.items()}


def test_only_the_rows_of_the_run_go(shop: Shop) -> None:
    edges = [MINE.customer_id(0), MINE.customer_id(7), MINE.last]
    mine = [shop.order(customer, items=3) for customer in (*edges, edges[1])]
    own = shop.order(CHECK_KEY.customer_id(5))
    shop.order(CHECK_KEY.customer_id(6))  # another run's check order
    for number in range(4):
        shop.order(OTHER.customer_id(number))
        shop.order(uuid.uuid4())
    # A neighbour on either side of the range, by one.
    shop.order(uuid.UUID(int=MINE.first.int - 1))
    shop.order(uuid.UUID(int=MINE.last.int + 1))
    before = shop.held()
    counts = remove_rows(shop.database_url, of_run([own]), dry_run=True)
    assert shop.held() == before
    assert counts == {"order_items": 14, "outbox": 5, "orders": 5}
    assert remove_rows(shop.database_url, of_run([own]), dry_run=False) == counts
    after = shop.held()
    assert after == without(before, [*mine, own])
    assert [len(after[table]) for table in TABLES] == [22, 11, 11]
    assert remove_rows(shop.database_url, of_run([own]), dry_run=False) == {"order_items": 0, "outbox": 0, "orders": 0}
    assert shop.held() == after


def test_a_check_order_of_another_client_stays(shop: Shop) -> None:
    theirs = shop.order(uuid.uuid4())
    before = shop.held()
    assert remove_rows(shop.database_url, of_run([theirs]), dry_run=False)["orders"] == 0
    assert shop.held() == before


def test_rows_without_a_tag_go_by_their_ids_alone(shop: Shop) -> None:
    early, mine, theirs = (shop.order(uuid.uuid4(), at=f"2026-11-23 0{hour}:00:00") for hour in (6, 8, 8))
    own = shop.order(uuid.uuid4(), at="2026-11-23 07:00:00")
    before = shop.held()
    rows = of_run([own], None, ids=[early, mine], after="2026-11-23T07:00:00")
    assert remove_rows(shop.database_url, rows, dry_run=False) == {"order_items": 4, "outbox": 2, "orders": 2}
    assert shop.held() == without(before, [mine, own])
    assert str(theirs) in str(shop.held())
    # Without a moment the ids alone say it: what was acknowledged is of the run.
    remove_rows(shop.database_url, of_run([], None, ids=[early]), dry_run=False)
    assert shop.held() == without(before, [early, mine, own])


def test_other_columns_and_ids_of_other_kinds(infra: Infra) -> None:
    url = infra.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE sales (no bigint PRIMARY KEY, buyer text)")
        connection.execute("CREATE TABLE slips (no text PRIMARY KEY)")
        buyers = [str(MINE.customer_id(1)), str(MINE.customer_id(2)).upper(), str(OTHER.customer_id(1)), "MINE", None]
        for number, buyer in enumerate(buyers, 1):
            connection.execute("INSERT INTO sales VALUES (%s, %s)", [number, buyer])
        for text in ("ORD-1", "ord-1", "ORD-2"):
            connection.execute("INSERT INTO slips VALUES (%s)", [text])
        tagged = RunRows("sales", None, ["3"], MINE, id_column="no", tag_column="buyer")
        assert remove_rows(url, tagged, dry_run=True) == {"sales": 2}
        assert remove_rows(url, tagged, dry_run=False) == {"sales": 2}
        assert [row[0] for row in connection.execute("SELECT no FROM sales ORDER BY no")] == [3, 4, 5]
        listed = replace(tagged, run_key=None, own=["3"], ids=["4", "99"])
        assert remove_rows(url, listed, dry_run=False) == {"sales": 2}
        named = RunRows("slips", None, [], None, ids=["ORD-1"], id_column="no")
        assert remove_rows(url, named, dry_run=False) == {"slips": 1}
        assert [row[0] for row in connection.execute("SELECT no FROM slips ORDER BY no")] == ["ORD-2", "ord-1"]


@pytest.mark.parametrize("kind", ["varchar(36)", "char(48)", "char(32)"])
@pytest.mark.parametrize("backlog", ["uuid", "varchar(40)"])
def test_uuids_in_columns_of_texts(infra: Infra, kind: str, backlog: str) -> None:
    url = infra.new_database()
    ours, own, foreign = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE orders (id {kind}, customer_id {kind})".encode())
        connection.execute(f"CREATE TABLE outbox (aggregateid {backlog}, published_at timestamp)".encode())
        rows = [(ours, MINE.customer_id(4)), (own, CHECK_KEY.customer_id(7)), (foreign, OTHER.customer_id(4))]
        for one, tag in rows:
            texts = [each.hex if kind == "char(32)" else str(each).upper() for each in (one, tag)]
            connection.execute("INSERT INTO orders VALUES (%s, %s)", texts)
        if kind != "char(32)":
            connection.execute("INSERT INTO outbox VALUES (%s)", [str(ours)])
        counts = remove_rows(url, RunRows("orders", "outbox", [str(own)], MINE), dry_run=False)
        assert counts == {"outbox": 0 if kind == "char(32)" else 1, "orders": 2}
        (left,) = connection.execute("SELECT id FROM orders").fetchall()
        assert uuid.UUID(left[0].strip()) == foreign


def test_tables_in_a_schema_of_their_own_and_an_outbox_that_is_none_of_the_runs(infra: Infra) -> None:
    shop = Shop(infra.new_database(), "shop")
    mine = shop.order(MINE.customer_id(1))
    before = shop.held()
    found = remove_rows(shop.database_url, RunRows("shop.orders", None, (), MINE), dry_run=False)
    assert found == {"shop.order_items": 2, "shop.orders": 1}
    assert shop.held() == {**without(before, [mine]), "outbox": before["outbox"]}


def test_a_statement_that_fails_in_the_middle_deletes_nothing(shop: Shop) -> None:
    shop.order(MINE.customer_id(1))
    shop.order(MINE.customer_id(2))
    shop.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$",
        "CREATE TRIGGER refuse BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    before = shop.held()
    with pytest.raises(StackError, match=r"^nothing was deleted: PostgreSQL says: not this one \(SQLSTATE P0001\)$"):
        remove_rows(shop.database_url, of_run(), dry_run=False)
    assert shop.held() == before
    shop.run("DROP TRIGGER refuse ON orders")
    assert remove_rows(shop.database_url, of_run(), dry_run=False)["orders"] == 2


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "NO ACTION"])
@pytest.mark.parametrize("parent", ["orders", "order_items"])
def test_rows_of_a_table_that_is_not_ours_stop_it(shop: Shop, action: str, parent: str) -> None:
    shop.order(MINE.customer_id(1))
    shop.order(OTHER.customer_id(1))
    shop.run(f"CREATE TABLE payments (what uuid REFERENCES {parent} ON DELETE {action})")
    shop.run(f"INSERT INTO payments SELECT id FROM {parent}")
    before = shop.held()
    for dry_run in (True, False):
        with pytest.raises(StackError, match=r"^nothing was deleted: (1 row|2 rows) of payments refers? to "):
            remove_rows(shop.database_url, of_run(), dry_run=dry_run)
        assert shop.held() == before
    # The near miss: payments of other orders alone are no obstacle, and stay.
    column = "customer_id" if parent == "orders" else "(SELECT customer_id FROM orders WHERE orders.id = order_id)"
    shop.run(
        f"DELETE FROM payments p USING {parent} x WHERE x.id = p.what AND {column}::text LIKE '01234567-89ab-4def%'"
    )
    left = shop.run("SELECT what FROM payments")
    assert left
    assert remove_rows(shop.database_url, of_run(), dry_run=False)["orders"] == 1
    assert shop.run("SELECT what FROM payments") == left


def test_an_order_of_the_run_that_another_order_refers_to(shop: Shop) -> None:
    first, second = (shop.order(MINE.customer_id(number)) for number in (1, 2))
    shop.run("ALTER TABLE orders ADD COLUMN parent uuid REFERENCES orders")
    shop.run(f"UPDATE orders SET parent = '{first}' WHERE id = '{second}'")
    theirs = shop.order(OTHER.customer_id(3))
    shop.run(f"UPDATE orders SET parent = '{first}' WHERE id = '{theirs}'")
    with pytest.raises(StackError, match="1 row of orders refers to rows of orders"):
        remove_rows(shop.database_url, of_run(), dry_run=False)
    shop.run(f"UPDATE orders SET parent = NULL WHERE id = '{theirs}'")
    assert remove_rows(shop.database_url, of_run(), dry_run=False)["orders"] == 2


def test_no_table_and_no_right_to_delete(infra: Infra, shop: Shop) -> None:
    with pytest.raises(StackError, match="nothing was deleted: this database has no table orders"):
        remove_rows(infra.new_database(), of_run(), dry_run=False)
    shop.order(MINE.customer_id(1))
    shop.run(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 'planted-word'",
        "GRANT SELECT, DELETE ON order_items, outbox TO reader",
        "GRANT SELECT ON orders TO reader",
    )
    before = shop.held()
    url = shop.database_url.replace("mars:mars@", "reader:planted-word@")
    assert remove_rows(url, of_run(), dry_run=True)["orders"] == 1
    with pytest.raises(StackError, match="permission denied for table orders"):
        remove_rows(url, of_run(), dry_run=False)
    assert shop.held() == before


def test_a_row_that_changes_meanwhile_leaves_everything(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.delete_rows.LIMITS", Limits(120.0, 0.5))
    shop.order(MINE.customer_id(1))
    with psycopg.connect(shop.database_url) as other:
        other.execute("UPDATE orders SET status = 'PAID'")
        with pytest.raises(StackError, match="nothing was deleted: PostgreSQL says: canceling statement due to lock"):
            remove_rows(shop.database_url, of_run(), dry_run=False)
    assert [len(rows) for rows in shop.held().values()] == [2, 1, 1]
