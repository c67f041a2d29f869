"""Short questions to PostgreSQL that preflight and drain ask. psycopg yields to gevent, so they run as they are.

No error text of this file holds a connection string or a password.
"""

import uuid
from typing import Any, Final

import psycopg
from psycopg import sql

from runlog.ids import RunKey

CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 10_000
IDS_AT_ONCE: Final = 50_000


class DatabaseError(Exception):
    """PostgreSQL did not tell; the message is one line without secrets."""


class OrdersTable:
    """The table of orders.

    Args:
        database_url: of PostgreSQL; secret.
        table: its name, with a schema or without.
    """

    def __init__(self, database_url: str, table: str) -> None:
        self._database_url = database_url
        self._table = sql.Identifier(*table.split("."))
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def check_columns(self) -> None:
        """Prove that the table and the columns that the harness needs are there.

        Raises:
            DatabaseError: they are not.
        """
        self._fetch(sql.SQL("SELECT count(*) FROM (SELECT id, customer_id FROM {} LIMIT 1) one").format(self._table))

    def has_order(self, order_id: uuid.UUID) -> bool:
        """Return whether a row with this id is there.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        found = self._fetch(sql.SQL("SELECT count(*) FROM {} WHERE id = %s").format(self._table), [order_id])
        return found > 0

    def count_run(self, key: RunKey) -> int:
        """Return how many rows the run has.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT count(*) FROM {} WHERE customer_id BETWEEN %s AND %s").format(self._table)
        return self._fetch(query, [key.first, key.last])

    def count_ids(self, table: str, column: str, ids: list[uuid.UUID]) -> int:
        """Return how many of `ids` stand in `column` of `table`.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT count(DISTINCT {0}) FROM {1} WHERE {0} = ANY(%s)").format(
            sql.Identifier(column), sql.Identifier(*table.split("."))
        )
        return sum(self._fetch(query, [ids[at : at + IDS_AT_ONCE]]) for at in range(0, len(ids), IDS_AT_ONCE))

    def time_of(self, order_id: uuid.UUID, column: str) -> str | None:
        """Return the text of a time column in an order's row, None when the row or the column is not there.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT to_jsonb(o)->>{} FROM {} o WHERE id = %s").format(sql.Literal(column), self._table)
        row = self._one(query, [order_id])
        return None if row is None or row[0] is None else str(row[0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch(self, query: sql.Composed, values: list[Any] | None = None) -> int:
        row = self._one(query, values)
        return int(row[0]) if row else 0

    def _one(self, query: sql.Composed, values: list[Any] | None) -> tuple[Any, ...] | None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(
                    self._database_url,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    autocommit=True,
                    options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
                )
            return self._connection.execute(query, values).fetchone()
        except psycopg.Error as error:
            self.close()
            raise DatabaseError(_line(error)) from None


def _line(error: psycopg.Error) -> str:
    # Server messages name objects, never passwords; messages of failed connections may quote the whole string.
    primary = error.diag.message_primary
    return primary or f"PostgreSQL could not be reached ({type(error).__name__})"
