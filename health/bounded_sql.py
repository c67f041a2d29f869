"""One question to PostgreSQL, bounded in total, on a connection that may outlive the question.

Driven without blocking through libpq: its own connect timeout has a granularity of seconds, and none of its limits
covers a query that is never answered. So a server that is frozen costs the time that was given, and no more.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult


class DeadlineError(Exception):
    """The time is over; the message says what had not come: `no connection` or `no answer to a query`."""


class UnopenedError(Exception):
    """The connection did not come about. The message is libpq's own and may hold secrets.

    Attributes:
        taken: the server had accepted the connection before it failed.
    """

    def __init__(self, message: str, *, taken: bool) -> None:
        super().__init__(message)
        self.taken = taken


class FailedError(Exception):
    """An open connection, or the query on it, failed. The message is libpq's own and may hold secrets."""


@dataclass(slots=True)
class SqlConnection:
    """An open connection.

    Attributes:
        pq: libpq's connection.
        waiting: whether a question on it is still unanswered.
    """

    pq: PGconn
    waiting: bool = False

    def select_one(self, deadline: float) -> None:
        """Run `SELECT 1` to its end; an answer that an earlier question still owes is passed over first.

        Args:
            deadline: by `time.monotonic()`.

        Raises:
            DeadlineError: no answer in time; the connection can be asked again.
            FailedError: the connection is of no more use.
        """
        from psycopg import Error

        try:
            if self.waiting:
                self._finish(deadline)
            self.pq.send_query(b"SELECT 1")
            self.waiting = True
            self._finish(deadline)
        except (Error, OSError, ValueError) as error:
            raise FailedError(str(error)) from None

    def _finish(self, deadline: float) -> None:
        from psycopg.pq import ExecStatus

        last: PGresult | None = None
        while True:
            while self.pq.is_busy():
                await_socket(self.pq, write=False, deadline=deadline, awaited="no answer to a query")
                self.pq.consume_input()
            result = self.pq.get_result()
            if result is None:
                break
            last = result
        self.waiting = False
        if last is None or last.status != ExecStatus.TUPLES_OK:
            raise FailedError(self.pq.error_message.decode(errors="replace") or "the query failed")

    def close(self) -> None:
        self.pq.finish()


def open_connection(database_url: str, deadline: float) -> SqlConnection:
    """Connect.

    Args:
        database_url: a URL or a libpq keyword string.
        deadline: by `time.monotonic()`.

    Raises:
        DeadlineError: no connection in time.
        UnopenedError: there will be none.
    """
    # Imported late: psycopg decides at import whether it waits in C or in Python, and under gevent the caller
    # must have patched the process before that.
    from psycopg import Error, pq

    connection = pq.PGconn.connect_start(database_url.encode())
    try:
        _connect(connection, deadline)
    except (Error, OSError, ValueError) as error:
        connection.finish()
        raise UnopenedError(str(error), taken=True) from None
    except (DeadlineError, UnopenedError):
        connection.finish()
        raise
    return SqlConnection(connection)


def _connect(connection: PGconn, deadline: float) -> None:
    from psycopg import pq

    if connection.status == pq.ConnStatus.BAD:
        raise UnopenedError(connection.error_message.decode(errors="replace"), taken=False)
    step = pq.PollingStatus.WRITING
    while step != pq.PollingStatus.OK:
        await_socket(connection, write=step == pq.PollingStatus.WRITING, deadline=deadline, awaited="no connection")
        taken = connection.status != pq.ConnStatus.STARTED
        step = pq.PollingStatus(connection.connect_poll())
        if step == pq.PollingStatus.FAILED:
            raise UnopenedError(connection.error_message.decode(errors="replace"), taken=taken)


def await_socket(connection: PGconn, *, write: bool, deadline: float, awaited: str) -> None:
    """Wait until the connection's socket can be written (or read).

    Raises:
        DeadlineError: not in time; `awaited` is its message.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineError(awaited)
    wanted = [connection.socket]
    readable, writable, _ = select.select([] if write else wanted, wanted if write else [], [], left)
    if not (readable or writable):
        raise DeadlineError(awaited)
