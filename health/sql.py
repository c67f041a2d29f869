"""Does PostgreSQL serve? `SELECT 1` on a connection that stays open, and on one of its own for each question.

A server that takes a connection only to say no (it starts, it shuts down, the password is wrong) refuses. While a
question on the kept connection hangs, no second one is put in front of it: the answer that is owed is read first, and
only the answer to a question of now counts.
"""

import importlib
import time
from typing import Final

from health.bounded_sql import DeadlineError, FailedError, SqlConnection, UnopenedError, open_connection
from health.postgres_errors import connection_problem
from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, Reply
from health.spec import ProbeSpec

# Longest hang before reconnecting: a connection that the network dropped never recovers.
PATIENCE_S: Final = 5.0


class KeptSql:
    """A connection that stays open, and another one in its place when it is lost."""

    keeps = True

    def __init__(self, spec: ProbeSpec) -> None:
        # Loaded before the first question: that takes longer than a question may.
        importlib.import_module("psycopg.pq")
        self._url = spec.address
        self._connection: SqlConnection | None = None
        self._unserved_since: float | None = None

    def ask(self, timeout_s: float) -> Reply:
        begun = time.monotonic()
        reply = self._ask(begun + timeout_s)
        usable = reply.how == ANSWERED
        if usable:
            self._unserved_since = None
        else:
            self._unserved_since = self._unserved_since or begun
            usable = reply.how == HANGING and begun - self._unserved_since <= PATIENCE_S
        if not (self.keeps and usable):
            self.close()
        return reply

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, deadline: float) -> Reply:
        try:
            if self._connection is None:
                self._connection = open_connection(self._url, deadline)
            self._connection.select_one(deadline)
        except (DeadlineError, UnopenedError, FailedError) as error:
            return why(error, self._url)
        return Reply(ANSWERED, "answered a query")


class NewSql(KeptSql):
    """A connection of its own for each question."""

    keeps = False


def why(error: Exception, database_url: str = "") -> Reply:
    """Return what became of a question that failed, with the server's own sentence where it sent one.

    Args:
        error: `DeadlineError`, `UnopenedError` or `FailedError`.
        database_url: the connection string, of which no secret is shown.
    """
    if isinstance(error, DeadlineError):
        return Reply(HANGING, f"{error} in time")
    words = connection_problem(error, database_url)
    if isinstance(error, UnopenedError):
        if not error.taken:
            return Reply(REFUSED, words or "no connection")
        # In whatever language the server speaks, libpq puts the server's own word before its message.
        says_no = "FATAL" in str(error)
        return Reply(REFUSED, words) if says_no else Reply(BROKEN, words or "lost while it was opened")
    return Reply(BROKEN, words or "the connection was lost")
