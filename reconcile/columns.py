"""The table of a service that options describe: what its columns are, and single orders asked for by id.

Ids come and go as texts, whatever the type of their column is. What the options say and the table does not have is told
in one sentence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from contract.ids import IDS, IdReader, kind_of_type
from contract.order_id import IdKind, parse_uuid, spellings
from reconcile.database import (
    DatabaseProblem,
    Snapshot,
    identifier,
    open_snapshot,
    quoted,
    table_name,
    with_retries,
)
from reconcile.ids import IdTexts
from runlog.facts import RunFacts

ASKED: Final = 20_000
IDS_OF: Final = "SELECT array_agg(coalesce({id}::text, '')) FROM {orders} WHERE "
_COLUMNS: Final = """SELECT jsonb_object_agg(attname, format_type(atttypid, NULL)) FROM pg_attribute
WHERE attrelid = to_regclass(%(name)s) AND attnum > 0 AND NOT attisdropped"""
_ARRAYS: Final = {IdKind.UUID: "uuid[]", IdKind.INTEGER: "int8[]", IdKind.TEXT: "text[]"}


@dataclass(frozen=True, slots=True)
class Columns:
    """What the table has.

    Attributes:
        id: kind of the column with the order id.
        tag: kind of the column with the customer id, UUID or TEXT; None without such a column.
        padded: ids are texts of a fixed length, in which blanks at the end mean nothing.
    """

    id: IdKind
    tag: IdKind | None
    padded: bool


def columns_of(snapshot: Snapshot, facts: RunFacts) -> Columns:
    """Return what the table has.

    Raises:
        DatabaseProblem: a column that the facts name is not there, or of a type that cannot be read; or PostgreSQL
            could not be asked.
    """
    table, named = facts.orders_table, [facts.orders_id_column]
    types: dict[str, str] | None = snapshot.value(sql.SQL(_COLUMNS).format(), {"name": quoted(table)})
    if not types:
        raise DatabaseProblem(f"the database has no table {table}")
    named += [name for name in (facts.orders_tag_column,) if name is not None]
    for name in named:
        if name not in types:
            raise DatabaseProblem(f"table {table} has no column {name}; it has {', '.join(sorted(types))}")
    kinds = [kind_of_type(types[name]) for name in named]
    for name, kind in zip(named, kinds, strict=True):
        if kind is None:
            raise DatabaseProblem(f"column {name} of {table} is of the type {types[name]}, which is none of ids")
    of_tags = kinds[1] if len(kinds) > 1 else None
    if of_tags is IdKind.INTEGER:
        raise DatabaseProblem(f"column {named[1]} of {table} is of the type {types[named[1]]}: it holds no customer id")
    return Columns(kinds[0] or IdKind.TEXT, of_tags, types[named[0]] == "character")


def described_elsewhere(
    database_url: str, facts: RunFacts, candidates: NDArray[np.void], names: Mapping[bytes, str]
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return those of the order ids (n IDS) that the table holds now, and the names that they have there.

    Args:
        database_url: connection string or URL of libpq; secret.
        facts: names of table and columns, kind of ids.
        candidates: the ids.
        names: of ids that their bytes do not tell back.

    Raises:
        DatabaseProblem: the database could not be asked.
    """
    if not len(candidates):
        # Not the candidates themselves: arrays that were joined have the machine's own byte order.
        return np.empty(0, dtype=IDS), {}

    def attempt() -> tuple[NDArray[np.void], dict[bytes, str]]:
        reader = IdReader(facts.kind)
        with open_snapshot(database_url) as snapshot:
            columns = columns_of(snapshot, facts)
            told = IdTexts(facts.kind, names).many(candidates["hi"], candidates["lo"])
            found = [text for texts in named(snapshot, facts, columns, told) for text in texts]
        ids, valid = reader.of_events([text.rstrip(" ") if columns.padded else text for text in found])
        return np.unique(ids[valid]), reader.names

    return with_retries(attempt)


def named(snapshot: Snapshot, facts: RunFacts, columns: Columns, texts: list[str]) -> Iterator[list[str]]:
    """Yield texts of the ids of rows that have one of `texts`, in any spelling that is the same id."""
    condition = "{id} = ANY(%(ids)s::" + _ARRAYS[columns.id] + ")"
    query = sql.SQL(IDS_OF + condition).format(**sql_parts(facts))
    spelled = [word for text in texts for word in _as_column(columns.id, text)]
    for at in range(0, len(spelled), ASKED):
        yield snapshot.value(query, {"ids": spelled[at : at + ASKED]}) or []


def _as_column(kind: IdKind, text: str) -> list[str]:
    """Return what a column of this kind may have of an id; nothing where it can have none of it."""
    if kind is IdKind.UUID:
        return [text] if parse_uuid(text) else []
    if kind is IdKind.INTEGER:
        return [text] if text.removeprefix("-").isdecimal() and -(2**63) <= int(text) < 2**63 else []
    # PostgreSQL's texts hold no NUL, so such an id has no row.
    return [] if "\0" in text else spellings(text)


def sql_parts(facts: RunFacts) -> dict[str, sql.Composable]:
    """Return what queries are formatted with: `orders`, `id`, and `tag` where there is such a column."""
    parts: dict[str, sql.Composable] = {
        "id": identifier(facts.orders_id_column),
        "orders": table_name(facts.orders_table),
    }
    if facts.orders_tag_column is not None:
        parts["tag"] = identifier(facts.orders_tag_column)
    return parts
