"""Short questions to PostgreSQL that preflight and drain ask. psycopg yields to gevent, so they run as they are.

No error text of this file holds a connection string or a password.
"""

import uuid
from typing import Any, Final

from chaos.sut.sut import SystemUnderTest
from contract.contract import TableContract
from contract.order_id import IdKind, kind_of_type
from contract.run_key import CHECK_KEY, RunKey
from stores import sql
from stores.postgres import DatabaseProblem, Limits, PostgresConnection, Transaction, identifier, table_name
from stores.relation import (
    OrderColumns,
    check_outbox,
    check_time_column,
    order_columns,
    read_relation,
    tag_condition,
    written,
)

LIMITS: Final = Limits(statement_s=10.0)
IDS_AT_ONCE: Final = 50_000
_ARRAYS: Final = {IdKind.UUID: "uuid[]", IdKind.INTEGER: "int8[]", IdKind.TEXT: "text[]"}


class OrdersTable:
    """The table of orders.

    Args:
        subject: the system under test that it is of.
    """

    def __init__(self, sut: SystemUnderTest) -> None:
        self._sut = sut
        self._names: dict[str, sql.Composable] = {
            "orders": table_name(sut.orders_table),
            "id": identifier(sut.id_column),
            **({} if sut.tag_column is None else {"tag": identifier(sut.tag_column)}),
        }
        self._columns: OrderColumns | None = None
        self._connection = PostgresConnection(sut.database_url)

    def check_columns(self) -> str:
        """Ask of the tables what run, second look and drain will ask of them, and return the names of the columns.

        Raises:
            DatabaseProblem: it cannot be asked; says which option is wrong and what was found.
        """
        sut = self._sut
        with self._connection.transaction(LIMITS) as transaction:
            self._columns = None
            columns = self._kinds(transaction)
            wanted = [sut.id_column, *([] if sut.tag_column is None else [sut.tag_column])]
            needed = sut.attribution == "exclusive"
            # A column that an option names must be there, whether it is needed or not.
            if needed or sut.time_column != TableContract().time_column:
                check_time_column(transaction, sut.orders_table, sut.time_column)
            wanted += [sut.time_column] if needed else []
            if sut.outbox_table is not None:
                check_outbox(transaction, sut.outbox_table)
            # Whole rows are read by the second look, versions where they have some: the right to read may be missing.
            version = sql.SQL("o.xmin::text" if columns.versions else "NULL")
            whole = sql.SQL("SELECT count(*) FROM (SELECT to_jsonb(o), {} FROM {} o LIMIT 1) one")
            transaction.value(whole.format(version, self._names["orders"]), {})
            self._count(transaction, CHECK_KEY)
        return " and ".join(wanted)

    def has_order(self, order_id: str) -> bool:
        """Return whether a row with this id is there.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        with self._connection.transaction(LIMITS) as transaction:
            return self._row(transaction, "SELECT 1 FROM {orders} WHERE {here} LIMIT 1", order_id) is not None

    def count_run(self, key: RunKey) -> int | None:
        """Return how many rows the run has, None where no column tells which these are.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        if self._sut.tag_column is None:
            return None
        with self._connection.transaction(LIMITS) as transaction:
            return self._count(transaction, key)

    def count_ids(self, table: str, column: str, ids: list[uuid.UUID]) -> int:
        """Return how many of `ids` stand in `column` of `table`.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        with self._connection.transaction(LIMITS) as transaction:
            found = read_relation(transaction, table)
            kind = kind_of_type(found.types.get(column, "")) if found else None
            if kind is None:
                raise DatabaseProblem(f"the database has no {table} with ids in a column {column}")
            query = sql.SQL("SELECT count(DISTINCT {0}) FROM {1} WHERE {0} = ANY(%(ids)s::{2})").format(
                identifier(column), table_name(table), sql.SQL(_ARRAYS[kind])
            )
            parts = (map(str, ids[at : at + IDS_AT_ONCE]) for at in range(0, len(ids), IDS_AT_ONCE))
            return sum(int(transaction.value(query, {"ids": written(kind, part, transaction)})) for part in parts)

    def text_of(self, order_id: str, column: str) -> str | None:
        """Return the text of a column in an order's row, None when the row or the column is not there.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        with self._connection.transaction(LIMITS) as transaction:
            query = "SELECT to_jsonb(o)->>%(column)s FROM {orders} o WHERE {here}"
            row = self._row(transaction, query, order_id, {"column": column})
            return None if row is None or row[0] is None else str(row[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _kinds(self, transaction: Transaction) -> OrderColumns:
        if self._columns is None:
            sut = self._sut
            self._columns = order_columns(transaction, sut.orders_table, sut.id_column, sut.tag_column, sut.id_kind)
        return self._columns

    def _row(
        self, transaction: Transaction, query: str, order_id: str, values: dict[str, Any] | None = None
    ) -> tuple[Any, ...] | None:
        """Return the first row of an order, whatever the type of its id's column is and however it spells the id."""
        kind = self._kinds(transaction).id
        spelled = written(kind, [order_id], transaction)
        here = sql.SQL(f"{{id}} = ANY(%(ids)s::{_ARRAYS[kind]})").format(**self._names)
        composed = sql.SQL(query).format(here=here, **self._names)
        return transaction.row(composed, {"ids": spelled, **(values or {})})

    def _count(self, transaction: Transaction, key: RunKey) -> int | None:
        tag = self._kinds(transaction).tag
        if tag is None:
            return None
        condition, values = tag_condition(tag, key)
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(
            self._names["orders"], sql.SQL(condition).format(**self._names)
        )
        return int(transaction.value(query, values))


__all__ = ["DatabaseProblem", "OrdersTable"]
