"""Read-only snapshots of PostgreSQL with every wait bounded, and errors that never show a connection string.

`statement_timeout` bounds what the server does, but a server that is stopped or cut off keeps no promise: a timer of
our own closes the socket then. Texts of the driver about connecting are not passed on, because they quote pieces of the
connection string, and a badly written one has its password in any of them.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import sql

T = TypeVar("T")

TRIES: Final = 3
CONNECT_S: Final = 4
STATEMENT_S: Final = 120.0
PAUSE_S: Final = 1.0
GRACE_S: Final = 5.0
# What the driver says on connecting, and what we say for it.
_CONNECTING: Final = (
    ("connection refused", "the connection was refused"),
    ("timeout expired", "no answer in time"),
    ("connection timeout", "no answer in time"),
    ("password authentication failed", "it refuses user or password"),
    ("no password supplied", "it wants a password"),
    ("no pg_hba.conf entry", "it does not admit this user from this host"),
    ("does not exist", "it has no such user or database"),
    ("could not translate", "the host name is unknown"),
    ("failed to resolve", "the host name is unknown"),
    ("too many", "it has no connection left"),
    ("remaining connection slots", "it has no connection left"),
    ("starting up", "it is still starting"),
    ("shutting down", "it is shutting down"),
    ("ssl", "the two sides do not agree on TLS"),
    ("no such file", "nothing listens on the socket"),
)
# Classes of SQLSTATE after which another try makes sense: connection, resources, operator intervention.
_PASSING: Final = ("08", "53", "57P")


class DatabaseProblem(Exception):
    """PostgreSQL cannot be read; the message is one line and holds neither connection string nor password."""

    def __init__(self, text: str, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


class UnreadableUrl(DatabaseProblem):
    """The connection string is none."""


def table_name(name: str) -> sql.Identifier:
    """Return `name`, or `schema.name`, quoted; see `identifier`."""
    return identifier(*name.split("."))


def quoted(name: str) -> str:
    """Return `name`, or `schema.name`, as SQL text with each part quoted: for `to_regclass`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def identifier(*parts: str) -> sql.Identifier:
    """Return a quoted name for a query with parameters: in such a one a per cent sign stands doubled."""
    return sql.Identifier(*(part.replace("%", "%%") for part in parts))


class Snapshot:
    """One REPEATABLE READ, READ ONLY transaction; see `open_snapshot`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], statement_s: float) -> None:
        self._connection = connection
        self._statement_s = statement_s

    def value(self, query: sql.Composed, parameters: dict[str, Any]) -> Any:
        """Return the one value that `query` gives, in binary form where the driver knows one; None for no row.

        Raises:
            DatabaseProblem: the query failed, or took longer than the bound.
        """
        with _cut_after(self._connection, self._statement_s + GRACE_S), self._connection.cursor(binary=True) as cursor:
            row = cursor.execute(query, parameters).fetchone()
            return None if row is None else row[0]


@contextmanager
def open_snapshot(database_url: str, statement_s: float = STATEMENT_S) -> Iterator[Snapshot]:
    """Connect and begin a transaction whose first statement takes the snapshot.

    Args:
        database_url: connection string or URL of libpq.
        statement_s: bound of each statement in seconds.

    Raises:
        DatabaseProblem: no connection, or it broke in the body of the `with`.
    """
    try:
        connection = psycopg.connect(
            database_url,
            connect_timeout=CONNECT_S,
            application_name="reconcile",
            prepare_threshold=None,
            client_encoding="utf8",
        )
    except psycopg.Error as error:
        raise _connecting(error) from None
    try:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with _cut_after(connection, CONNECT_S + GRACE_S):
            # Both take no snapshot. Compiling such short queries costs more than it saves.
            connection.execute("SET LOCAL jit = off")
            # A policy that hides rows from this role must be an error, not a table with fewer rows.
            connection.execute("SET LOCAL row_security = off")
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(int(statement_s * 1000)))
        yield Snapshot(connection, statement_s)
    except psycopg.Error as error:
        raise _asking(error) from None
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


@contextmanager
def _cut_after(connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> Iterator[None]:
    """Break the connection if the body takes longer than `seconds`: the driver waits for ever for a silent server."""

    def cut() -> None:
        # The body may have ended, or the other side hung up, in this very moment.
        with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _connecting(error: psycopg.Error) -> DatabaseProblem:
    if isinstance(error, psycopg.ProgrammingError):
        return UnreadableUrl(
            "--database-url cannot be read: something like postgresql://user:password@127.0.0.1:5432/orders_db is right"
        )
    said = str(error).lower()
    why = next((ours for theirs, ours in _CONNECTING if theirs in said), "the connection could not be made")
    return DatabaseProblem(f"PostgreSQL cannot be reached: {why}", passing=True)


def _asking(error: psycopg.Error) -> DatabaseProblem:
    state, message = error.sqlstate, error.diag.message_primary
    if state is None or message is None:
        return DatabaseProblem("the connection to PostgreSQL broke, or it did not answer in time", passing=True)
    text = f"PostgreSQL could not be read: {' '.join(message.split())} (SQLSTATE {state})"
    return DatabaseProblem(text, passing=state.startswith(_PASSING) and state != "57014")
