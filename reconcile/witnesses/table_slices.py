"""Slices of a table by its pages, so that no answer of PostgreSQL grows too big: together they are all of it."""

from typing import Final

from stores import sql
from stores.postgres import Snapshot, quoted

# Pages of the biggest table among it and all its children (partitions or by inheritance); none to count where one of
# them has no pages of its own, as a view or a foreign table.
_PAGES: Final = """WITH RECURSIVE parts AS (SELECT to_regclass(%(name)s)::oid AS part
UNION SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = part)
SELECT CASE WHEN bool_and(relkind IN ('r', 'm', 'p'))
THEN max(pg_relation_size(part)) / current_setting('block_size')::int END
FROM parts JOIN pg_class ON pg_class.oid = part"""
_FROM: Final = sql.SQL(" AND ctid >= %(begin)s::tid")
_FROM_TO: Final = sql.SQL(" AND ctid >= %(begin)s::tid AND ctid < %(end)s::tid")


def page_slices(snapshot: Snapshot, name: str, pages: int) -> list[tuple[sql.SQL, dict[str, str]]]:
    """Return conditions, each beginning with AND, and their parameters `begin` and `end`.

    Args:
        snapshot: the transaction in which the table is read.
        name: of the table, with its schema if need be.
        pages: most pages of one table that a slice has.

    Raises:
        DatabaseProblem: PostgreSQL could not be asked.
    """
    begins = range(0, int(snapshot.value(sql.SQL(_PAGES).format(), {"name": quoted(name)}) or 0) + 1, pages)
    if len(begins) == 1:
        return [(sql.SQL(""), {})]
    closed = [(_FROM_TO, {"begin": f"({begin},0)", "end": f"({begin + pages},0)"}) for begin in begins[:-1]]
    # The last one is open: whatever the count of pages was taken from, no row may be left out.
    return [*closed, (_FROM, {"begin": f"({begins[-1]},0)"})]
