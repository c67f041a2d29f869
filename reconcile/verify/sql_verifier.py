"""The second path through PostgreSQL: orders selected by id, as JSON texts, with all columns of their rows.

It shares with `reconcile.witnesses.rows` only how a connection is made. Whether the first reading could have seen a row
is decided by the row's transaction against the snapshot of that reading, not by any clock.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from reconcile.history.history import Progress
from stores import sql
from stores.postgres import DatabaseProblem, Snapshot, ask_snapshot
from stores.sql import identifier, quoted, table_name

BATCH: Final = 2000
_STAGE: Final = "rows by id"
# The type of a column, that beneath it where it is a domain; and whether each row has a version (a view's have none).
_TYPE: Final = """SELECT (CASE WHEN typtype = 'd' THEN typbasetype ELSE pg_type.oid END)::regtype::text
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = to_regclass(%(name)s) AND attname = %(column)s AND NOT attisdropped"""
_VERSIONS: Final = """WITH RECURSIVE parts AS (SELECT to_regclass(%(name)s)::oid AS part
UNION SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = part)
SELECT bool_and(relkind IN ('r', 'p')) FROM parts JOIN pg_class ON pg_class.oid = part"""
_ROWS: Final = """SELECT json_agg(json_build_object('id', {compared}::text, 'xmin', {version}, 'row', to_jsonb(o),
'items', {items}))::text FROM {orders} o WHERE {compared} = ANY(%(ids)s::{type}[])"""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBERS: Final = ("bigint", "integer", "smallint")
_ITEMS: Final = "(SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM {items} i WHERE i.order_id{text} = o.{id}{text})"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row found by its id.

    Attributes:
        seen: the snapshot of the first reading could see it as it is; None if unknown: no snapshot was saved, or the
            row, of a view, has no version.
        items: its order lines; None without a table of them.
    """

    seen: bool | None
    row: dict[str, Any]
    items: list[dict[str, Any]] | None


def rows_by_id(
    database_url: str, orders_table: str, snapshot_text: str | None, ids: Sequence[str], progress: Progress
) -> dict[str, FoundRow]:
    """Return the rows of `ids` that are there now, by id.

    Args:
        database_url: connection string or URL of libpq; secret.
        orders_table: its name, with a schema or without; order lines are looked for in `order_items` beside it.
        snapshot_text: `pg_current_snapshot()` of the first reading.
        ids: canonical UUID texts.
        progress: called with how many ids were looked up.

    Raises:
        DatabaseProblem: PostgreSQL could not be read.
    """
    return _found(database_url, (orders_table, "id", True), snapshot_text, ids, progress)


def custom_rows_by_id(
    database_url: str, column: tuple[str, str], snapshot_text: str | None, ids: Sequence[str], progress: Progress
) -> dict[str, FoundRow]:
    """Return the rows of `ids` in a table of a custom contract, by id as it is given here; without order lines.

    Args:
        database_url, snapshot_text, progress: see `rows_by_id`.
        column: names of the table and of its column with the order id: a UUID, a whole number or a text.
        ids: order ids as the service writes them; a text that is a UUID or a ULID is looked up in its usual spellings.

    Raises:
        DatabaseProblem: PostgreSQL could not be read.
    """
    return _found(database_url, (*column, False), snapshot_text, ids, progress)


def _found(
    database_url: str, table: tuple[str, str, bool], snapshot_text: str | None, ids: Sequence[str], progress: Progress
) -> dict[str, FoundRow]:
    """Return the rows of `ids`; `table`: its name, its column of ids, and whether order lines are read."""

    def look_up(snapshot: Snapshot) -> dict[str, FoundRow]:
        found: dict[str, FoundRow] = {}
        kind = _type(snapshot, table[0], table[1]) or "text"
        query, in_any_case = (_query(snapshot, table, kind, any_case=cased) for cased in (False, True))
        for at in range(0, len(ids), BATCH):
            words = [(word, one) for one in ids[at : at + BATCH] for word in _written(kind, one)]
            wanted = {word: one for word, one in words if snapshot.holds(word)}
            found |= _rows(snapshot, query, wanted, snapshot_text)
            # Mixed case within one UUID or ULID: no index helps, so only missing ids are looked up this way.
            cased = {word.lower(): one for word, one in words if one not in found and word != one}
            found |= _rows(snapshot, in_any_case, cased, snapshot_text)
            progress(_STAGE, min(at + BATCH, len(ids)), len(ids))
        return found

    return ask_snapshot(database_url, look_up) if ids else {}


def _rows(
    snapshot: Snapshot, query: sql.Composed, wanted: dict[str, str], snapshot_text: str | None
) -> dict[str, FoundRow]:
    """Return the rows of `wanted`: orders by the spelling of their ids in the query."""
    text = snapshot.value(query, {"ids": list(wanted)}) if wanted else None
    return {
        wanted[entry["id"]]: FoundRow(_seen(snapshot_text, entry["xmin"]), entry["row"], entry["items"])
        for entry in json.loads(text or "[]", parse_float=Decimal)
    }


def _seen(snapshot_text: str | None, xmin: str | None) -> bool | None:
    return None if snapshot_text is None or xmin is None else visible(snapshot_text, int(xmin))


def _written(kind: str, order: str) -> Iterable[str]:
    """Yield the spellings of an order id in a column of this type; nothing where it cannot hold the id.

    A UUID or ULID in a text may be in either case, a UUID with dashes, without, or in braces as well.
    """
    digits = order.strip("{}").replace("-", "").lower()
    dashed = "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    like_uuid = len(order) >= 32 and len(digits) == 32 and _UUID.fullmatch(dashed) is not None
    if kind == "uuid":
        if like_uuid:
            yield dashed
    elif kind in _NUMBERS:
        if _NUMBER.fullmatch(order) and -(2**63) <= int(order) < 2**63:
            yield str(int(order))
    elif "\0" not in order:
        yield order
        if like_uuid:
            for form in (digits, dashed, "{" + dashed + "}"):
                yield from (form, form.upper())
        elif len(order) == 26 and order.isalnum():
            yield from (order.lower(), order.upper())


def visible(snapshot_text: str, xmin: int) -> bool:
    """Return whether a snapshot sees a committed row version.

    Args:
        snapshot_text: as `pg_current_snapshot()` gives it: `xmin:xmax:xip,xip`, 64-bit transaction ids.
        xmin: the 32-bit id of the transaction that wrote the version. (Frozen versions keep theirs and are old.)

    Raises:
        DatabaseProblem: the text is no snapshot.
    """
    try:
        low, high, running = snapshot_text.split(":")
        oldest, next_one = int(low), int(high)
        open_ones = {int(text) for text in running.split(",") if text}
    except ValueError:
        raise DatabaseProblem(f"the saved snapshot {snapshot_text[:40]!r} cannot be read") from None
    # Transaction ids wrap around: of the two possible full ids, the one nearer to the snapshot.
    distance = (xmin - next_one) % 2**32
    full = next_one + (distance if distance < 2**31 else distance - 2**32)
    return full < oldest or (full < next_one and full not in open_ones)


def _query(snapshot: Snapshot, table: tuple[str, str, bool], kind: str, *, any_case: bool) -> sql.Composed:
    orders_table, id_column, with_items = table
    array = "text" if any_case else "uuid" if kind == "uuid" else "int8" if kind in _NUMBERS else "text"
    versions = snapshot.value(sql.SQL(_VERSIONS).format(), {"name": quoted(orders_table)})
    return sql.SQL(_ROWS).format(
        compared=sql.SQL("lower(o.{}::text)" if any_case else "o.{}").format(identifier(id_column)),
        version=sql.SQL("o.xmin::text" if versions else "NULL"),
        items=_items(snapshot, orders_table, id_column, kind) if with_items else sql.SQL("NULL"),
        orders=table_name(orders_table),
        type=sql.SQL(array),
    )


def _items(snapshot: Snapshot, orders_table: str, id_column: str, kind: str) -> sql.Composable:
    """Return SQL for the lines of an order in `order_items` beside the table; NULL without such a table."""
    schema, dot, _ = orders_table.rpartition(".")
    items_table = f"{schema}{dot}order_items"
    refers = _type(snapshot, items_table, "order_id")
    if refers is None or _type(snapshot, items_table, "id") is None:
        return sql.SQL("NULL")
    # Of one type the index of the lines is used.
    text = sql.SQL("" if refers == kind else "::text")
    return sql.SQL(_ITEMS).format(items=table_name(items_table), id=identifier(id_column), text=text)


def _type(snapshot: Snapshot, table: str, column: str) -> str | None:
    found: str | None = snapshot.value(sql.SQL(_TYPE).format(), {"name": quoted(table), "column": column})
    return found
