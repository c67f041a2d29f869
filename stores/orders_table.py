"""The table of orders, as preflight and drain ask it; each question on its own takes at most LIMITS.

Under gevent psycopg yields, so no thread is needed. No error text holds a connection string or a password.
"""

import uuid
from typing import Any, Final

from contract.contract import Contract, TableContract
from contract.order_id import kind_of_type
from contract.run_key import CHECK_KEY, RunKey
from stores import sql
from stores.postgres import DatabaseProblem, Limits, PostgresConnection, Transaction
from stores.relation import (
    OrderColumns,
    check_outbox,
    check_time_column,
    order_columns,
    read_relation,
    tag_condition,
    written,
)
from stores.sql import column_names, identifier, is_any_of, table_name

LIMITS: Final = Limits(statement_s=10.0)
IDS_AT_ONCE: Final = 50_000


class OrdersTable:
    """The table of orders.

    Args:
        database_url: connection string of PostgreSQL; secret.
    """

    def __init__(self, database_url: str, contract: Contract) -> None:
        self._contract, self._table = contract, contract.table
        self._names = column_names(contract.table)
        self._columns: OrderColumns | None = None
        self._connection = PostgresConnection(database_url)

    def check_columns(self, *, compares_times: bool) -> str:
        """Ask the tables all that run, verification and drain will ask them, and return the names of the columns.

        Args:
            compares_times: whether the run's rows are those with a later time than the check order.

        Raises:
            DatabaseProblem: it cannot be asked; says which option is wrong and what was found.
        """
        table = self._table
        with self._connection.transaction(LIMITS) as transaction:
            self._columns = None
            columns = self._kinds(transaction)
            wanted = [table.id_column, *([] if table.tag_column is None else [table.tag_column])]
            # A column that an option names must be there, whether it is needed or not.
            if compares_times or table.time_column != TableContract().time_column:
                check_time_column(transaction, table.name, table.time_column)
            wanted += [table.time_column] if compares_times else []
            if table.outbox is not None:
                check_outbox(transaction, table.outbox)
            # Verification reads entire rows, and their versions where they have some: the right to read may be missing.
            version = sql.SQL("o.xmin::text" if columns.versions else "NULL")
            entire = sql.SQL("SELECT count(*) FROM (SELECT to_jsonb(o), {} FROM {} o LIMIT 1) one")
            transaction.value(entire.format(version, self._names["orders"]), {})
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
        """Return how many rows the run has, None where no column attributes them.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        if self._table.tag_column is None:
            return None
        with self._connection.transaction(LIMITS) as transaction:
            return self._count(transaction, key)

    def count_ids(self, table: str, column: str, ids: list[uuid.UUID]) -> int:
        """Return how many of `ids` are in `column` of `table`.

        Raises:
            DatabaseProblem: PostgreSQL failed.
        """
        with self._connection.transaction(LIMITS) as transaction:
            found = read_relation(transaction, table)
            kind = kind_of_type(found.types.get(column, "")) if found else None
            if kind is None:
                raise DatabaseProblem(f"the database has no {table} with ids in a column {column}")
            name = identifier(column)
            query = sql.SQL("SELECT count(DISTINCT {}) FROM {} WHERE {}").format(
                name, table_name(table), is_any_of(name, kind)
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
        self._connection.close()

    def _kinds(self, transaction: Transaction) -> OrderColumns:
        if self._columns is None:
            self._columns = order_columns(transaction, self._contract)
        return self._columns

    def _row(
        self, transaction: Transaction, query: str, order_id: str, values: dict[str, Any] | None = None
    ) -> tuple[Any, ...] | None:
        """Return the first row of an order, whatever the type of its id's column is and however it spells the id."""
        kind = self._kinds(transaction).id
        spelled = written(kind, [order_id], transaction)
        composed = sql.SQL(query).format(here=is_any_of(self._names["id"], kind), **self._names)
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
