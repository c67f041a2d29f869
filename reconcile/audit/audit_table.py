"""The table as an audit asks it: what it is, which ids it has in one snapshot, and single orders once more by id.

Everything happens in read-only transactions. The age of a row is the database's own clock less the row's time; a time
column without time zone is read in the one that the caller gives.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, IdReader, integer_ids
from contract.order_id import IdKind, kind_of_type, spellings
from reconcile.history.history import Progress
from reconcile.witnesses.growable_array import GrowableArray
from stores import sql
from stores.postgres import Snapshot
from stores.relation import OUTDATED, TableMismatch, read_relation
from stores.sql import identifier, is_any_of, table_name
from stores.table_slices import values_by_pages

PAGES: Final = 4_000
ASKED: Final = 20_000
_STAGE: Final = "rows"
_STATE: Final = """SELECT jsonb_build_object('standby', pg_is_in_recovery(),
'now', extract(epoch FROM clock_timestamp()))"""
_PACKED: Final = {
    IdKind.UUID: "string_agg(uuid_send({id}), ''::bytea)",
    IdKind.INTEGER: "string_agg(int8send({id}::int8), ''::bytea)",
    IdKind.TEXT: "array_agg({id}::text) FILTER (WHERE {id} IS NOT NULL)",
}
_UTC: Final = sql.Literal("UTC")
TIMES: Final = ("timestamp without time zone", "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class TableShape:
    """What the table is.

    Attributes:
        name, id_column, time_column: as the options say.
        padded: they are texts of a fixed length, in which blanks at the end mean nothing.
        naive: its times have no time zone.
    """

    name: str
    id_column: str
    time_column: str
    kind: IdKind
    padded: bool
    naive: bool
    standby: bool


def describe(snapshot: Snapshot, name: str, id_column: str, time_column: str) -> TableShape:
    """Return what the table is.

    Raises:
        TableMismatch: it is not there, or its columns are not as the options say.
        DatabaseProblem: PostgreSQL could not be asked.
    """
    found = read_relation(snapshot, name)
    if found is None:
        raise TableMismatch(
            f"--orders-table {name}: the database has no such table; name one, with its schema if need be"
        )
    if found.kind in OUTDATED:
        raise TableMismatch(
            f"--orders-table {name}: it is a {found.kind}, which shows an order after its next refresh only; name the "
            "table that it is made of"
        )
    columns = found.types
    for option, column in (("--orders-id-column", id_column), ("--orders-time-column", time_column)):
        if column not in columns:
            raise TableMismatch(f"{option} {column}: {name} has no such column; it has {', '.join(sorted(columns))}")
    kind = kind_of_type(columns[id_column])
    if kind is None:
        raise TableMismatch(
            f"--orders-id-column {id_column}: its type is {columns[id_column]}; "
            "uuid, an integer or a text can be compared"
        )
    if columns[time_column] not in TIMES:
        raise TableMismatch(
            f"--orders-time-column {time_column}: its type is {columns[time_column]}; name a timestamp column"
        )
    state = snapshot.value(sql.SQL(_STATE).format(), {})
    naive = columns[time_column] == TIMES[0]
    padded = columns[id_column] == "character"
    return TableShape(name, id_column, time_column, kind, padded, naive, state["standby"])


def read_ids(
    snapshot: Snapshot, shape: TableShape, reader: IdReader, since: str | None, progress: Progress
) -> NDArray[np.void]:
    """Return IDS of all rows, or of those from `since` (a time as the column's own text) on.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    # Rows without a time are read too: that they cannot be judged must be reported.
    recent = sql.SQL("({time} >= %(since)s OR {time} IS NULL)" if since else "true")
    packed = sql.SQL("SELECT " + _PACKED[shape.kind]).format(id=identifier(shape.id_column))
    query = packed + sql.SQL(" FROM {orders} WHERE {recent}").format(
        orders=table_name(shape.name), recent=recent.format(time=identifier(shape.time_column))
    )
    ids = GrowableArray(IDS)
    for value in values_by_pages(snapshot, shape.name, PAGES, query, {"since": since}):
        fresh = _unpack(value, reader)
        ids.extend(len(fresh))[:] = fresh
        progress(_STAGE, len(ids), None)
    return ids.finish()


def _unpack(value: Any, reader: IdReader) -> NDArray[np.void]:
    if not value:
        return np.empty(0, dtype=IDS)
    if reader.kind is IdKind.UUID:
        return np.frombuffer(value, dtype=IDS)
    if reader.kind is IdKind.INTEGER:
        return integer_ids(np.frombuffer(value, dtype=">i8").astype(np.int64))
    return reader.of_rows(value)


def as_written(kind: IdKind, text: str) -> list[str]:
    """Return each way in which a table may write the order id `text`."""
    return spellings(text) if kind is IdKind.TEXT else [text]


def look_up(
    snapshot: Snapshot, shape: TableShape, ids: list[str], time_zone: sql.Composable | None, *, any_case: bool = False
) -> dict[str, float | None]:
    """Return the rows among `ids` (as the table writes them) with the epoch seconds of their time column.

    Args:
        time_zone: SQL of the time zone of a naive time column; None: not known, or not needed.
        any_case: letters of `ids` are lower-case, those of a text column may be anything; reads the entire table.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    column: sql.Composable = identifier(shape.id_column)
    compared = sql.SQL("lower({}::text)" if any_case else "{}").format(column)
    query = sql.SQL(
        "SELECT jsonb_object_agg({id}::text, extract(epoch FROM {time})) FROM {orders} WHERE {named}"
    ).format(
        id=compared,
        time=aware(shape, time_zone),
        orders=table_name(shape.name),
        named=is_any_of(compared, shape.kind),
    )
    # PostgreSQL's texts hold no NUL, so such an id has no row.
    ids = [one for one in ids if "\0" not in one]
    found: dict[str, float | None] = {}
    for at in range(0, len(ids), ASKED):
        epochs = snapshot.value(query, {"ids": ids[at : at + ASKED]}) or {}
        found |= {order: _finite(epoch) for order, epoch in epochs.items()}
    return found


def _finite(epoch: float | str | None) -> float | None:
    """Return a time; None for "infinity", which JSON holds as a text."""
    return None if epoch is None or not math.isfinite(float(epoch)) else float(epoch)


def aware(shape: TableShape, time_zone: sql.Composable | None) -> sql.Composable:
    """Return SQL for the time column with a time zone."""
    column = identifier(shape.time_column)
    if not shape.naive:
        return column
    return sql.SQL("({} AT TIME ZONE {})").format(column, time_zone or _UTC)


def column_text(snapshot: Snapshot, shape: TableShape, epoch: float, time_zone: sql.Composable | None) -> str:
    """Return the time `epoch` (seconds) as the time column would write it."""
    moment: sql.Composable = sql.SQL("to_timestamp(%(epoch)s)")
    if shape.naive:
        moment = sql.SQL("({} AT TIME ZONE {})").format(moment, time_zone or _UTC)
    text: str = snapshot.value(sql.SQL("SELECT {}::text").format(moment), {"epoch": epoch})
    return text


def check_time_zone(snapshot: Snapshot, name: str) -> None:
    """Raise TableMismatch when the database knows no time zone of this name."""
    known = sql.SQL("SELECT count(*) FROM pg_timezone_names WHERE lower(name) = lower(%(name)s)").format()
    if not snapshot.value(known, {"name": name}):
        raise TableMismatch(f"--time-zone {name}: unknown to the database; give one like UTC or Europe/Berlin")


def database_now(snapshot: Snapshot) -> float:
    """Return epoch seconds of the database's clock now."""
    return float(snapshot.value(sql.SQL("SELECT extract(epoch FROM clock_timestamp())::float8").format(), {}))
