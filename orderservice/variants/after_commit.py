"""The dual write in the other order: commit, then publish, in one request.

No pooled connection waits for a broker, so an outage does not exhaust the pool, and an order that was rolled back never
has an event. The gap between the two writes remains: a publish that fails, or a process that ends in between, leaves an
order without its event, while the client gets 201.
"""

import logging

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.publisher import PublishFailedError
from orderservice.variants.base import Variant

log = logging.getLogger("orderservice.aftercommit")


class AfterCommit(Variant):
    """Loses events, but has no phantom events."""

    async def create(self, order: Order, event: Event) -> None:
        """Commit the order, then publish its event; a failed publish is only logged."""
        async with self.database.connection() as connection:
            await save_order(connection, order)
        try:
            await self.publisher.publish(event)
        except PublishFailedError as failed:
            log.warning("publish failed for order %s: %s", order.id, failed)
