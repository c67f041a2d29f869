"""Does PostgreSQL serve? `SELECT 1` on a connection that stays open, and on one of its own for each question.

A server that takes a connection only to say no (it starts, it shuts down, the password is wrong) refuses. While a
question on the kept connection hangs, no second one is put in front of it: the answer that is owed is read first, and
only the answer to a question of now counts.
"""

import importlib
import time
from typing import Final

from health.bounded_sql import DeadlineError, FailedError, SqlConnection, UnopenedError, open_connection
from health.replies import ANSWERED, BROKEN, HANGING, REFUSED, Reply
from health.spec import ProbeSpec

# After so long without an answer a kept connection is given up: one that a network has swallowed never gets well.
PATIENCE_S: Final = 5.0


class KeptSql:
    """A connection that stays open, and another one in its place when it is lost.

    Args:
        spec: address.
    """

    def __init__(self, spec: ProbeSpec) -> None:
        _load()
        self._url = spec.address
        self._connection: SqlConnection | None = None
        self._unserved_since: float | None = None

    def ask(self, timeout_s: float) -> Reply:
        """See `health.replies.Prober`."""
        begun = time.monotonic()
        said = self._ask(begun + timeout_s)
        if said.how == ANSWERED:
            self._unserved_since = None
            return said
        self._unserved_since = self._unserved_since or begun
        if said.how != HANGING or begun - self._unserved_since > PATIENCE_S:
            self.close()
        return said

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
            return why(error)
        return Reply(ANSWERED)


class NewSql:
    """A connection of its own for each question.

    Args:
        spec: address.
    """

    def __init__(self, spec: ProbeSpec) -> None:
        _load()
        self._url = spec.address

    def ask(self, timeout_s: float) -> Reply:
        """See `health.replies.Prober`."""
        deadline = time.monotonic() + timeout_s
        try:
            connection = open_connection(self._url, deadline)
            try:
                connection.select_one(deadline)
            finally:
                connection.close()
        except (DeadlineError, UnopenedError, FailedError) as error:
            return why(error)
        return Reply(ANSWERED)

    def close(self) -> None:
        """Nothing is held."""


def _load() -> None:
    """Load psycopg before the first question: that takes longer than a question may."""
    importlib.import_module("psycopg.pq")


def why(error: Exception) -> Reply:
    """Return what is to be told of a question that failed; libpq's own words may hold secrets and stay out."""
    if isinstance(error, DeadlineError):
        return Reply(HANGING, f"{error} in time")
    if isinstance(error, UnopenedError):
        if not error.taken:
            return Reply(REFUSED, "no connection")
        # In whatever language the server speaks, libpq puts the server's own word before its message.
        says_no = "FATAL" in str(error)
        return Reply(REFUSED, "the server said no") if says_no else Reply(BROKEN, "lost while it was opened")
    return Reply(BROKEN, "the connection was lost")
