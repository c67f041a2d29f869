"""Deletes the rows of one run, and no others, in one transaction: order lines, outbox entries, orders.

Which rows those are is one condition on the table of orders; it is counted by a dry run and deleted by a real one.
Tables that refer to these orders and are not ours to delete from stop it: a cascade would take their rows along unsaid.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from contract.run_key import CHECK_KEY, RunKey
from stack.errors import StackError

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

CONNECT_S = 5
STATEMENT_S = 120.0
LOCK_S = 10.0
_GRACE_S = 5.0
_ITEMS = "order_items"

_REFERRERS: LiteralString = """
SELECT n.nspname, r.relname, c.conrelid = c.confrelid,
  ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
  ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid = to_regclass(%(table)s)
ORDER BY n.nspname, r.relname, c.conname"""


@dataclass(frozen=True, slots=True)
class RunRows:
    """Which rows are those of a run.

    Attributes:
        orders_table: with a schema or without.
        outbox_table: entries of the run's orders are deleted from it too; None without one.
        own: ids, as texts, of the orders that the harness placed for its own checks.
        run_key: whose customer ids the run's orders carry; None: they carry no tag, and `ids` names them.
        ids: of the run's orders, as texts; used only without a run key.
        after: rows of `ids` must have a later `time_column` than this text of it; None: whatever it is.
        id_column, tag_column, time_column: of the table of orders.
        id_type: PostgreSQL's type of order ids: `uuid`, `bigint` or `text`.
        tag_is_uuid: the column of customer ids has the type `uuid`; else it is compared as text.
    """

    orders_table: str
    outbox_table: str | None
    own: Sequence[str]
    run_key: RunKey | None
    ids: Sequence[str] = ()
    after: str | None = None
    id_column: str = "id"
    tag_column: str = "customer_id"
    time_column: str = "created_at"
    id_type: str = "uuid"
    tag_is_uuid: bool = True


@dataclass(frozen=True, slots=True)
class _Table:
    """One table and which of its rows go: SQL behind `FROM`, with the alias that the condition uses."""

    shown: str
    alias: LiteralString
    source: sql.Composed
    condition: sql.Composed


@dataclass(frozen=True, slots=True)
class _Referrer:
    """A foreign key to a table: whose it is, its columns, and the columns that they refer to."""

    schema: str
    table: str
    to_itself: bool
    columns: list[str]
    keys: list[str]


def remove_rows(database_url: str, rows: RunRows, *, dry_run: bool) -> dict[str, int]:
    """Delete the rows of a run, all or none, and return how many by table, in the order in which they went.

    Args:
        database_url: connection string of PostgreSQL; secret.
        rows: which they are.
        dry_run: count them in a read-only transaction and delete nothing.

    Raises:
        StackError: nothing was deleted (or, when the connection broke at the very end, nobody knows: it says so).
    """
    import psycopg

    counts: dict[str, int] = {}
    committing = False
    try:
        with _connection(database_url, read_only=dry_run) as connection:
            for part in _parts(connection, rows):
                counts[part.shown] = counts.get(part.shown, 0) + _apply(connection, part, rows, dry_run=dry_run)
            committing = not dry_run
            with _cut_after(connection, STATEMENT_S):
                connection.commit()
    except psycopg.Error as error:
        said = error.diag.message_primary
        if committing and said is None:
            raise StackError(
                "the connection to PostgreSQL broke while the deletion was committed, so it may be done or not: "
                "run the same with --dry-run to see"
            ) from None
        why = " ".join(said.split()) if said else "the connection broke, or there was no answer in time"
        raise StackError(f"nothing was deleted, PostgreSQL says: {why}") from None
    return counts


@contextmanager
def _connection(database_url: str, *, read_only: bool) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    import psycopg
    from psycopg import sql

    connection = psycopg.connect(
        database_url, connect_timeout=CONNECT_S, application_name="stack clean", client_encoding="utf8"
    )
    try:
        # One snapshot for all statements: what belongs to the run cannot change between two tables.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = read_only
        with _cut_after(connection, CONNECT_S):
            # A policy that hides rows from this role must be an error, not a table with fewer rows.
            connection.execute("SET LOCAL row_security = off")
            for name, seconds in (("statement_timeout", STATEMENT_S), ("lock_timeout", LOCK_S)):
                connection.execute(
                    sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(int(seconds * 1000)))
                )
        yield connection
    finally:
        # Without a commit, closing takes everything back.
        connection.close()


@contextmanager
def _cut_after(connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> Iterator[None]:
    """Break the connection if the body takes much longer than `seconds`: a frozen server keeps no timeout."""

    def cut() -> None:
        with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds + _GRACE_S, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _rows(
    connection: psycopg.Connection[tuple[Any, ...]], query: sql.Composed | sql.SQL, values: dict[str, Any]
) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many rows a statement touched, and those that it gives."""
    with _cut_after(connection, STATEMENT_S):
        cursor = connection.execute(query, values)
        return cursor.rowcount, cursor.fetchall() if cursor.description else []


def _apply(connection: psycopg.Connection[tuple[Any, ...]], part: _Table, rows: RunRows, *, dry_run: bool) -> int:
    from psycopg import sql

    begin = sql.SQL("SELECT count(*) FROM " if dry_run else "DELETE FROM ")
    query = sql.SQL("{}{} WHERE {}").format(begin, part.source, part.condition)
    touched, found = _rows(connection, query, _values(rows))
    return int(found[0][0]) if dry_run else touched


def _parts(connection: psycopg.Connection[tuple[Any, ...]], rows: RunRows) -> list[_Table]:
    """Return what goes, dependants first.

    Raises:
        StackError: the table of orders is not there, or rows of a table that is not ours depend on what goes.
    """
    from psycopg import sql

    _, there = _rows(connection, sql.SQL("SELECT to_regclass(%(table)s) IS NOT NULL"), _named(rows.orders_table))
    if there != [(True,)]:
        raise StackError(f"nothing was deleted: this database has no table {rows.orders_table}")
    orders = _Table(rows.orders_table, "o", _source(rows.orders_table, "o"), _of_run(rows, "o"))
    parts: list[_Table] = []
    for referrer in _referrers(connection, rows.orders_table):
        told = _dependants(referrer, orders)
        if referrer.table == _ITEMS:
            _refuse_dependants(connection, f"{referrer.schema}.{referrer.table}", told, rows)
            parts.append(told)
    _refuse_dependants(connection, rows.orders_table, orders, rows, spare=_ITEMS)
    if rows.outbox_table is not None:
        condition = sql.SQL("lower(b.aggregateid) IN (SELECT {}::text FROM {} WHERE {})").format(
            _identifier("o", rows.id_column), orders.source, orders.condition
        )
        outbox = _Table(rows.outbox_table, "b", _source(rows.outbox_table, "b"), condition)
        _refuse_dependants(connection, rows.outbox_table, outbox, rows)
        parts.append(outbox)
    return [*parts, orders]


def _refuse_dependants(
    connection: psycopg.Connection[tuple[Any, ...]], table: str, going: _Table, rows: RunRows, spare: str = ""
) -> None:
    """Raise StackError if rows of other tables (but for `spare`) refer to rows that go."""
    from psycopg import sql

    for referrer in _referrers(connection, table):
        if referrer.table == spare:
            continue
        told = _dependants(referrer, going)
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(told.source, told.condition)
        if referrer.to_itself:
            query += sql.SQL(" AND NOT ({})").format(_of_run(rows, "r"))
        _, found = _rows(connection, query, _values(rows))
        if count := found[0][0]:
            words = f"1 row of {told.shown} refers" if count == 1 else f"{count} rows of {told.shown} refer"
            raise StackError(
                f"nothing was deleted: {words} to rows of {going.shown} that would go, and the harness deletes "
                f"nothing from {told.shown}: remove what refers to them first"
            )


def _referrers(connection: psycopg.Connection[tuple[Any, ...]], table: str) -> list[_Referrer]:
    from psycopg import sql

    return [_Referrer(*found) for found in _rows(connection, sql.SQL(_REFERRERS), _named(table))[1]]


def _dependants(referrer: _Referrer, going: _Table) -> _Table:
    """The rows of a referring table whose foreign key leads to rows that go."""
    from psycopg import sql

    condition = sql.SQL("({}) IN (SELECT {} FROM {} WHERE {})").format(
        sql.SQL(", ").join(_identifier("r", column) for column in referrer.columns),
        sql.SQL(", ").join(_identifier(going.alias, column) for column in referrer.keys),
        going.source,
        going.condition,
    )
    source = sql.SQL("{} r").format(_identifier(referrer.schema, referrer.table))
    shown = referrer.table if referrer.schema == "public" else f"{referrer.schema}.{referrer.table}"
    return _Table(shown, "r", source, condition)


def _of_run(rows: RunRows, alias: str) -> sql.Composed:
    """Whether a row of the table of orders is of the run, or one of the harness's own check orders."""
    from psycopg import sql

    identity, customer = _identity(rows, alias), _customer(rows, alias)
    listed = sql.SQL({"uuid": "uuid[]", "bigint": "bigint[]", "text": "text[]"}[rows.id_type])
    own = sql.SQL("{} = ANY(%(own)s::{})").format(identity, listed)
    if rows.run_key is None:
        named = sql.SQL("{} = ANY(%(ids)s::{})").format(identity, listed)
        if rows.after is not None:
            named += sql.SQL(" AND {} > %(after)s").format(_identifier(alias, rows.time_column))
    else:
        named = sql.SQL("{} BETWEEN %(first)s AND %(last)s").format(customer)
        # An id that a service told wrongly must not name somebody else's order: ours carry a customer id of ours.
        own += sql.SQL(" AND {} BETWEEN %(check_first)s AND %(check_last)s").format(customer)
    return sql.SQL("(({}) OR ({}))").format(named, own)


def _identity(rows: RunRows, alias: str) -> sql.Composable:
    from psycopg import sql

    column = _identifier(alias, rows.id_column)
    return sql.SQL("{}::text").format(column) if rows.id_type == "text" else column


def _customer(rows: RunRows, alias: str) -> sql.Composable:
    """The customer id; where it is text, spelt as ours are and compared byte by byte."""
    from psycopg import sql

    column = _identifier(alias, rows.tag_column)
    return column if rows.tag_is_uuid else sql.SQL('lower({}::text) COLLATE "C"').format(column)


def _values(rows: RunRows) -> dict[str, Any]:
    values: dict[str, Any] = {"own": list(rows.own)}
    if rows.run_key is None:
        return values | {"ids": list(rows.ids), "after": rows.after}
    bounds = {"check_first": CHECK_KEY.first, "check_last": CHECK_KEY.last}
    bounds |= {"first": rows.run_key.first, "last": rows.run_key.last}
    return values | {name: bound if rows.tag_is_uuid else str(bound) for name, bound in bounds.items()}


def _named(table: str) -> dict[str, Any]:
    return {"table": ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))}


def _source(table: str, alias: LiteralString) -> sql.Composed:
    from psycopg import sql

    return sql.SQL("{} {}").format(_identifier(*table.split(".")), sql.SQL(alias))


def _identifier(*parts: str) -> sql.Identifier:
    """Return a quoted name for a query with parameters: in such a one a per cent sign stands doubled."""
    from psycopg import sql

    return sql.Identifier(*(part.replace("%", "%%") for part in parts))
