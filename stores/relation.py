"""What a table of orders, or an outbox, is in PostgreSQL, and whether all queries of a run are possible on it.

One reading for preflight, drain, the run and the check of the check order: types of columns with domains resolved, and
whether its rows have versions (those of a view have none).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from contract.contract import Contract
from contract.order_id import IdKind, kind_of_type, parse_uuid, spellings
from contract.run_key import RunKey
from stores import sql
from stores.postgres import DatabaseProblem, Transaction
from stores.sql import quoted, table_name

MOST_NAMED: Final = 20
_RELATION: Final = """WITH RECURSIVE parts AS (SELECT to_regclass(%(name)s)::oid AS part
UNION SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = part),
columns AS (SELECT attname, attnum, atttypid AS type FROM pg_attribute
WHERE attrelid = to_regclass(%(name)s) AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT attname, attnum, typbasetype FROM columns JOIN pg_type ON pg_type.oid = type WHERE typtype = 'd')
SELECT jsonb_build_object('kind', (SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%(name)s)),
'versions', (SELECT bool_and(relkind IN ('r', 'p')) FROM parts JOIN pg_class ON pg_class.oid = part),
'columns', (SELECT jsonb_agg(jsonb_build_array(attname::text, format_type(type, NULL)) ORDER BY attnum)
FROM columns JOIN pg_type ON pg_type.oid = type WHERE typtype <> 'd'))"""
_NAMES: Final = """SELECT string_agg(name, ', ') FROM (SELECT CASE WHEN pg_table_is_visible(c.oid) THEN ''
ELSE nspname || '.' END || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
ORDER BY nspname <> 'public', name LIMIT %(most)s) names"""
_KINDS: Final = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialised view", "f": "foreign table",
}  # fmt: skip
OUTDATED: Final = frozenset({"materialised view", "relation without rows"})
"""Kinds of relations in which a missing row proves nothing."""
_TIMES: Final = frozenset({"timestamp without time zone", "timestamp with time zone"})
# What a service may count its time in; later is greater.
_NUMBERS: Final = frozenset({"bigint", "integer", "numeric", "double precision"})


class TableMismatch(DatabaseProblem):
    """An option does not fit the database; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, or what is read like one.

    Attributes:
        name: with its schema or without, as options give it.
        types: PostgreSQL's type of each column by its name, in the table's order; of a domain the type beneath it.
        versions: each row has a version (`xmin`), as in a table with rows of its own and in all of its partitions.
    """

    name: str
    kind: str
    types: dict[str, str]
    versions: bool

    def columns(self) -> str:
        """Return names and types of the first columns, for people."""
        return ", ".join(f"{name} ({kind})" for name, kind in list(self.types.items())[:MOST_NAMED])


@dataclass(frozen=True, slots=True)
class OrderColumns:
    """What the columns of a table of orders hold.

    Attributes:
        id: kind of the column with the order id.
        tag: kind of the column with the customer id, UUID or TEXT; None without such a column.
        padded: ids are texts of a fixed length, in which blanks at the end mean nothing.
    """

    id: IdKind
    tag: IdKind | None
    padded: bool
    versions: bool = True


def read_relation(transaction: Transaction, name: str) -> Relation | None:
    """Return what `name` is; None where the database has nothing of that name.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    found: dict[str, Any] = transaction.value(sql.SQL(_RELATION).format(), {"name": quoted(name)})
    if found["kind"] is None:
        return None
    kind = _KINDS.get(found["kind"], "relation without rows")
    return Relation(name, kind, dict(found["columns"] or []), bool(found["versions"]))


def order_columns(transaction: Transaction, contract: Contract, *, tagged: bool = True) -> OrderColumns:
    """Return what the columns of a table of orders hold.

    Args:
        tagged: whether the column of tags is needed, if there is one.

    Raises:
        TableMismatch: there is no such table or column, or one from which a run cannot be judged: the option that is
            wrong, and what was found.
        DatabaseProblem: PostgreSQL could not be asked.
    """
    table, id_column, kind = contract.table.name, contract.table.id_column, contract.id_kind
    tag_column = contract.table.tag_column if tagged else None
    found = read_relation(transaction, table)
    if found is None:
        raise TableMismatch(f"--orders-table {table}: there is no such table; {_tables(transaction)}")
    if found.kind in OUTDATED:
        raise TableMismatch(
            f"--orders-table {table}: it is a {found.kind}, which shows an order after its next refresh only: a "
            "missing row proves nothing there; name the table that it is made of"
        )
    named = {"--orders-id-column": id_column, **({} if tag_column is None else {"--orders-tag-column": tag_column})}
    for option, column in named.items():
        if column not in found.types:
            none = " (none, if it has no such thing)" if option == "--orders-tag-column" else ""
            raise TableMismatch(
                f"{option} {column}: {found.kind} {table} has no such column{none}; it has {found.columns()}"
            )
    of_id = kind_of_type(found.types[id_column])
    if of_id is None or not _may_hold(of_id, kind):
        raise TableMismatch(
            f"--id-kind {kind.value}: column {id_column} of {table} is {found.types[id_column]}; choose the kind that "
            "it holds" + ("" if of_id else " (uuid, an integer or a text can be read)")
        )
    of_tag = None if tag_column is None else kind_of_type(found.types[tag_column])
    if tag_column is not None and of_tag not in (IdKind.UUID, IdKind.TEXT):
        raise TableMismatch(
            f"--orders-tag-column {tag_column}: column {tag_column} of {table} is {found.types[tag_column]} and cannot "
            "hold the customer id that was sent, a UUID; name the column that holds it, or none"
        )
    return OrderColumns(of_id, of_tag, found.types[id_column] == "character", found.versions)


def check_time_column(transaction: Transaction, table: str, column: str) -> None:
    """Check that a column can be compared with "later than the check order".

    Raises:
        TableMismatch: there is no such column, or it is of another type.
        DatabaseProblem: PostgreSQL could not be asked.
    """
    found = read_relation(transaction, table)
    if found is None or column not in found.types:
        there = found.columns() if found else "nothing: there is no such table"
        raise TableMismatch(f"--orders-time-column {column}: {table} has no such column; it has {there}")
    if found.types[column] not in _TIMES | _NUMBERS:
        raise TableMismatch(
            f"--orders-time-column {column}: its type is {found.types[column]}; a timestamp, or a number that grows, "
            "can be compared"
        )


def check_outbox(transaction: Transaction, table: str) -> None:
    """Check that a known backlog can be queried for the orders whose events it still holds.

    Raises:
        TableMismatch: there is no such table, or it has not the columns that are read.
        DatabaseProblem: PostgreSQL could not be asked.
    """
    found = read_relation(transaction, table)
    right = "an outbox has aggregateid (the order's id) and published_at (null until its event is out)"
    if found is None:
        raise TableMismatch(f"--outbox-table {table}: there is no such table; {_tables(transaction)}")
    absent = [name for name in ("aggregateid", "published_at") if name not in found.types]
    if absent:
        raise TableMismatch(
            f"--outbox-table {table}: it has no column {' and no '.join(absent)}; {right}; it has {found.columns()}"
        )
    # Asked as a run and an audit ask it: the right to read it may be missing.
    entry = "SELECT count(*) FROM (SELECT b.aggregateid::text, b.published_at FROM {} b LIMIT 1) one"
    transaction.value(sql.SQL(entry).format(table_name(table)), {})


def written(column: IdKind, texts: Iterable[str], transaction: Transaction) -> list[str]:
    """Return how a column of this kind may write the ids `texts`; nothing for those that it cannot hold."""
    return [form for text in texts for form in _forms(column, text) if transaction.holds(form)]


def _forms(column: IdKind, text: str) -> list[str]:
    if column is IdKind.UUID:
        return [text] if parse_uuid(text) else []
    if column is IdKind.INTEGER:
        digits = text.removeprefix("-")
        usable = digits.isascii() and digits.isdecimal() and len(digits) < 20
        return [text] if usable and -(2**63) <= int(text) < 2**63 else []
    return spellings(text)


def tag_condition(tag: IdKind, key: RunKey) -> tuple[str, dict[str, Any]]:
    """Return SQL that holds for the rows of a run by their column `{tag}`, and its parameters.

    For a text it holds for others too that begin as ours, in any spelling of a UUID.
    """
    if tag is IdKind.UUID:
        return "{tag} BETWEEN %(low)s AND %(high)s", {"low": key.first, "high": key.last}
    dashed = key.text_prefix
    plain = dashed.replace("-", "")
    begins = [word for one in (dashed, plain, "{" + dashed) for word in (one, one.upper())]
    # Hexadecimal digits, dashes and a brace: nothing that LIKE would take for a pattern.
    either = " OR ".join(f"{{tag}} LIKE %(begin{at})s" for at in range(len(begins)))
    return f"({either})", {f"begin{at}": f"{begin}%" for at, begin in enumerate(begins)}


def _tables(transaction: Transaction) -> str:
    names = transaction.value(sql.SQL(_NAMES).format(), {"most": MOST_NAMED})
    return f"there are {names}" if names else "there are no tables in this database"


def _may_hold(column: IdKind, kind: IdKind) -> bool:
    """Whether a column of one kind can hold ids of another: a text holds UUIDs too."""
    return column is kind or (column is IdKind.TEXT and kind is IdKind.UUID)
