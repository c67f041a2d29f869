"""The table of a service that options describe: what its columns are, and single orders asked for by id.

Ids come and go as texts, whatever the type of their column is. What the options say and the table does not have is told
in one sentence.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, IdReader
from contract.order_id import IdKind
from reconcile.history.id_texts import IdTexts
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import (
    Snapshot,
    identifier,
    open_snapshot,
    table_name,
    with_retries,
)
from stores.relation import OrderColumns, order_columns, written

ASKED: Final = 20_000
IDS_OF: Final = "SELECT array_agg(coalesce({id}::text, '')) FROM {orders} WHERE "
_ARRAYS: Final = {IdKind.UUID: "uuid[]", IdKind.INTEGER: "int8[]", IdKind.TEXT: "text[]"}


def columns_of(snapshot: Snapshot, facts: RunFacts, *, tagged: bool) -> OrderColumns:
    """Return what the table has.

    Args:
        snapshot: in which it is read.
        facts: names of table and columns, kind of ids.
        tagged: rows are found by their tag, so that column is needed.

    Raises:
        DatabaseProblem: a column that the facts name is not there, or of a type that cannot be read; or PostgreSQL
            could not be asked.
    """
    tag = facts.contract.table.tag_column if tagged else None
    return order_columns(
        snapshot, facts.contract.table.name, facts.contract.table.id_column, tag, facts.contract.id_kind
    )


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
        with open_snapshot(database_url) as snapshot:
            return among_rows(snapshot, facts, columns_of(snapshot, facts, tagged=False), candidates, names)

    return with_retries(attempt)


def among_rows(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, ids: NDArray[np.void], names: Mapping[bytes, str]
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return the same for `ids` (n IDS), in one snapshot.

    Raises:
        DatabaseProblem: the database could not be asked.
    """
    reader = IdReader(facts.contract.id_kind)
    told = IdTexts(facts.contract.id_kind, names).many(ids["hi"], ids["lo"])
    found = [text for texts in named(snapshot, facts, columns, told) for text in texts]
    there, valid = reader.of_events([text.rstrip(" ") if columns.padded else text for text in found])
    return np.unique(there[valid]), reader.names


def named(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, texts: list[str]) -> Iterator[list[str]]:
    """Yield texts of the ids of rows that have one of `texts`, in any spelling that is the same id."""
    condition = "{id} = ANY(%(ids)s::" + _ARRAYS[columns.id] + ")"
    query = sql.SQL(IDS_OF + condition).format(**sql_parts(facts))
    spelled = written(columns.id, texts, snapshot)
    for at in range(0, len(spelled), ASKED):
        yield snapshot.value(query, {"ids": spelled[at : at + ASKED]}) or []


def sql_parts(facts: RunFacts) -> dict[str, sql.Composable]:
    """Return what queries are formatted with: `orders`, `id`, and `tag` where there is such a column."""
    parts: dict[str, sql.Composable] = {
        "id": identifier(facts.contract.table.id_column),
        "orders": table_name(facts.contract.table.name),
    }
    if facts.contract.table.tag_column is not None:
        parts["tag"] = identifier(facts.contract.table.tag_column)
    return parts
