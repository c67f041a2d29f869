"""Queries as values: the composers of the driver, and the names of tables and columns in them."""

from typing import Final, LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from contract.contract import TableContract
from contract.order_id import IdKind

__all__ = ["SQL", "Composable", "Composed", "Identifier", "Literal"]

_ARRAYS: Final[dict[IdKind, LiteralString]] = {IdKind.UUID: "uuid[]", IdKind.INTEGER: "int8[]", IdKind.TEXT: "text[]"}


def table_name(name: str) -> Identifier:
    """Return `name`, or `schema.name`, quoted; see `identifier`."""
    return identifier(*name.split("."))


def quoted(name: str) -> str:
    """Return `name`, or `schema.name`, as SQL text with each part quoted: for `to_regclass`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def identifier(*parts: str) -> Identifier:
    """Return a quoted name for a query with parameters: a per cent sign is doubled in such a query."""
    return Identifier(*(part.replace("%", "%%") for part in parts))


def column_names(table: TableContract) -> dict[str, Composable]:
    """Return what queries on a table of orders are formatted with: `orders`, `id`, and `tag` where there is one."""
    names: dict[str, Composable] = {"orders": table_name(table.name), "id": identifier(table.id_column)}
    if table.tag_column is not None:
        names["tag"] = identifier(table.tag_column)
    return names


def is_any_of(column: Composable, kind: IdKind, parameter: LiteralString = "ids") -> Composed:
    """Return the condition that a column of ids of this kind has one of the texts in the list `parameter`."""
    return SQL("{} = ANY(%(" + parameter + ")s::" + _ARRAYS[kind] + ")").format(column)
