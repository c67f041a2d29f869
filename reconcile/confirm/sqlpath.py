"""The second path through PostgreSQL: orders asked for by id, as JSON texts, with everything that their rows hold.

It shares nothing with `reconcile.rows` but how a connection is made. Whether the first reading could have seen a row is
decided by the row's transaction against the snapshot of that reading, not by any clock.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import sql

from reconcile.database import DatabaseProblem, Snapshot, open_snapshot, table_name, with_retries
from reconcile.history import Progress

ASKED: Final = 2000
_STAGE: Final = "rows by id"
_THERE: Final = "SELECT to_regclass(%(name)s) IS NOT NULL"
_ROWS: Final = """SELECT json_agg(json_build_object('id', o.id::text, 'xmin', o.xmin::text, 'row', to_jsonb(o),
'items', {items}))::text FROM {orders} o WHERE o.id::text = ANY(%(ids)s) AND o.id = ANY(%(ids)s::uuid[])"""
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
