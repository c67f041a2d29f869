"""Short questions to PostgreSQL that preflight and drain ask. psycopg yields to gevent, so they run as they are.

No error text of this file holds a connection string or a password.
"""

import uuid
from typing import Any, Final

import psycopg
from psycopg import sql

from chaos.subject import Subject
from contract.order_id import IdKind
from contract.run_key import RunKey

CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 10_000
IDS_AT_ONCE: Final = 50_000
MOST_NAMED: Final = 20

# What PostgreSQL calls the types that ids of each kind are kept in.
_TYPES: Final = {
    IdKind.UUID: frozenset({"uuid", "text", "character varying", "character"}),
    IdKind.INTEGER: frozenset({"bigint", "integer", "smallint"}),
    IdKind.TEXT: frozenset({"text", "character varying", "character"}),
}
_COLUMNS: Final = sql.SQL("""SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), E'\\n' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped""")
_TABLES: Final = sql.SQL("""SELECT string_agg(name, E'\\n') FROM (
SELECT CASE WHEN schemaname = 'public' THEN '' ELSE schemaname || '.' END || relname AS name FROM pg_stat_user_tables
ORDER BY 1 LIMIT %s) tables""")


class DatabaseError(Exception):
    """PostgreSQL did not tell, or not what was hoped for; the message is one line without secrets."""


class OrdersTable:
    """The table of orders.

    Args:
        subject: the system under test that it is of.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._table = sql.Identifier(*subject.orders_table.split("."))
        self._id = sql.Identifier(subject.id_column)
        self._tag = None if subject.tag_column is None else sql.Identifier(subject.tag_column)
        self._tag_is_uuid: bool | None = None
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def check_columns(self) -> str:
        """Prove that the table and the columns that the harness needs are there, and return their names.

        Raises:
            DatabaseError: they are not; says which option is wrong and what is there.
        """
        subject = self._subject
        types = self._types()
        if not types:
            raise DatabaseError(f"--orders-table {subject.orders_table}: there is no such table; {self._tables()}")
        wanted = {"--orders-id-column": subject.id_column}
        if subject.tag_column is not None:
            wanted["--orders-tag-column"] = subject.tag_column
        if subject.attribution == "exclusive":
            wanted["--orders-time-column"] = subject.time_column
        for option, column in wanted.items():
            if column not in types:
                there = ", ".join(f"{name} ({kind})" for name, kind in list(types.items())[:MOST_NAMED])
                none = " (none, if it has no such thing)" if option == "--orders-tag-column" else ""
                raise DatabaseError(
                    f"{option} {column}: table {subject.orders_table} has no such column{none}; it has {there}"
                )
        if types[subject.id_column] not in _TYPES[subject.id_kind]:
            raise DatabaseError(
                f"--id-kind {subject.id_kind.value}: column {subject.id_column} of {subject.orders_table} is "
                f"{types[subject.id_column]}; choose the kind that it holds"
            )
        columns = sql.SQL(", ").join(sql.Identifier(column) for column in wanted.values())
        self._fetch(sql.SQL("SELECT count(*) FROM (SELECT {} FROM {} LIMIT 1) one").format(columns, self._table))
        return " and ".join(wanted.values())

    def has_order(self, order_id: str) -> bool:
        """Return whether a row with this id is there.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(self._table, self._id)
        return self._fetch(query, [order_id]) > 0

    def count_run(self, key: RunKey) -> int | None:
        """Return how many rows the run has, None where no column tells which these are.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        if self._tag is None or self._subject.tag_column is None:
            return None
        if self._tag_is_uuid is None:
            self._tag_is_uuid = self._types().get(self._subject.tag_column) == "uuid"
        if self._tag_is_uuid:
            query = sql.SQL("SELECT count(*) FROM {} WHERE {} BETWEEN %s AND %s").format(self._table, self._tag)
            return self._fetch(query, [key.first, key.last])
        # Digits and a dash at its end: nothing that LIKE would take for a pattern.
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} LIKE %s").format(self._table, self._tag)
        return self._fetch(query, [key.text_prefix + "%"])

    def count_ids(self, table: str, column: str, ids: list[uuid.UUID]) -> int:
        """Return how many of `ids` stand in `column` of `table`.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT count(DISTINCT {0}) FROM {1} WHERE {0} = ANY(%s)").format(
            sql.Identifier(column), sql.Identifier(*table.split("."))
        )
        return sum(self._fetch(query, [ids[at : at + IDS_AT_ONCE]]) for at in range(0, len(ids), IDS_AT_ONCE))

    def text_of(self, order_id: str, column: str) -> str | None:
        """Return the text of a column in an order's row, None when the row or the column is not there.

        Raises:
            DatabaseError: PostgreSQL failed.
        """
        query = sql.SQL("SELECT to_jsonb(o)->>{} FROM {} o WHERE {} = %s").format(
            sql.Literal(column), self._table, self._id
        )
        row = self._one(query, [order_id])
        return None if row is None or row[0] is None else str(row[0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _types(self) -> dict[str, str]:
        """Return the type of each column by its name; nothing for a table that is not there."""
        row = self._one(_COLUMNS, [self._table.as_string()])
        lines = str(row[0]).split("\n") if row and row[0] else []
        return {name: kind for name, _, kind in (line.partition(" ") for line in lines)}

    def _tables(self) -> str:
        row = self._one(_TABLES, [MOST_NAMED])
        names = str(row[0]).split("\n") if row and row[0] else []
        return f"there are {', '.join(names)}" if names else "there are no tables in this database"

    def _fetch(self, query: sql.Composed, values: list[Any] | None = None) -> int:
        row = self._one(query, values)
        return int(row[0]) if row else 0

    def _one(self, query: sql.Composed | sql.SQL, values: list[Any] | None) -> tuple[Any, ...] | None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(
                    self._subject.database_url,
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
