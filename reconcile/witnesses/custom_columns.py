"""The columns of an orders table, and single orders asked for by id, under a custom contract.

Ids come and go as texts, whatever the type of their column is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IdReader
from reconcile.history.id_texts import IdTexts
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import Snapshot
from stores.relation import OrderColumns, order_columns, written

ASKED: Final = 20_000
IDS_OF: Final = "SELECT array_agg(coalesce({id}::text, '')) FROM {orders} WHERE "


def columns_of(snapshot: Snapshot, facts: RunFacts, *, tagged: bool) -> OrderColumns:
    """Return what the columns of the run's table hold.

    Args:
        snapshot: in which the table is read.
        facts: names of table and columns, kind of ids.
        tagged: rows are found by their tag, so that column is needed.

    Raises:
        DatabaseProblem: a column that the facts name is not there, or of a type that cannot be read; or PostgreSQL
            could not be asked.
    """
    tag = facts.contract.table.tag_column if tagged else None
    return order_columns(snapshot, facts.contract.table.name, facts.contract.table.id_column, tag, facts.contract.id_kind)


def custom_rows_by_id(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, ids: NDArray[np.void], names: Mapping[bytes, str]
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return those of `ids` (IDS) that the table has, each once, and the texts there of those not decodable.

    Args:
        names: texts of those of `ids` that cannot be decoded from their bytes.

    Raises:
        DatabaseProblem: PostgreSQL failed.
    """
    reader = IdReader(facts.contract.id_kind)
    asked = IdTexts(facts.contract.id_kind, names).many(ids["hi"], ids["lo"])
    found = [text for texts in rows_by_text(snapshot, facts, columns, asked) for text in texts]
    there, valid = reader.of_events([text.rstrip(" ") if columns.padded else text for text in found])
    return np.unique(there[valid]), reader.names


def rows_by_text(snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, texts: list[str]) -> Iterator[list[str]]:
    """Yield texts of the ids of rows that have one of `texts`, in any spelling of the same id."""
    names = sql.column_names(facts.contract.table)
    query = sql.SQL(IDS_OF).format(**names) + sql.is_any_of(names["id"], columns.id)
    spelled = written(columns.id, texts, snapshot)
    for at in range(0, len(spelled), ASKED):
        yield snapshot.value(query, {"ids": spelled[at : at + ASKED]}) or []
