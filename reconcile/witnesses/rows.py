"""The witness "row": the run's rows in one snapshot of PostgreSQL, read as a few long binary values.

PostgreSQL sends a query's result row by row, and each row costs the client; so the server packs the ids itself
(`string_agg(uuid_send(id) || uuid_send(customer_id), '')`) and numpy views the bytes as they are. Order of reading:
rows first, then the log, so that an event written in between cannot make a row look lost; then, in a fresh snapshot,
the orders that only the log knows, so that a row written in between cannot make an event look like a phantom. (A row
and its event that are both written after the snapshot show as an event whose row the fresh look finds.)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from contract.attribution import TAGGED, Attribution
from contract.ids import IDS
from contract.order_id import IdKind
from contract.run_events import SEQUENCE_MASK
from reconcile.history.history import ROW, Progress, RowsWitness, ids_of
from reconcile.witnesses.custom_columns import among_rows, columns_of, described_elsewhere
from reconcile.witnesses.custom_rows import described_rows, each_once
from reconcile.witnesses.growable_array import GrowingArray
from reconcile.witnesses.pending_orders import waiting_orders
from reconcile.witnesses.untagged_rows import untagged_rows
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot, open_snapshot, table_name, with_retries

# Sequence numbers a slice: 32 MiB a value, far from the 1 GB that one may have, even with many rows an attempt.
SLICE: Final = 2**20
# Order ids a question: as many index lookups as one statement should make.
ASKED: Final = 50_000
_STAGE: Final = "rows"
_SNAPSHOT: Final = sql.SQL("SELECT pg_current_snapshot()::text").format()
_PAIR: Final = np.dtype([("hi", ">u8"), ("lo", ">u8"), ("customer_hi", ">u8"), ("customer_lo", ">u8")])

_NEXT = """SELECT customer_id FROM {orders} WHERE customer_id BETWEEN %(low)s AND %(high)s
ORDER BY customer_id LIMIT 1"""
_ROWS = """SELECT string_agg(uuid_send(id) || uuid_send(customer_id), ''::bytea) FROM {orders}
WHERE customer_id BETWEEN %(low)s AND %(high)s"""
_ELSEWHERE = """SELECT string_agg(uuid_send(o.id), ''::bytea) FROM {orders} o WHERE o.id IN (
SELECT encode(substring(%(ids)b FROM 16 * i + 1 FOR 16), 'hex')::uuid FROM generate_series(0, %(count)s - 1) i)"""


def read_rows(
    database_url: str,
    facts: RunFacts,
    event_ids: NDArray[np.void] | None,
    clock: AnchoredClock,
    progress: Progress,
    *,
    attribution: Attribution | None = None,
    on_snapshot: Callable[[], None] | None = None,
) -> RowsWitness:
    """Read the run's rows; never raises for trouble with the database.

    Args:
        database_url: connection string or URL of libpq; secret.
        facts: names of the tables, and the run's key.
        event_ids: IDS of the run's events where they are known already: those without a row of the run are looked up
            as `look_elsewhere` does. None: `elsewhere` stays empty.
        clock: the run's clock, for `taken_at`: whatever was committed until then is in the snapshot.
        progress: told ("rows", rows read, None).
        attribution: how the run's rows are known; None: by their customer ids.
        on_snapshot: called each time a snapshot has been taken (again after a broken connection), from when on the log
            may be read.
    """

    kept = attribution if attribution is not None and attribution.kind != TAGGED else None

    def attempt() -> RowsWitness:
        with open_snapshot(database_url) as snapshot:
            taken_at = clock.now()
            reading = _reading(snapshot, facts, kept)
            if on_snapshot is not None:
                on_snapshot()
            witness = reading(progress)
            # A row without the tag of the run is found later on, by the id of its answer.
            answered = np.empty(0, dtype=IDS) if attribution is None else attribution.acknowledged
            waiting = waiting_orders(snapshot, facts, np.concatenate([ids_of(witness.rows), answered]).astype(IDS))
            return replace(witness, pending=waiting, taken_at=taken_at, snapshot=snapshot.value(_SNAPSHOT, {}))

    try:
        witness = with_retries(attempt)
    except DatabaseProblem as problem:
        nothing = np.empty(0, dtype=IDS)
        return RowsWitness(np.empty(0, dtype=ROW), nothing, nothing, None, complete=False, problem=str(problem))
    return witness if event_ids is None else look_elsewhere(database_url, witness, event_ids, facts)


def _reading(snapshot: Snapshot, facts: RunFacts, attribution: Attribution | None) -> Callable[[Progress], RowsWitness]:
    """Take the snapshot by a first question, and return what then reads the rows."""
    columns = columns_of(snapshot, facts, tagged=attribution is None)
    plain = columns.id is IdKind.UUID and columns.tag in (None, IdKind.UUID)
    if not facts.contract.is_default or not plain:
        return lambda progress: described_rows(snapshot, facts, columns, attribution, progress)
    if attribution is not None:
        snapshot.value(_SNAPSHOT, {})
        kept = attribution
        return lambda progress: _witness(untagged_rows(snapshot, facts, kept, progress), facts)
    low = _next(snapshot, facts, 0)
    return lambda progress: _witness(_rows(snapshot, facts, low, progress), facts)


def _witness(rows: NDArray[np.void], facts: RunFacts) -> RowsWitness:
    nothing = np.empty(0, dtype=IDS)
    return each_once(RowsWitness(rows, nothing, nothing, None, complete=True), facts)


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
        rows: what `read_rows` said.
        event_ids: IDS of the run's events.
        facts: name of the table.
        names: of the events' ids, by which those are asked for that their bytes do not tell back.

    Returns:
        The same rows; incomplete, with the reason, when the database could not be asked.
    """
    candidates = without_row(event_ids, rows.rows)
    try:
        if facts.contract.is_default:
            return replace(rows, elsewhere=rows_elsewhere(database_url, candidates, facts))
        elsewhere, told = described_elsewhere(database_url, facts, candidates, names or {})
    except DatabaseProblem as problem:
        return replace(rows, complete=False, problem=rows.problem or str(problem))
    return replace(rows, elsewhere=elsewhere, names={**told, **rows.names})


def rows_elsewhere(database_url: str, candidate_ids: NDArray[np.void], facts: RunFacts) -> NDArray[np.void]:
    """Return those of the order ids (n IDS) that the table holds now, wherever in it, as an array of IDS.

    Raises:
        DatabaseProblem: the database could not be asked.
    """
    if not len(candidate_ids):
        return np.empty(0, dtype=IDS)
    query = sql.SQL(_ELSEWHERE).format(orders=table_name(facts.contract.table.name))
    slices = [candidate_ids[start : start + ASKED] for start in range(0, len(candidate_ids), ASKED)]

    def attempt() -> bytes:
        with open_snapshot(database_url) as snapshot:
            columns = columns_of(snapshot, facts, tagged=False)
            if columns.id is not IdKind.UUID:
                return among_rows(snapshot, facts, columns, candidate_ids, {})[0].tobytes()
            found = [snapshot.value(query, {"ids": part.tobytes(), "count": len(part)}) or b"" for part in slices]
            return b"".join(found)

    return np.unique(np.frombuffer(with_retries(attempt), dtype=IDS))


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


def _next(snapshot: Snapshot, facts: RunFacts, sequence: int) -> UUID | None:
    """Return the first customer id in the table whose sequence number is `sequence` or more; None if there is none."""
    query = sql.SQL(_NEXT).format(orders=table_name(facts.contract.table.name))
    key = facts.run_key
    found: UUID | None = snapshot.value(query, {"low": key.customer_id(sequence), "high": key.last})
    return found


def _rows(snapshot: Snapshot, facts: RunFacts, low: UUID | None, progress: Progress) -> NDArray[np.void]:
    rows = GrowingArray(ROW)
    for pairs in _slices(snapshot, facts, low):
        fresh = rows.extend(len(pairs))
        fresh["hi"], fresh["lo"] = pairs["hi"], pairs["lo"]
        fresh["seq"] = pairs["customer_lo"].astype(np.uint64) & SEQUENCE_MASK
        progress(_STAGE, len(rows), None)
    return rows.finish()


def _slices(snapshot: Snapshot, facts: RunFacts, low: UUID | None) -> Iterator[NDArray[np.void]]:
    """Yield arrays of pairs; each slice begins at a customer id that exists, so gaps of any width cost nothing."""
    query = sql.SQL(_ROWS).format(orders=table_name(facts.contract.table.name))
    key = facts.run_key
    last = key.sequence_of(key.last) or 0
    while low is not None:
        first = key.sequence_of(low) or 0
        end = min(first + SLICE - 1, last)
        yield _view(snapshot.value(query, {"low": low, "high": key.customer_id(end)}), _PAIR)
        low = _next(snapshot, facts, end + 1) if end < last else None


def _view(value: Any, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.frombuffer(value or b"", dtype=dtype)
