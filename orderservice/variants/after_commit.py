"""The dual write the other way round: commit, then publish, in one request.

No pooled connection waits for a broker, so an outage does not exhaust the pool, and an order that was rolled back never
has an event. What stays is the gap between the two writes: a publish that fails, or a process that ends in between,
leaves an order without its event, and the client has its 201.
"""

from __future__ import annotations

import logging

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.publisher import PublishFailedError
from orderservice.variants.base import Variant

log = logging.getLogger("orderservice.aftercommit")


class AfterCommit(Variant):
    """Unsafe in another place than `naive`."""

    async def create(self, order: Order, event: Event) -> None:
        """Save the order for good, then publish its event, whatever comes of that."""
        async with self.database.connection() as connection:
            await save_order(connection, order)
        try:
            await self.publisher.publish(event)
        except PublishFailedError as failed:
            log.warning("publish failed for order %s: %s", order.id, failed)
