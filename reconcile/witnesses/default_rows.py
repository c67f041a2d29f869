"""Rows of the default contract: ids and tags are UUIDs, read as a few long binary values.

PostgreSQL sends a query's result row by row, and each row costs the client; so the server packs the ids itself
(`string_agg(uuid_send(id) || uuid_send(customer_id), '')`) and numpy views the bytes as they are.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE, Attribution
from contract.ids import IDS
from contract.run_events import NO_SEQUENCE, SEQUENCE_MASK
from reconcile.history.history import ROW, Progress, rows_of
from reconcile.witnesses.growable_array import GrowableArray
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot
from stores.table_slices import values_by_pages, values_by_tags

# Sequence numbers a slice: 32 MiB a value, far from the 1 GB that one may have, even with many rows an attempt.
SLICE: Final = 2**20
# Pages a slice: 20,000 of them hold some 2 million rows at most, 32 MB of ids.
PAGES: Final = 20_000
# Order ids a question: as many index lookups as one statement should make.
ASKED: Final = 50_000
_STAGE: Final = "rows"
_PAIR: Final = np.dtype([("hi", ">u8"), ("lo", ">u8"), ("customer_hi", ">u8"), ("customer_lo", ">u8")])

_TAGGED: Final = """SELECT string_agg(uuid_send({id}) || uuid_send({tag}), ''::bytea) FROM {orders}
WHERE {tag} BETWEEN %(low)s AND %(high)s"""
_SINCE: Final = "SELECT string_agg(uuid_send({id}), ''::bytea) FROM {orders} WHERE {time} > %(since)s"
_NAMED: Final = """SELECT string_agg(uuid_send({id}), ''::bytea) FROM {orders} WHERE {id} IN (
SELECT encode(substring(%(ids)b FROM 16 * i + 1 FOR 16), 'hex')::uuid FROM generate_series(0, %(count)s - 1) i)"""


def tagged_rows(snapshot: Snapshot, facts: RunFacts, progress: Progress) -> NDArray[np.void]:
    """Return the rows that carry a customer id of the run, as an array of ROW.

    Raises:
        DatabaseProblem: PostgreSQL failed.
    """
    table, rows = facts.contract.table, GrowableArray(ROW)
    query = sql.SQL(_TAGGED).format(**sql.column_names(table))
    for value in values_by_tags(snapshot, table, facts.run_key, SLICE, query):
        pairs = _view(value, _PAIR)
        fresh = rows.extend(len(pairs))
        fresh["hi"], fresh["lo"] = pairs["hi"], pairs["lo"]
        fresh["seq"] = pairs["customer_lo"].astype(np.uint64) & SEQUENCE_MASK
        progress(_STAGE, len(rows), None)
    return rows.finish()


def rows_without_tag(
    snapshot: Snapshot, facts: RunFacts, attribution: Attribution, progress: Progress
) -> NDArray[np.void]:
    """Return the rows of a run without tags, as an array of ROW without sequence numbers.

    These are all since its start (`exclusive`), or those that were acknowledged.

    Raises:
        DatabaseProblem: PostgreSQL failed, or the run did not note when it began by the table's own time.
    """
    if attribution.kind == EXCLUSIVE:
        ids = _rows_since(snapshot, facts, progress)
    else:
        ids = rows_by_id(snapshot, facts, attribution.acknowledged)
    ids = ids[attribution.of_run(ids)]
    rows = rows_of(ids, NO_SEQUENCE)
    progress(_STAGE, len(rows), None)
    return rows


def rows_by_id(snapshot: Snapshot, facts: RunFacts, ids: NDArray[np.void]) -> NDArray[np.void]:
    """Return those of `ids` (IDS) that the table has.

    Raises:
        DatabaseProblem: PostgreSQL failed.
    """
    query = sql.SQL(_NAMED).format(**sql.column_names(facts.contract.table))
    slices = (ids[at : at + ASKED] for at in range(0, len(ids), ASKED))
    found = [snapshot.value(query, {"ids": part.tobytes(), "count": len(part)}) or b"" for part in slices]
    return _view(b"".join(found), IDS)


def start_time(facts: RunFacts) -> str:
    """Return the text of the time column in the row of the check order: later rows are those since the run's start.

    The service stamped both, so the harness's clock is not compared with another.

    Raises:
        DatabaseProblem: the run did not note it.
    """
    if facts.database_time is None:
        column = facts.contract.table.time_column
        raise DatabaseProblem(f"the run did not note `{column}` of its check order: rows since its start are not known")
    return facts.database_time


def _rows_since(snapshot: Snapshot, facts: RunFacts, progress: Progress) -> NDArray[np.void]:
    since, table = start_time(facts), facts.contract.table
    query = sql.SQL(_SINCE).format(time=sql.identifier(table.time_column), **sql.column_names(table))
    parts: list[bytes] = []
    for value in values_by_pages(snapshot, table.name, PAGES, query, {"since": since}):
        parts.append(value or b"")
        progress(_STAGE, sum(map(len, parts)) // IDS.itemsize, None)
    return _view(b"".join(parts), IDS)


def _view(value: Any, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.frombuffer(value or b"", dtype=dtype)
