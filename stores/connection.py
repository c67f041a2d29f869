"""Connections to PostgreSQL, and every wait on them bounded.

The user's connection string is passed unchanged, and nothing is added to it that a server or a pooler would see: no
start-up parameter, no prepared statement, no session state. What a transaction needs is set by `SET LOCAL` in its first
message, so any connection of a pool that shares them between transactions will do. Texts come as UTF-8 whatever the
encoding of the database.

`statement_timeout` bounds what the server does, but a server that is stopped or cut off enforces nothing: a timer of
our own closes the socket then.

psycopg decides at import whether it waits in C or in Python: under gevent, patch the process before this is imported.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg._encodings import pg2pyenc
from psycopg.pq import TransactionStatus

from health.postgres_errors import connection_problem
from health.postgres_url import UrlError, place_of, read_url
from stores.any_bytes import take_any_bytes

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_S: Final = 4
"""Seconds for a connection, where neither the connection string nor its environment has a `connect_timeout`."""
STATEMENT_S: Final = 120.0
GRACE_S: Final = 5.0
# Classes of SQLSTATE after which another try makes sense: connection, resources, operator intervention.
_PASSING: Final = ("08", "53", "57P")
_CANCELED: Final = "57014"


class DatabaseProblem(Exception):
    """PostgreSQL cannot be queried; the message is one line and holds no secret.

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


def connect(database_url: str) -> Connection:
    """Return a connection that begins no transactions of its own.

    Raises:
        DatabaseProblem: there is none; UnreadableUrl: the connection string is none.
    """
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
    if not has_encoding(connection):
        take_any_bytes(connection)
    return connection


def begin(connection: Connection, limits: Limits, *, read_only: bool) -> None:
    """Begin a REPEATABLE READ transaction.

    Raises:
        DatabaseProblem: PostgreSQL did not.
    """
    lines = [
        f"BEGIN ISOLATION LEVEL REPEATABLE READ READ {'ONLY' if read_only else 'WRITE'}",
        # A database without an encoding would refuse to send bytes that are no UTF-8.
        *(["SET LOCAL client_encoding = 'UTF8'"] if has_encoding(connection) else []),
        "SET LOCAL DateStyle = 'ISO'",
        f"SET LOCAL statement_timeout = {int(limits.statement_s * 1000)}",
        *([f"SET LOCAL lock_timeout = {int(limits.lock_s * 1000)}"] if limits.lock_s else []),
        # Compiling such short queries costs more than it saves.
        "SET LOCAL jit = off",
        # A policy that hides rows from this role must be an error, not a table with fewer rows.
        "SET LOCAL row_security = off",
    ]
    try:
        with cut_after(connection, CONNECT_S):
            connection.execute("; ".join(lines).encode())
    except psycopg.Error as error:
        raise problem_of(error) from None


def end(connection: Connection) -> None:
    """Roll back what was not committed."""
    if connection.info.transaction_status != TransactionStatus.IDLE:
        # Nothing is lost with it: what was to stay was committed.
        with suppress(psycopg.Error), cut_after(connection, CONNECT_S):
            connection.execute("ROLLBACK")


@contextmanager
def cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Break the connection if the `with` takes GRACE_S longer than `seconds`: the driver itself waits forever."""

    def cut() -> None:
        # The body may have ended, or the other side hung up, in this very moment.
        with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds + GRACE_S, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def problem_of(error: psycopg.Error) -> DatabaseProblem:
    state, message = error.sqlstate, error.diag.message_primary
    if state is None or message is None:
        return DatabaseProblem("the connection to PostgreSQL broke, or it did not answer in time", passing=True)
    text = f"PostgreSQL says: {' '.join(message.split())} (SQLSTATE {state})"
    return DatabaseProblem(text, passing=state.startswith(_PASSING) and state != _CANCELED)


def has_encoding(connection: Connection) -> bool:
    """Return whether the database has an encoding; one with SQL_ASCII has none."""
    return _encoding(connection) != "SQL_ASCII"


def _encoding(connection: Connection) -> str:
    return (connection.pgconn.parameter_status(b"server_encoding") or b"UTF8").decode()


def codec(connection: Connection) -> str:
    """Return Python's name of the database's encoding; UTF-8 where it has none, or one that Python does not have."""
    try:
        name = pg2pyenc(_encoding(connection).encode())
    except psycopg.Error:
        return "utf-8"
    return "utf-8" if name == "ascii" else name
