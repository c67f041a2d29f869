"""Whatever kind of table the orders are in, each row of a run is read exactly, on all ways on which a run reads it."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from contract.run_key import RunKey
from reconcile.history.history import ids_of
from reconcile.verify.sql_verifier import custom_rows_by_id, rows_by_id
from reconcile.witnesses.rows import look_elsewhere, read_rows
from tests.conftest import Infra
from tests.reconcile.witnesses.witness_data import CLOCK, facts_of, ids_array, silent, texts

pytestmark = pytest.mark.real

PLAIN = "CREATE TABLE orders (id uuid PRIMARY KEY, customer_id uuid NOT NULL)"
LINES = "CREATE TABLE order_items (id serial, order_id {}, quantity int)"
# How the table is made, and how it writes ids and tags.
SHAPES: dict[str, tuple[list[str], str, str]] = {
    "plain": ([PLAIN], "{}", "{}"),
    "varchar id": (["CREATE TABLE orders (id varchar(36) PRIMARY KEY, customer_id uuid)"], "{}", "{}"),
    "varchar tag": (["CREATE TABLE orders (id uuid PRIMARY KEY, customer_id varchar(36))"], "{}", "{}"),
    "both varchar": (["CREATE TABLE orders (id varchar(36), customer_id varchar(36))"], "{}", "{}"),
    "both text": (["CREATE TABLE orders (id text PRIMARY KEY, customer_id text)"], "{}", "{}"),
    "both char": (["CREATE TABLE orders (id char(36) PRIMARY KEY, customer_id char(36))"], "{}", "{}"),
    "blanks behind": (["CREATE TABLE orders (id char(48) PRIMARY KEY, customer_id char(64))"], "{}", "{}"),
    "capitals": (["CREATE TABLE orders (id varchar(36), customer_id varchar(36))"], "upper", "upper"),
    "no dashes": (["CREATE TABLE orders (id char(32), customer_id char(32))"], "digits", "digits"),
    "braces": (["CREATE TABLE orders (id text, customer_id text)"], "{{{}}}", "{{{}}}"),
    "domains": (
        [
            "CREATE DOMAIN order_id AS uuid", "CREATE DOMAIN tag AS varchar(40)", "CREATE DOMAIN customer AS tag",
            "CREATE TABLE orders (id order_id PRIMARY KEY, customer_id customer)",
        ], "{}", "{}",
    ),
    "view": (
        ["CREATE TABLE held (id uuid PRIMARY KEY, buyer uuid)",
         "CREATE VIEW orders AS SELECT id, buyer AS customer_id FROM held"], "{}", "{}",
    ),
    "view of texts": (
        ["CREATE TABLE held (id char(40), buyer varchar(36))",
         "CREATE VIEW orders AS SELECT id, buyer AS customer_id FROM held"], "{}", "{}",
    ),
    "partitioned": (
        ["CREATE TABLE orders (id uuid, customer_id uuid) PARTITION BY HASH (id)",
         "CREATE TABLE orders_0 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
         "CREATE TABLE orders_1 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 1)"], "{}", "{}",
    ),
    "inherited": (
        ["CREATE TABLE orders (id varchar(36), customer_id uuid)", "CREATE TABLE orders_of_2026 () INHERITS (orders)"],
        "{}", "{}",
    ),
}  # fmt: skip


def spelled(form: str, value: uuid.UUID) -> str:
    text = str(value)
    return {"upper": text.upper(), "digits": text.replace("-", "")}.get(form) or form.format(text)


BACKLOGS = [(shape, "text") for shape in SHAPES]
BACKLOGS += [(shape, backlog) for shape in ("plain", "both varchar") for backlog in ("char(40)", "uuid")]


@pytest.mark.parametrize(("shape", "backlog"), BACKLOGS)
def test_rows_of_any_table_are_read_exactly(infra: Infra, shape: str, backlog: str) -> None:
    made, id_form, tag_form = SHAPES[shape]
    url, key, other = infra.new_database(), RunKey.random(), RunKey.random()
    ours = {seq: uuid.uuid4() for seq in (0, 1, 2, 700)}
    foreign, phantom = uuid.uuid4(), uuid.uuid4()
    table = {"view": "held", "view of texts": "held", "inherited": "orders_of_2026"}.get(shape, "orders")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in made:
            connection.execute(statement.encode())
        connection.execute(f"CREATE TABLE outbox (aggregateid {backlog}, published_at timestamp)".encode())
        connection.execute(LINES.format("varchar(60)").encode())
        rows = [(one, key.customer_id(seq)) for seq, one in ours.items()] + [(foreign, other.customer_id(0))]
        for one, tag in rows:
            connection.execute(
                f"INSERT INTO {table} VALUES (%s, %s)".encode(), (spelled(id_form, one), spelled(tag_form, tag))
            )
        connection.execute("INSERT INTO outbox VALUES (%s)", (str(ours[2]),))
        connection.execute("INSERT INTO order_items (order_id, quantity) VALUES (%s, 3)", (spelled(id_form, ours[1]),))
    facts = facts_of(key, outbox_table="outbox")

    witness = read_rows(url, facts, CLOCK, silent)
    assert witness.complete, witness.problem
    found = dict(zip(witness.rows["seq"].tolist(), [texts(ids_of(witness.rows[at : at + 1]))[0] for at in range(4)],
                     strict=True))  # fmt: skip
    assert found == {seq: str(one) for seq, one in ours.items()}
    assert texts(witness.pending) == [str(ours[2])]

    elsewhere = look_elsewhere(url, witness, ids_array([foreign, phantom, ours[0]]), facts)
    assert elsewhere.complete, elsewhere.problem
    assert texts(elsewhere.elsewhere) == [str(foreign)]

    asked = [str(ours[1]), str(phantom), str(foreign)]
    again = rows_by_id(url, "orders", witness.snapshot, asked, silent)
    assert set(again) == {str(ours[1]), str(foreign)}
    seen = None if shape.startswith("view") else True
    assert [row.seen for row in again.values()] == [seen, seen]
    lines = again[str(ours[1])].items
    assert lines is not None
    assert [line["quantity"] for line in lines] == [3]
    assert custom_rows_by_id(url, ("orders", "id"), witness.snapshot, asked, silent).keys() == again.keys()


def test_a_row_that_came_after_the_snapshot_shows_as_such_but_in_a_view(infra: Infra) -> None:
    for shape, seen in (("both varchar", False), ("view", None)):
        made, _, _ = SHAPES[shape]
        url, key, late = infra.new_database(), RunKey.random(), uuid.uuid4()
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in made:
                connection.execute(statement.encode())
        witness = read_rows(url, facts_of(key), CLOCK, silent)
        with psycopg.connect(url, autocommit=True) as connection:
            table = b"held" if shape == "view" else b"orders"
            connection.execute(b"INSERT INTO " + table + b" VALUES (%s, %s)", (str(late), str(key.customer_id(0))))
        assert rows_by_id(url, "orders", witness.snapshot, [str(late)], silent)[str(late)].seen is seen


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ([], "--orders-table orders: there is no such table; there are no tables in this database"),
        (["CREATE TABLE sales (id uuid)"], "there is no such table; there are sales"),
        (
            [PLAIN.replace("orders", "held"), "CREATE MATERIALIZED VIEW orders AS SELECT * FROM held"],
            "--orders-table orders: it is a materialised view, which shows an order after its next refresh only",
        ),
        (["CREATE TABLE orders (id numeric, customer_id uuid)"], "column id of orders is numeric; choose the kind"),
        (["CREATE TABLE orders (id bytea, customer_id uuid)"], "column id of orders is bytea; choose the kind"),
        (["CREATE TABLE orders (id bigint, customer_id uuid)"], "--id-kind uuid: column id of orders is bigint"),
        (
            ["CREATE TABLE orders (id uuid, customer_id bigint)"],
            "--orders-tag-column customer_id: column customer_id of orders is bigint and cannot hold the customer id",
        ),
        (
            ["CREATE TABLE orders (id uuid, buyer uuid)"],
            "--orders-tag-column customer_id: table orders has no such column (none, if it has no such thing); it has "
            "id (uuid), buyer (uuid)",
        ),
        (
            ["CREATE TABLE held (id uuid, buyer uuid)", "CREATE VIEW orders AS SELECT * FROM held"],
            "view orders has no such column",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_said_in_one_sentence(infra: Infra, made: list[str], says: str) -> None:
    url = infra.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in made:
            connection.execute(statement.encode())
    witness = read_rows(url, facts_of(RunKey.random()), CLOCK, silent)
    assert not witness.complete
    assert witness.problem is not None
    assert says in witness.problem
    assert "\n" not in witness.problem


def test_ids_that_the_encoding_cannot_hold_have_no_row(infra: Infra) -> None:
    """One foreign event with such an id must not make all others impossible to look up."""
    name = f"latin_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(infra.database_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'".encode()
        )
    url = infra.database_url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id text, customer_id uuid)")
        connection.execute("INSERT INTO orders VALUES ('Größe-1', %s)", (uuid.uuid4(),))
    asked = ["Größe-1", "注文-2", "\ud800-3", "a\0b"]
    found = custom_rows_by_id(url, ("orders", "id"), None, asked, silent)
    assert set(found) == {"Größe-1"}
    assert found["Größe-1"].seen is None
