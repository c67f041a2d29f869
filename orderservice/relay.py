"""The outbox relay: reads unpublished events in order, publishes them, waits for every report, marks them as published.

At least once: if the mark does not reach the database, the event is published again, with the same event id. The relay
has a database connection of its own, so that an outage of the broker never takes one from the requests, and a session
lock, so that of several services only one relays.
"""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from orderservice.database import Connection, Database, naive_utc
from orderservice.orders import Event
from orderservice.publisher import Publisher, PublishFailedError
from orderservice.schema import RELAY_LOCK

log = logging.getLogger("orderservice.relay")

BATCH = 500
_GATHER = 0.02  # seconds from the first wake to reading, so that simultaneous orders share the two statements
_POLL = 0.5  # seconds between reads without a wake, for rows of another service process
_BACK_OFF = 0.2
_STANDBY = 0.5

# "published_at IS NULL", never "seq > the last one read": sequence numbers commit out of order.
_UNPUBLISHED = """
SELECT seq, id, aggregateid, payload FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT %s"""
_MARK = "UPDATE outbox SET published_at = %s WHERE seq = ANY(%s)"


class Relay:
    """The relay of one service, an asynchronous context manager that works from entry to exit.

    Events that an earlier service left unpublished come first. Events that are pending at the exit stay unpublished,
    and the next relay publishes them.

    Events of a batch that fail are tried again with the next one, after those that succeeded. An order has one event,
    so the sequence of an order's events is kept.
    """

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._work = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._running = asyncio.create_task(self._run(), name="outbox-relay")
        self._running.add_done_callback(_log_crash)

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    def wake(self) -> None:
        self._work.set()

    async def _run(self) -> None:
        logged = False
        while True:
            try:
                async with await self._database.dedicated(autocommit=True) as connection:
                    await self._take_lock(connection)
                    log.info("relay is at work")
                    logged = False
                    await self._relay(connection)
            except psycopg.Error as lost:
                if not logged:
                    log.warning("relay lost the database (%s), trying again until it is back", type(lost).__name__)
                logged = True
            await asyncio.sleep(_BACK_OFF)

    async def _take_lock(self, connection: Connection) -> None:
        while True:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (RELAY_LOCK,))
            if await cursor.fetchone() == (True,):
                return
            await asyncio.sleep(_STANDBY)

    async def _relay(self, connection: Connection) -> None:
        while True:
            self._work.clear()
            if not await self._batch(connection):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await self._work.wait()
                        await asyncio.sleep(_GATHER)

    async def _batch(self, connection: Connection) -> bool:
        """Publish one batch; True if there may be more to do at once."""
        cursor = await connection.execute(_UNPUBLISHED, (BATCH,))
        rows = await cursor.fetchall()
        if not rows:
            return False
        events = [Event(UUID(str(row[1])), str(row[2]), str(row[3]).encode()) for row in rows]
        try:
            delivered = await self._publisher.publish_all(events)
        except PublishFailedError:
            await asyncio.sleep(_BACK_OFF)  # the block time may be 0: no busy loop on the database
            return True
        marked = [row[0] for row, done in zip(rows, delivered, strict=True) if done]
        if marked:
            await connection.execute(_MARK, (naive_utc(datetime.now(UTC)), marked))
        if len(marked) < len(rows):
            log.warning("%d of %d events were not delivered, trying again", len(rows) - len(marked), len(rows))
            await asyncio.sleep(_BACK_OFF)
            return True
        return len(rows) == BATCH


def _log_crash(relay: asyncio.Task[None]) -> None:
    # Without this line nothing would explain the growing backlog.
    if not relay.cancelled() and (error := relay.exception()) is not None:
        log.critical("the relay died, events are no longer published: restart the service", exc_info=error)
