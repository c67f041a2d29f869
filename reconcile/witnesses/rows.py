"""The witness "row": the run's rows, in one snapshot of PostgreSQL.

Order of reading: rows first, then the log, so that an event written in between cannot make a row look lost; then, in a
fresh snapshot, the orders that only the log knows, so that a row written in between cannot make an event look like a
phantom. (A row and its event that are both written after the snapshot show as an event whose row the fresh look finds.)
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import TAGGED, Attribution
from contract.ids import IDS
from contract.order_id import IdKind
from reconcile.history.history import ROW, Progress, RowsWitness, ids_of
from reconcile.history.id_texts import IdTexts
from reconcile.witnesses.custom_rows import custom_rows, custom_rows_by_id
from reconcile.witnesses.default_rows import rows_by_id, rows_without_tag, tagged_rows
from reconcile.witnesses.pending_orders import waiting_orders
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot, ask_snapshot
from stores.relation import OrderColumns, order_columns

_SNAPSHOT: Final = sql.SQL("SELECT pg_current_snapshot()::text").format()


def read_rows(
    database_url: str,
    facts: RunFacts,
    clock: AnchoredClock,
    progress: Progress,
    *,
    attribution: Attribution | None = None,
) -> RowsWitness:
    """Read the run's rows, all but `elsewhere`; never raises for trouble with the database.

    Args:
        database_url: connection string or URL of libpq; secret.
        facts: names of the tables, and the run's key.
        clock: the run's clock, for `taken_at`: whatever was committed until then is in the snapshot.
        progress: called with "rows", rows read, None.
        attribution: how the run's rows are attributed to it; None: by their customer ids.
    """
    by_id = attribution if attribution is not None and attribution.kind != TAGGED else None
    nothing = np.empty(0, dtype=IDS)

    def read(snapshot: Snapshot) -> RowsWitness:
        taken_at = clock.now()
        # This first question takes the snapshot.
        columns = order_columns(snapshot, facts.contract, tagged=by_id is None)
        rows, names = _rows(snapshot, facts, columns, by_id, progress)
        rows, problem = _each_once(rows, names, facts)
        # A row without the tag of the run is found later on, by the id of its answer.
        answered = nothing if attribution is None else attribution.acknowledged
        waiting = waiting_orders(snapshot, facts.contract, np.concatenate([ids_of(rows), answered]).astype(IDS))
        taken = snapshot.value(_SNAPSHOT, {})
        return RowsWitness(rows, waiting, nothing, taken_at, problem is None, problem, taken, names)

    try:
        return ask_snapshot(database_url, read)
    except DatabaseProblem as problem:
        return RowsWitness(np.empty(0, dtype=ROW), nothing, nothing, None, complete=False, problem=str(problem))


def _rows(
    snapshot: Snapshot, facts: RunFacts, columns: OrderColumns, by_id: Attribution | None, progress: Progress
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    if not _is_default(facts, columns):
        return custom_rows(snapshot, facts, columns, by_id, progress)
    if by_id is None:
        return tagged_rows(snapshot, facts, progress), {}
    return rows_without_tag(snapshot, facts, by_id, progress), {}


def _is_default(facts: RunFacts, columns: OrderColumns) -> bool:
    return facts.contract.is_default and columns.id is IdKind.UUID and columns.tag in (None, IdKind.UUID)


def _each_once(
    rows: NDArray[np.void], names: Mapping[bytes, str], facts: RunFacts
) -> tuple[NDArray[np.void], str | None]:
    """Return each id once, and a problem when one id is in several rows: then the column holds no order ids."""
    ids, first, count = np.unique(ids_of(rows), return_index=True, return_counts=True)
    if len(ids) == len(rows):
        return rows, None
    text = IdTexts(facts.contract.id_kind, names).one(*(int(word) for word in ids[int(np.argmax(count))]))
    table = facts.contract.table
    problem = (
        f"column {table.id_column} of {table.name} holds {text[:40]!r} in {int(count.max())} rows of the run: "
        "it is not the order id, or not in one spelling"
    )
    return rows[np.sort(first)], problem


def look_elsewhere(
    database_url: str,
    rows: RowsWitness,
    event_ids: NDArray[np.void],
    facts: RunFacts,
    names: Mapping[bytes, str] | None = None,
) -> RowsWitness:
    """Return `rows` with `elsewhere` filled in; to be called once the events are read.

    Args:
        database_url: connection string or URL of libpq; secret.
        rows: what `read_rows` returned.
        event_ids: IDS of the run's events.
        facts: name of the table.
        names: texts of the events' ids that cannot be decoded from their bytes.

    Returns:
        The same rows; incomplete, with the reason, when the database could not be queried.
    """
    try:
        elsewhere, found = ids_in_table(database_url, without_row(event_ids, rows.rows), facts, names or {})
    except DatabaseProblem as problem:
        return replace(rows, complete=False, problem=rows.problem or str(problem))
    return replace(rows, elsewhere=elsewhere, names={**found, **rows.names})


def ids_in_table(
    database_url: str, ids: NDArray[np.void], facts: RunFacts, names: Mapping[bytes, str]
) -> tuple[NDArray[np.void], dict[bytes, str]]:
    """Return those of the order ids (IDS) that the table holds now, wherever in it, and the names that they have there.

    Args:
        names: texts of the ids that cannot be decoded from their bytes.

    Raises:
        DatabaseProblem: the database could not be asked.
    """
    if not len(ids):
        # Not the ids themselves: arrays that were joined have the machine's own byte order.
        return np.empty(0, dtype=IDS), {}

    def look_up(snapshot: Snapshot) -> tuple[NDArray[np.void], dict[bytes, str]]:
        columns = order_columns(snapshot, facts.contract, tagged=False)
        if _is_default(facts, columns):
            return np.unique(rows_by_id(snapshot, facts, ids)), {}
        return custom_rows_by_id(snapshot, facts, columns, ids, names)

    return ask_snapshot(database_url, look_up)


def without_row(event_ids: NDArray[np.void], rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return those of `event_ids` (IDS) that are not among `rows` (ROW), in no particular order.

    Ids that share a mixed word with another row than their own may be returned too: one question too many, no harm.
    """
    if not len(rows):
        return event_ids
    known, wanted = _mixed(rows), _mixed(event_ids)
    # Both sides in order: a search that moves through memory forwards only is several times faster.
    known_order, wanted_order = np.argsort(known), np.argsort(wanted)
    wanted = wanted[wanted_order]
    places = np.minimum(np.searchsorted(known[known_order], wanted), len(known) - 1)
    found = known_order[places]
    # Multiplying by an odd number can be undone: where mixed and lower words agree, the upper ones do.
    same = (known[found] == wanted) & (rows["lo"][found] == event_ids["lo"][wanted_order])
    unknown: NDArray[np.void] = event_ids[wanted_order[~same]]
    return unknown


def _mixed(ids: NDArray[np.void]) -> NDArray[np.uint64]:
    """Return one 64-bit word an id; both halves count, as ids that begin with a time share their upper one."""
    factor = np.uint64(0x9E3779B97F4A7C15)
    mixed: NDArray[np.uint64] = ids["hi"].astype(np.uint64) * factor ^ ids["lo"].astype(np.uint64)
    return mixed
