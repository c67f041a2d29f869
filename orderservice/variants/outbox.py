"""The transactional outbox: the event is a row of the order's own transaction, and a relay publishes it later.

An outage of the broker delays events and loses none. If the relay ends between publishing and marking, the event is
published again, with the same event id.
"""

from collections.abc import Sequence
from typing import ClassVar, LiteralString

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.relay import Relay
from orderservice.schema import ORDERS, OUTBOX
from orderservice.variants.base import Parts, Variant


class Outbox(Variant):
    """Loses no event. Needs no broker to answer a request."""

    tables: ClassVar[Sequence[LiteralString]] = (*ORDERS, *OUTBOX)

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._relay = Relay(parts.database, parts.publisher)

    async def create(self, order: Order, event: Event) -> None:
        """Save the order and its event, and wake the relay."""
        async with self.database.connection() as connection:
            await save_order(connection, order, outbox=event)
        self._relay.wake()

    def background(self) -> Relay:
        """Return the relay, which works from entry to exit."""
        return self._relay

    async def backlog(self) -> int:
        """Return the number of events that the relay has not yet marked as published."""
        async with self.database.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            row = await cursor.fetchone()
        return int(str(row[0])) if row else 0
