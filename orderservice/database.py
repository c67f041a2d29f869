"""The order service's access to PostgreSQL: a fixed pool, one statement to save an order, and single connections.

ONE statement saves an order, its items and (for the outbox) its event: one round trip, and atomic.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from orderservice.orders import Event, Order, instant, item_json
from orderservice.schema import SCHEMA_LOCK

log = logging.getLogger("orderservice.database")

Connection = psycopg.AsyncConnection[tuple[object, ...]]

_PARAMETERS: dict[str, object] = {"connect_timeout": 2, "application_name": "orderservice"}
_RETRY_PAUSE = 0.25

_SAVE_ORDER: LiteralString = """
WITH saved_order AS (
    INSERT INTO orders (id, customer_id, status, total, created_at, updated_at)
    VALUES (%(id)s, %(customer)s, 'CREATED', %(total)s, %(at)s, %(at)s)
)"""
_SAVE_EVENT: LiteralString = """, saved_event AS (
    INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, created_at)
    VALUES (%(event)s, 'order', %(key)s, 'order.created', %(payload)s, %(at)s)
)"""
_SAVE_ITEMS: LiteralString = """
INSERT INTO order_items (order_id, product_id, quantity, unit_price)
SELECT %(id)s, * FROM unnest(%(products)s::uuid[], %(quantities)s::int[], %(prices)s::numeric[])"""
_READ_ORDER: LiteralString = """
SELECT o.id, o.customer_id, o.status, o.total, o.created_at, o.updated_at, i.product_id, i.quantity, i.unit_price
FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.id = %s ORDER BY i.id"""


class DatabaseUnavailableError(RuntimeError):
    """The database did not answer in time; the text names it without user or password."""


def address_of(url: str) -> str:
    """Return ``host:port/name`` of a connection string, without user and password."""
    parts = conninfo_to_dict(url)
    host, port = parts.get("host") or "localhost", parts.get("port") or "5432"
    return f"{host}:{port}/{parts.get('dbname') or ''}"


class Database:
    """The database of one service process.

    Args:
        url: libpq connection string.
        pool_size: connections, opened at the start and kept.
        pool_wait: seconds that :meth:`connection` waits for a free one.
    """

    def __init__(self, url: str, *, pool_size: int, pool_wait: float) -> None:
        self._url = url
        self._pool_wait = pool_wait
        self.address = address_of(url)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=pool_size,
            max_size=pool_size,
            timeout=pool_wait,
            open=False,
            name="orders",
            # After these seconds the pool stops reconnecting, and the next request opens a connection. psycopg's own
            # retry doubles its pause up to minutes, longer than an outage of the database.
            reconnect_timeout=2.0,
            # Autocommit: a single statement needs no BEGIN and COMMIT, which are two more round trips. Prepared at the
            # first use: in a pool of many connections each one reaches the usual threshold late.
            kwargs=_PARAMETERS | {"autocommit": True, "prepare_threshold": 0},
        )

    async def open(self, statements: Sequence[LiteralString], wait: float) -> None:
        """Wait for the database, create the tables, open the pool.

        Args:
            statements: idempotent DDL.
            wait: seconds to wait for the database.

        Raises:
            DatabaseUnavailableError: no answer within ``wait``.
        """
        connection = await self._first_connection(wait)
        async with connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            for statement in statements:
                await connection.execute(statement)
        await self._pool.open()

    async def _first_connection(self, wait: float) -> Connection:
        end = time.monotonic() + wait
        logged = False
        while True:
            try:
                return await self.dedicated()
            except psycopg.OperationalError as refused:
                reason = _reason(refused)
                if time.monotonic() >= end:
                    raise DatabaseUnavailableError(
                        f"database {self.address} did not answer within {wait:g} s ({reason}): start it, "
                        "or correct ORDERSERVICE_DATABASE_URL."
                    ) from None
                if not logged:
                    log.warning("waiting up to %g s for database %s (%s)", wait, self.address, reason)
                    logged = True
            await asyncio.sleep(_RETRY_PAUSE)

    async def dedicated(self, *, autocommit: bool = False) -> Connection:
        """Open a connection outside the pool; the caller closes it. Raises ``psycopg.OperationalError``."""
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=autocommit, connect_timeout=2, application_name="orderservice"
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A pooled connection on which every statement is a transaction of its own.

        Raises:
            psycopg_pool.PoolTimeout: none was free within ``pool_wait``.
            psycopg.Error: the database refused or was lost.
        """
        connection = await self._take_open()
        try:
            async with connection:
                yield connection
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A pooled connection in a transaction: commit at the end, roll back on an error or ``psycopg.Rollback``.

        Raises:
            psycopg_pool.PoolTimeout, psycopg.Error: as :meth:`connection`.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def _take_open(self) -> Connection:
        """Take the first connection of the pool that the server has not closed.

        Not by the pool's own ``check``: that pauses for a second or more after each closed one, so after an outage of
        the database a request would try three of them within its wait, and fail.
        """
        end = time.monotonic() + self._pool_wait
        while True:
            connection = await self._pool.getconn(timeout=end - time.monotonic())
            if _is_open(connection):
                return connection
            await self._pool.putconn(connection)  # which replaces it

    async def close(self) -> None:
        """Close the pool; connections in use are not waited for."""
        await self._pool.close(timeout=1.0)


def _reason(refused: psycopg.OperationalError) -> str:
    """Return the last line of the driver's text, which is the reason; a refused login without the user's name."""
    lines = str(refused).strip().splitlines()
    return lines[-1] if lines and "authentication" not in lines[-1] else "login refused" if lines else "no reason given"


def _is_open(connection: Connection) -> bool:
    # Reads of the socket, no round trip: a server that ended has closed it. The first read may return the server's last
    # message, and only the second one the end.
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not connection.closed


async def save_order(connection: Connection, order: Order, outbox: Event | None = None) -> None:
    """Insert an order with its items, and its event into the outbox if given, in one statement."""
    items = order.items
    values: dict[str, object] = {
        "id": order.id,
        "customer": order.customer_id,
        "total": order.total,
        "at": naive_utc(order.created_at),
        "products": [item.product_id for item in items],
        "quantities": [item.quantity for item in items],
        "prices": [item.unit_price for item in items],
    }
    if outbox is None:
        await connection.execute(_SAVE_ORDER + _SAVE_ITEMS, values)
        return
    values |= {"event": outbox.event_id, "key": outbox.key, "payload": outbox.value.decode()}
    await connection.execute(_SAVE_ORDER + _SAVE_EVENT + _SAVE_ITEMS, values)


async def read_order(connection: Connection, order_id: UUID) -> dict[str, object] | None:
    """Return an order as ``GET /orders/{id}`` shows it, None if there is none."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(_READ_ORDER, (order_id,))
    lines = await cursor.fetchall()
    if not lines:
        return None
    order = lines[0]
    return {
        "id": order["id"],
        "customerId": order["customer_id"],
        "status": order["status"],
        "total": order["total"],
        "items": [item_json(line["product_id"], line["quantity"], line["unit_price"]) for line in lines],
        "createdAt": instant(order["created_at"]),
        "updatedAt": instant(order["updated_at"]),
    }


async def order_exists(connection: Connection, order_id: UUID) -> bool:
    cursor = await connection.execute("SELECT 1 FROM orders WHERE id = %s", (order_id,))
    return await cursor.fetchone() is not None


def naive_utc(moment: datetime) -> datetime:
    """Return a time as a column without time zone holds it: in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
