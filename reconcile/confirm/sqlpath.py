"""The second path through PostgreSQL: orders asked for by id, as JSON texts, with everything that their rows hold.

It shares nothing with `reconcile.rows` but how a connection is made. Whether the first reading could have seen a row is
decided by the row's transaction against the snapshot of that reading, not by any clock.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import sql

from reconcile.history import Progress
from stores.postgres import DatabaseProblem, Snapshot, identifier, open_snapshot, table_name, with_retries

ASKED: Final = 2000
_STAGE: Final = "rows by id"
_THERE: Final = "SELECT to_regclass(%(name)s) IS NOT NULL"
_ROWS: Final = """SELECT json_agg(json_build_object('id', o.id::text, 'xmin', o.xmin::text, 'row', to_jsonb(o),
'items', {items}))::text FROM {orders} o WHERE o.id::text = ANY(%(ids)s) AND o.id = ANY(%(ids)s::uuid[])"""
_TYPE: Final = """SELECT atttypid::regtype::text FROM pg_attribute
WHERE attrelid = to_regclass(%(name)s) AND attname = %(column)s AND NOT attisdropped"""
_DESCRIBED: Final = """SELECT json_agg(json_build_object('id', o.{id}::text, 'xmin', o.xmin::text,
'row', to_jsonb(o)))::text FROM {orders} o WHERE o.{id} = ANY(%(ids)s::{type}[])"""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBERS: Final = ("bigint", "integer", "smallint")
_ITEMS: Final = "(SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM {items} i WHERE i.order_id = o.id)"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row found by its id.

    Attributes:
        seen: the snapshot of the first reading could see it as it is; True when that snapshot is not known.
        row: its columns.
        items: its order lines; None without a table of them.
    """

    seen: bool
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
        progress: told how many ids were asked for.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """

    def attempt() -> dict[str, FoundRow]:
        found: dict[str, FoundRow] = {}
        with open_snapshot(database_url) as snapshot:
            query = _query(snapshot, orders_table)
            for at in range(0, len(ids), ASKED):
                text = snapshot.value(query, {"ids": list(ids[at : at + ASKED])})
                for entry in json.loads(text or "[]", parse_float=Decimal):
                    seen = snapshot_text is None or visible(snapshot_text, int(entry["xmin"]))
                    found[entry["id"]] = FoundRow(seen, entry["row"], entry["items"])
                progress(_STAGE, min(at + ASKED, len(ids)), len(ids))
        return found

    return with_retries(attempt) if ids else {}


def described_rows_by_id(
    database_url: str, column: tuple[str, str], snapshot_text: str | None, ids: Sequence[str], progress: Progress
) -> dict[str, FoundRow]:
    """Return the rows of `ids` in a table of other columns, by id as it is given here; without order lines.

    Args:
        database_url, snapshot_text, progress: see `rows_by_id`.
        column: names of the table and of its column with the order id: a UUID, a whole number or a text.
        ids: order ids as the service writes them; of a text that is a UUID or a ULID its usual spellings are asked for.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """

    orders_table, id_column = column

    def attempt() -> dict[str, FoundRow]:
        found: dict[str, FoundRow] = {}
        with open_snapshot(database_url) as snapshot:
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in orders_table.split("."))
            kind = snapshot.value(sql.SQL(_TYPE).format(), {"name": quoted, "column": id_column}) or "text"
            array = sql.SQL("uuid" if kind == "uuid" else "int8" if kind in _NUMBERS else "text")
            query = sql.SQL(_DESCRIBED).format(id=identifier(id_column), orders=table_name(orders_table), type=array)
            for at in range(0, len(ids), ASKED):
                asked = {word: one for one in ids[at : at + ASKED] for word in _written(kind, one)}
                text = snapshot.value(query, {"ids": list(asked)}) if asked else None
                for entry in json.loads(text or "[]", parse_float=Decimal):
                    seen = snapshot_text is None or visible(snapshot_text, int(entry["xmin"]))
                    found[asked[entry["id"]]] = FoundRow(seen, entry["row"], None)
                progress(_STAGE, min(at + ASKED, len(ids)), len(ids))
        return found

    return with_retries(attempt) if ids else {}


def _written(kind: str, order: str) -> Iterable[str]:
    """Yield how a column of this type may write an order id: nothing where it cannot hold it.

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
    # The id of that half of the circle in which it lies nearest to the snapshot.
    distance = (xmin - next_one) % 2**32
    full = next_one + (distance if distance < 2**31 else distance - 2**32)
    return full < oldest or (full < next_one and full not in open_ones)


def _query(snapshot: Snapshot, orders_table: str) -> sql.Composed:
    schema, dot, _ = orders_table.rpartition(".")
    items_table = f"{schema}{dot}order_items"
    quoted = ".".join(f'"{part}"' for part in items_table.split("."))
    there = snapshot.value(sql.SQL(_THERE).format(), {"name": quoted})
    items = sql.SQL(_ITEMS).format(items=table_name(items_table)) if there else sql.SQL("NULL")
    return sql.SQL(_ROWS).format(items=items, orders=table_name(orders_table))
