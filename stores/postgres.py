"""The one place in which connections to PostgreSQL are made, and transactions on them with every wait bounded.

The user's connection string is passed unchanged, and nothing is added to it that a server or a pooler would see: no
start-up parameter, no prepared statement, no session state. What a transaction needs is set by `SET LOCAL` in its first
message, so any connection of a pool that shares them between transactions will do. Texts come as UTF-8 whatever the
encoding of the database.

`statement_timeout` bounds what the server does, but a server that is stopped or cut off keeps no promise: a timer of
our own closes the socket then.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from health.postgres_errors import connection_problem
from health.postgres_url import UrlError, place_of, read_url

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

# psycopg is imported late: it decides at import whether it waits in C or in Python, and under gevent the caller must
# have patched the process before that.
T = TypeVar("T")

TRIES: Final = 3
CONNECT_S: Final = 4
"""Seconds for a connection, where neither the connection string nor its environment has a `connect_timeout`."""
STATEMENT_S: Final = 120.0
PAUSE_S: Final = 1.0
GRACE_S: Final = 5.0
# Classes of SQLSTATE after which another try makes sense: connection, resources, operator intervention.
_PASSING: Final = ("08", "53", "57P")
_CANCELED: Final = "57014"


class DatabaseProblem(Exception):
    """PostgreSQL cannot be asked; the message is one line and holds no secret.

    Attributes:
        passing: another try makes sense.
        undecided: the connection broke while a transaction was committed: it may be done or not.
    """

    def __init__(self, text: str, passing: bool = False, undecided: bool = False) -> None:
        super().__init__(text)
        self.passing = passing
        self.undecided = undecided


class UnreadableUrl(DatabaseProblem):
    """The connection string is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds within one transaction, in seconds.

    Attributes:
        statement_s: of each statement.
        lock_s: of each wait for a lock; 0: only by the statement's own bound.
    """

    statement_s: float = STATEMENT_S
    lock_s: float = 0.0


class Transaction:
    """One transaction; see `open_transaction`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], limits: Limits) -> None:
        self._connection = connection
        self._statement_s = limits.statement_s
        self._codec: str | None = None
        self._any_bytes = _encoding(connection) == "SQL_ASCII"

    def value(self, query: sql.Composed | sql.SQL, parameters: dict[str, Any]) -> Any:
        """Return the one value that `query` gives, in binary form where the driver knows one; None for no row.

        Raises:
            DatabaseProblem: the query failed, or took longer than the bound.
        """
        row = self.row(query, parameters)
        return None if row is None else row[0]

    def row(self, query: sql.Composed | sql.SQL, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return the first row that `query` gives; None for none.

        Raises:
            DatabaseProblem: see `value`.
        """
        with self._bounded(), self._connection.cursor(binary=True) as cursor:
            return cursor.execute(self._sent(query), parameters).fetchone()

    def run(self, query: sql.Composed | sql.SQL, parameters: dict[str, Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """Return how many rows a statement touched, and those that it gives.

        Raises:
            DatabaseProblem: see `value`.
        """
        with self._bounded(), self._connection.cursor() as cursor:
            cursor.execute(self._sent(query), parameters)
            return cursor.rowcount, cursor.fetchall() if cursor.description else []

    def _sent(self, query: sql.Composed | sql.SQL) -> sql.Composed | sql.SQL | bytes:
        # Without an encoding the driver would take names for ASCII; they are sent as the UTF-8 that they are.
        return query.as_bytes(None) if self._any_bytes else query

    def holds(self, text: str) -> bool:
        """Return whether the database's encoding can hold `text` at all; it has no row of one that it cannot."""
        if self._codec is None:
            self._codec = _codec(self._connection)
        try:
            text.encode(self._codec)
        except UnicodeError:
            return False
        return "\0" not in text

    def commit(self) -> None:
        """End the transaction with what it changed.

        Raises:
            DatabaseProblem: it failed; `undecided` when nobody answered whether it was done.
        """
        import psycopg

        try:
            with _cut_after(self._connection, self._statement_s + GRACE_S):
                self._connection.execute("COMMIT")
        except psycopg.Error as error:
            problem = _asking(error)
            raise DatabaseProblem(str(problem), problem.passing, undecided=error.sqlstate is None) from None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        import psycopg

        try:
            with _cut_after(self._connection, self._statement_s + GRACE_S):
                yield
        except psycopg.Error as error:
            raise _asking(error) from None
        except UnicodeError:
            # A surrogate by itself, from a JSON text: no encoding has it.
            raise DatabaseProblem("PostgreSQL cannot be asked for a text that is no Unicode") from None


class PostgresConnection:
    """A connection that is made with the first transaction, and made again after it was lost.

    Args:
        database_url: connection string or URL of libpq; secret.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    @contextmanager
    def transaction(self, limits: Limits | None = None, *, read_only: bool = True) -> Iterator[Transaction]:
        """Begin a transaction whose first query takes the snapshot; it is rolled back if it was not committed.

        Raises:
            DatabaseProblem: no connection, or it broke in the body of the `with`.
        """
        limits = limits or Limits()
        try:
            if self._connection is None or self._connection.closed:
                self._connection = _connect(self._url)
            _begin(self._connection, limits, read_only=read_only)
            yield Transaction(self._connection, limits)
            _end(self._connection)
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
"""A REPEATABLE READ, READ ONLY transaction; see `open_snapshot`."""


@contextmanager
def open_snapshot(database_url: str, statement_s: float = STATEMENT_S) -> Iterator[Transaction]:
    """Connect and begin a read-only transaction whose first query takes the snapshot.

    Args:
        database_url: connection string or URL of libpq; secret.
        statement_s: bound of each statement in seconds.

    Raises:
        DatabaseProblem: no connection, or it broke in the body of the `with`.
    """
    with open_transaction(database_url, Limits(statement_s)) as transaction:
        yield transaction


@contextmanager
def open_transaction(database_url: str, limits: Limits, *, read_only: bool = True) -> Iterator[Transaction]:
    """Connect and begin a REPEATABLE READ transaction, which is rolled back unless it is committed.

    Raises:
        DatabaseProblem: no connection, or it broke in the body of the `with`.
    """
    connection = PostgresConnection(database_url)
    try:
        with connection.transaction(limits, read_only=read_only) as transaction:
            yield transaction
    finally:
        connection.close()


def with_retries(work: Callable[[], T]) -> T:
    """Return what `work` returns, trying again, at most `TRIES` times, when the connection cannot be made or breaks.

    Raises:
        DatabaseProblem: the last one, or the first after which trying again makes no sense.
    """
    for attempt in range(1, TRIES):
        try:
            return work()
        except DatabaseProblem as problem:
            if not problem.passing:
                raise
        time.sleep(PAUSE_S * attempt)
    return work()


def table_name(name: str) -> sql.Identifier:
    """Return `name`, or `schema.name`, quoted; see `identifier`."""
    return identifier(*name.split("."))


def quoted(name: str) -> str:
    """Return `name`, or `schema.name`, as SQL text with each part quoted: for `to_regclass`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def identifier(*parts: str) -> sql.Identifier:
    """Return a quoted name for a query with parameters: in such a one a per cent sign stands doubled."""
    from psycopg import sql

    return sql.Identifier(*(part.replace("%", "%%") for part in parts))


def _connect(database_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    try:
        settings = read_url(database_url)
    except UrlError as error:
        raise UnreadableUrl(f"--database-url cannot be read: {error}") from None
    bound = None if "connect_timeout" in settings or os.environ.get("PGCONNECT_TIMEOUT") else CONNECT_S
    try:
        # With autocommit the driver begins no transactions of its own; ours begin with one message.
        connection = psycopg.connect(database_url, autocommit=True, prepare_threshold=None, connect_timeout=bound)
    except psycopg.Error as error:
        said = connection_problem(error, database_url) or "the connection could not be made"
        raise DatabaseProblem(f"PostgreSQL cannot be reached at {place_of(settings)}: {said}", passing=True) from None
    if _encoding(connection) == "SQL_ASCII":
        from stores.any_bytes import take_any_bytes

        take_any_bytes(connection)
    return connection


def _begin(connection: psycopg.Connection[tuple[Any, ...]], limits: Limits, *, read_only: bool) -> None:
    import psycopg

    lines = [
        f"BEGIN ISOLATION LEVEL REPEATABLE READ READ {'ONLY' if read_only else 'WRITE'}",
        # A database without an encoding would refuse to send bytes that are no UTF-8.
        *(["SET LOCAL client_encoding = 'UTF8'"] if _encoding(connection) != "SQL_ASCII" else []),
        "SET LOCAL DateStyle = 'ISO'",
        f"SET LOCAL statement_timeout = {int(limits.statement_s * 1000)}",
        *([f"SET LOCAL lock_timeout = {int(limits.lock_s * 1000)}"] if limits.lock_s else []),
        # Compiling such short queries costs more than it saves.
        "SET LOCAL jit = off",
        # A policy that hides rows from this role must be an error, not a table with fewer rows.
        "SET LOCAL row_security = off",
    ]
    try:
        with _cut_after(connection, CONNECT_S + GRACE_S):
            connection.execute("; ".join(lines).encode())
    except psycopg.Error as error:
        raise _asking(error) from None


def _end(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    import psycopg
    from psycopg.pq import TransactionStatus

    if connection.info.transaction_status != TransactionStatus.IDLE:
        # Nothing is lost with it: what was to stay was committed.
        with suppress(psycopg.Error), _cut_after(connection, CONNECT_S + GRACE_S):
            connection.execute("ROLLBACK")


@contextmanager
def _cut_after(connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> Iterator[None]:
    """Break the connection if the body takes longer than `seconds`: the driver waits for ever for a silent server."""

    def cut() -> None:
        # The body may have ended, or the other side hung up, in this very moment.
        with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _asking(error: psycopg.Error) -> DatabaseProblem:
    state, message = error.sqlstate, error.diag.message_primary
    if state is None or message is None:
        return DatabaseProblem("the connection to PostgreSQL broke, or it did not answer in time", passing=True)
    text = f"PostgreSQL says: {' '.join(message.split())} (SQLSTATE {state})"
    return DatabaseProblem(text, passing=state.startswith(_PASSING) and state != _CANCELED)


def _encoding(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    return (connection.pgconn.parameter_status(b"server_encoding") or b"UTF8").decode()


def _codec(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    """Return Python's name of the database's encoding; UTF-8 where it has none, or one that Python does not have."""
    import psycopg
    from psycopg._encodings import pg2pyenc

    try:
        codec = pg2pyenc(_encoding(connection).encode())
    except psycopg.Error:
        return "utf-8"
    return "utf-8" if codec == "ascii" else codec
