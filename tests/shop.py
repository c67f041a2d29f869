"""What the shops of the tests have in common: a table of orders, and a topic of their events, on the real stores.

`tests.external.shop` sells over HTTP, `tests.reconcile.custom.shop` writes what a run left behind, and
`tests.reconcile.audit.shop` is audited.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from confluent_kafka import Producer


class BareShop:
    def __init__(self, database_url: str, bootstrap: str, topic: str, **properties: Any) -> None:
        self.database_url, self.topic = database_url, topic
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0, **properties})

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            yield connection

    def sql(self, statement: str, *values: object) -> list[Any]:
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def insert(self, table: str, row: Mapping[str, object], returning: str) -> Any:
        """Insert a row, by column; return what its column `returning` holds then."""
        marks = ", ".join(["%s"] * len(row))
        query = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) RETURNING {returning}"
        return self.sql(query, *row.values())[0][0]

    def put(self, key: object, value: bytes | None, **more: Any) -> None:
        self.producer.produce(self.topic, key=None if key is None else str(key), value=value, **more)
        assert self.producer.flush(20) == 0
