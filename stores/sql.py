"""Queries as values: the composers of the driver, for rooms that ask PostgreSQL through `stores.postgres`."""

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

__all__ = ["SQL", "Composable", "Composed", "Identifier", "Literal"]
