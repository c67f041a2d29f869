"""Deletes the rows of one run, and no others, in one transaction: order lines, outbox entries, orders.

One condition on the orders table selects the rows; a dry run counts them, a real one deletes them. Rows of other tables
that refer to these orders stop the deletion: a cascade would delete them without a word in the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, LiteralString

from contract.order_id import IdKind, kind_of_type
from contract.run_key import CHECK_KEY, RunKey
from stack.errors import StackError
from stores import sql
from stores.postgres import DatabaseProblem, Limits, Transaction, open_transaction
from stores.relation import read_relation, written
from stores.sql import identifier, is_any_of, quoted, table_name

LIMITS = Limits(statement_s=120.0, lock_s=10.0)
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
    """The rows of a run.

    Attributes:
        orders_table: with or without a schema.
        outbox_table: its entries for the run's orders are deleted too; None without an outbox.
        own: ids, as texts, of the harness's own check orders.
        run_key: the run's orders carry customer ids of this key; None: they carry no tag, and `ids` names them.
        ids: of the run's orders, as texts; used only without a run key.
        after: rows of `ids` must have a later `time_column` than this text; None: any.
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


@dataclass(frozen=True, slots=True)
class _Rows(RunRows):
    """The same, with the column types of the table.

    Attributes:
        tag_is_uuid: the customer id column has the type `uuid`; else it is compared as text.
    """

    id_kind: IdKind = IdKind.UUID
    tag_is_uuid: bool = True


@dataclass(frozen=True, slots=True)
class _Table:
    """One table and which of its rows are deleted: the SQL after `FROM`, with the alias that the condition uses."""

    shown: str
    alias: LiteralString
    source: sql.Composed
    condition: sql.Composed


@dataclass(frozen=True, slots=True)
class _Referrer:
    """A foreign key to a table: the referring table, its columns, and the columns that they refer to."""

    schema: str
    table: str
    to_itself: bool
    columns: list[str]
    keys: list[str]


def remove_rows(database_url: str, rows: RunRows, *, dry_run: bool) -> dict[str, int]:
    """Delete the rows of a run, all or none, and return the number by table, in the order of deletion.

    Args:
        database_url: connection string of PostgreSQL; secret.
        dry_run: count them in a read-only transaction and delete nothing.

    Raises:
        StackError: nothing was deleted; unknown if the connection broke during the commit (the text says so).
    """
    counts: dict[str, int] = {}
    try:
        # One snapshot for all statements: no row joins or leaves the run between two tables.
        with open_transaction(database_url, LIMITS, read_only=dry_run) as transaction:
            typed = _typed(transaction, rows)
            for part in _parts(transaction, typed):
                counts[part.shown] = counts.get(part.shown, 0) + _apply(transaction, part, typed, dry_run=dry_run)
            if not dry_run:
                transaction.commit()
    except DatabaseProblem as problem:
        if problem.undecided:
            raise StackError(
                "the connection to PostgreSQL broke while the deletion was committed, so it may be done or not: "
                "run the same with --dry-run to see"
            ) from None
        raise StackError(f"nothing was deleted: {problem}") from None
    return counts


def _typed(transaction: Transaction, rows: RunRows) -> _Rows:
    """`rows` with the types of the table's columns, and its ids in every spelling that such a column may have.

    Raises:
        StackError: there is no such table, or it lacks the columns.
    """
    found = read_relation(transaction, rows.orders_table)
    if found is None:
        raise StackError(f"nothing was deleted: this database has no table {rows.orders_table}")
    needed = [rows.id_column, *([] if rows.run_key is None else [rows.tag_column])]
    absent = [name for name in needed if name not in found.types]
    kind = None if absent else kind_of_type(found.types[rows.id_column])
    if kind is None:
        raise StackError(
            f"nothing was deleted: {found.kind} {rows.orders_table} has no column {rows.id_column} with ids"
            + (f" and no column {rows.tag_column}" if rows.tag_column in absent else "")
        )
    known = {field.name: getattr(rows, field.name) for field in fields(RunRows)}
    known |= {name: written(kind, known[name], transaction) for name in ("own", "ids")}
    return _Rows(**known, id_kind=kind, tag_is_uuid=found.types.get(rows.tag_column) == "uuid")


def _apply(transaction: Transaction, part: _Table, rows: _Rows, *, dry_run: bool) -> int:
    begin = sql.SQL("SELECT count(*) FROM " if dry_run else "DELETE FROM ")
    query = sql.SQL("{}{} WHERE {}").format(begin, part.source, part.condition)
    touched, found = transaction.run(query, _values(rows))
    return int(found[0][0]) if dry_run else touched


def _parts(transaction: Transaction, rows: _Rows) -> list[_Table]:
    """The rows to delete, dependants first.

    Raises:
        StackError: rows of another table refer to rows to delete.
    """
    orders = _Table(rows.orders_table, "o", _source(rows.orders_table, "o"), _of_run(rows, "o"))
    parts: list[_Table] = []
    for referrer in _referrers(transaction, rows.orders_table):
        if referrer.table == _ITEMS:
            items = _dependants(referrer, orders)
            _refuse_dependants(transaction, f"{referrer.schema}.{referrer.table}", items, rows)
            parts.append(items)
    _refuse_dependants(transaction, rows.orders_table, orders, rows, spare=_ITEMS)
    if rows.outbox_table is not None:
        condition = sql.SQL("lower(b.aggregateid::text) IN (SELECT lower({}::text) FROM {} WHERE {})").format(
            identifier("o", rows.id_column), orders.source, orders.condition
        )
        outbox = _Table(rows.outbox_table, "b", _source(rows.outbox_table, "b"), condition)
        _refuse_dependants(transaction, rows.outbox_table, outbox, rows)
        parts.append(outbox)
    return [*parts, orders]


def _refuse_dependants(transaction: Transaction, table: str, going: _Table, rows: _Rows, spare: str = "") -> None:
    """Raise StackError if rows of other tables (except `spare`) refer to rows to delete."""
    for referrer in _referrers(transaction, table):
        if referrer.table == spare:
            continue
        dependants = _dependants(referrer, going)
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(dependants.source, dependants.condition)
        if referrer.to_itself:
            query += sql.SQL(" AND NOT ({})").format(_of_run(rows, "r"))
        _, found = transaction.run(query, _values(rows))
        if count := found[0][0]:
            words = f"1 row of {dependants.shown} refers" if count == 1 else f"{count} rows of {dependants.shown} refer"
            raise StackError(
                f"nothing was deleted: {words} to rows of {going.shown} that would go, and the harness deletes "
                f"nothing from {dependants.shown}: remove what refers to them first"
            )


def _referrers(transaction: Transaction, table: str) -> list[_Referrer]:
    return [_Referrer(*found) for found in transaction.run(sql.SQL(_REFERRERS), {"table": quoted(table)})[1]]


def _dependants(referrer: _Referrer, going: _Table) -> _Table:
    """The rows of a referring table whose foreign key refers to rows to delete."""
    condition = sql.SQL("({}) IN (SELECT {} FROM {} WHERE {})").format(
        sql.SQL(", ").join(identifier("r", column) for column in referrer.columns),
        sql.SQL(", ").join(identifier(going.alias, column) for column in referrer.keys),
        going.source,
        going.condition,
    )
    source = sql.SQL("{} r").format(identifier(referrer.schema, referrer.table))
    shown = referrer.table if referrer.schema == "public" else f"{referrer.schema}.{referrer.table}"
    return _Table(shown, "r", source, condition)


def _of_run(rows: _Rows, alias: str) -> sql.Composed:
    """Condition: a row of the orders table is of the run, or one of the harness's own check orders."""
    identity, customer = _identity(rows, alias), _customer(rows, alias)
    own = is_any_of(identity, rows.id_kind, "own")
    if rows.run_key is None:
        named = is_any_of(identity, rows.id_kind)
        if rows.after is not None:
            named += sql.SQL(" AND {} > %(after)s").format(identifier(alias, rows.time_column))
    else:
        named = sql.SQL("{} BETWEEN %(first)s AND %(last)s").format(customer)
        # A service may have answered with a wrong id, of another's order: check orders carry a check customer id.
        own += sql.SQL(" AND {} BETWEEN %(check_first)s AND %(check_last)s").format(customer)
    return sql.SQL("(({}) OR ({}))").format(named, own)


def _identity(rows: _Rows, alias: str) -> sql.Composable:
    column = identifier(alias, rows.id_column)
    return sql.SQL("{}::text").format(column) if rows.id_kind is IdKind.TEXT else column


def _customer(rows: _Rows, alias: str) -> sql.Composable:
    """The customer id; if it is text, only its hexadecimal digits, compared byte by byte."""
    column = identifier(alias, rows.tag_column)
    return (
        column if rows.tag_is_uuid else sql.SQL("lower(translate({}::text, '{{}}- ', '')) COLLATE \"C\"").format(column)
    )


def _values(rows: _Rows) -> dict[str, Any]:
    values: dict[str, Any] = {"own": list(rows.own)}
    if rows.run_key is None:
        return values | {"ids": list(rows.ids), "after": rows.after}
    bounds = {"check_first": CHECK_KEY.first, "check_last": CHECK_KEY.last}
    bounds |= {"first": rows.run_key.first, "last": rows.run_key.last}
    return values | {name: bound if rows.tag_is_uuid else bound.hex for name, bound in bounds.items()}


def _source(table: str, alias: LiteralString) -> sql.Composed:
    return sql.SQL("{} {}").format(table_name(table), sql.SQL(alias))
