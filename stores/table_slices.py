"""Reads a table in slices, so that no answer of PostgreSQL grows too big: by its pages, or by the tags of a run."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from contract.contract import TableContract
from contract.run_key import RunKey
from stores.postgres import Snapshot
from stores.sql import SQL, Composed, column_names, quoted

# Pages of the biggest table among it and all its children (partitions or by inheritance); none to count where one of
# them has no pages of its own, as a view or a foreign table.
_PAGES: Final = """WITH RECURSIVE parts AS (SELECT to_regclass(%(name)s)::oid AS part
UNION SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = part)
SELECT CASE WHEN bool_and(relkind IN ('r', 'm', 'p'))
THEN max(pg_relation_size(part)) / current_setting('block_size')::int END
FROM parts JOIN pg_class ON pg_class.oid = part"""
_FROM: Final = SQL(" AND ctid >= %(begin)s::tid")
_FROM_TO: Final = SQL(" AND ctid >= %(begin)s::tid AND ctid < %(end)s::tid")
_NEXT_TAG: Final = "SELECT {tag} FROM {orders} WHERE {tag} BETWEEN %(low)s AND %(high)s ORDER BY {tag} LIMIT 1"


def values_by_pages(
    snapshot: Snapshot, table: str, pages: int, query: Composed, values: Mapping[str, Any]
) -> Iterator[Any]:
    """Yield the value of `query` for each slice of a table: together they are all of it.

    Args:
        snapshot: the transaction in which the table is read.
        table: its name, with its schema if need be.
        pages: most pages of one table that a slice has.
        query: ends in a condition.
        values: its parameters.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    for condition, bounds in _page_slices(snapshot, table, pages):
        yield snapshot.value(query + condition, {**values, **bounds})


def values_by_tags(snapshot: Snapshot, table: TableContract, key: RunKey, width: int, query: Composed) -> Iterator[Any]:
    """Yield the value of `query` for slices of a run's rows, which have the run's customer ids as tags of type UUID.

    Each slice begins at a customer id that exists, so gaps of any width cost nothing.

    Args:
        snapshot: the transaction in which the table is read.
        table: it has a column of tags.
        key: of the run.
        width: most sequence numbers of a slice.
        query: about the customer ids from `low` to `high`, its parameters.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    following = SQL(_NEXT_TAG).format(**column_names(table))
    end, last = -1, key.sequence_of(key.last) or 0
    while end < last:
        low = snapshot.value(following, {"low": key.customer_id(end + 1), "high": key.last})
        if low is None:
            return
        end = min((key.sequence_of(low) or 0) + width - 1, last)
        yield snapshot.value(query, {"low": low, "high": key.customer_id(end)})


def _page_slices(snapshot: Snapshot, table: str, pages: int) -> list[tuple[SQL, dict[str, str]]]:
    """Return conditions, each beginning with AND, and their parameters `begin` and `end`."""
    begins = range(0, int(snapshot.value(SQL(_PAGES).format(), {"name": quoted(table)}) or 0) + 1, pages)
    if len(begins) == 1:
        return [(SQL(""), {})]
    closed = [(_FROM_TO, {"begin": f"({begin},0)", "end": f"({begin + pages},0)"}) for begin in begins[:-1]]
    # The last one is open: whatever the count of pages was taken from, no row may be left out.
    return [*closed, (_FROM, {"begin": f"({begins[-1]},0)"})]
