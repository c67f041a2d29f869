"""Transactions on PostgreSQL with every wait bounded: single ones, and those of a connection that is kept."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg

from stores import connection as connections
from stores.connection import (
    Connection,
    DatabaseProblem,
    Limits,
    UnreadableUrl,
    cut_after,
    has_encoding,
    problem_of,
)
from stores.sql import SQL, Composed

__all__ = [
    "DatabaseProblem", "Limits", "PostgresConnection", "Snapshot", "Transaction", "UnreadableUrl",
    "ask_snapshot", "open_transaction",
]  # fmt: skip
T = TypeVar("T")

TRIES: Final = 3
PAUSE_S: Final = 1.0


class Transaction:
    """One transaction; see `open_transaction`."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._statement_s = limits.statement_s
        self._codec: str | None = None
        self._has_encoding = has_encoding(connection)

    def value(self, query: Composed | SQL, parameters: dict[str, Any]) -> Any:
        """Return the one value that `query` returns, in binary form where the driver knows one; None for no row.

        Raises:
            DatabaseProblem: the query failed, or took longer than the bound.
        """
        row = self.row(query, parameters)
        return None if row is None else row[0]

    def row(self, query: Composed | SQL, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the first row that `query` returns; None for none.

        Raises:
            DatabaseProblem: see `value`.
        """
        with self._bounded(), self._connection.cursor(binary=True) as cursor:
            return cursor.execute(self._sent(query), parameters).fetchone()

    def run(self, query: Composed | SQL, parameters: dict[str, Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """Return how many rows a statement touched, and those that it returns.

        Raises:
            DatabaseProblem: see `value`.
        """
        with self._bounded(), self._connection.cursor() as cursor:
            cursor.execute(self._sent(query), parameters)
            return cursor.rowcount, cursor.fetchall() if cursor.description else []

    def _sent(self, query: Composed | SQL) -> Composed | SQL | bytes:
        # Without an encoding the driver would take names for ASCII; they are sent as the UTF-8 that they are.
        return query if self._has_encoding else query.as_bytes(None)

    def holds(self, text: str) -> bool:
        """Return whether the database's encoding can hold `text`: no row has one that it cannot."""
        if self._codec is None:
            self._codec = connections.codec(self._connection)
        try:
            text.encode(self._codec)
        except UnicodeError:
            return False
        return "\0" not in text

    def commit(self) -> None:
        """End the transaction with what it changed.

        Raises:
            DatabaseProblem: it failed; `undecided` when no answer says whether it was done.
        """
        try:
            with cut_after(self._connection, self._statement_s):
                self._connection.execute("COMMIT")
        except psycopg.Error as error:
            problem = problem_of(error)
            raise DatabaseProblem(str(problem), problem.passing, undecided=error.sqlstate is None) from None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        try:
            with cut_after(self._connection, self._statement_s):
                yield
        except psycopg.Error as error:
            raise problem_of(error) from None
        except UnicodeError:
            # A surrogate by itself, from a JSON text: no encoding has it.
            raise DatabaseProblem("PostgreSQL cannot search for a text that is not valid Unicode") from None


class PostgresConnection:
    """A connection that is made with the first transaction, and made again after it was lost.

    Args:
        database_url: connection string or URL of libpq; secret.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, limits: Limits | None = None, *, read_only: bool = True) -> Iterator[Transaction]:
        """Begin a transaction whose first query takes the snapshot; it is rolled back if it was not committed.

        Raises:
            DatabaseProblem: no connection, or it broke in the body of the `with`.
        """
        limits = limits or Limits()
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connections.connect(self._url)
            connections.begin(self._connection, limits, read_only=read_only)
            yield Transaction(self._connection, limits)
            connections.end(self._connection)
        except BaseException:
            # Whatever state it is in: the next one begins on a connection of its own.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


Snapshot = Transaction
"""A REPEATABLE READ, READ ONLY transaction; see `open_transaction`."""


@contextmanager
def open_transaction(
    database_url: str, limits: Limits | None = None, *, read_only: bool = True
) -> Iterator[Transaction]:
    """Connect and begin a REPEATABLE READ transaction, which is rolled back unless it is committed.

    Args:
        database_url: connection string or URL of libpq; secret.

    Raises:
        DatabaseProblem: no connection, or it broke in the body of the `with`.
    """
    connection = PostgresConnection(database_url)
    try:
        with connection.transaction(limits, read_only=read_only) as transaction:
            yield transaction
    finally:
        connection.close()


def ask_snapshot(database_url: str, ask: Callable[[Snapshot], T]) -> T:
    """Return what `ask` returns, called with a snapshot of its own.

    It is called again, at most TRIES times in all, when the connection cannot be made or breaks.

    Raises:
        DatabaseProblem: of the last try, or the first after which trying again makes no sense.
    """

    def attempt() -> T:
        with open_transaction(database_url) as snapshot:
            return ask(snapshot)

    for number in range(1, TRIES):
        try:
            return attempt()
        except DatabaseProblem as problem:
            if not problem.passing:
                raise
        time.sleep(PAUSE_S * number)
    return attempt()
