"""The dual write as the reference service makes it: insert, publish, commit, in one request.

The publish comes before the commit and its failure is ignored, so the client gets 201 for an order whose event is lost.
While the publish waits for a broker it keeps a pooled connection: during an outage at most ``pool_size / block_time``
orders a second succeed, and the others fail when the wait for the pool ends.
"""

import logging

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.publisher import PublishFailedError
from orderservice.variants.base import Variant

log = logging.getLogger("orderservice.naive")


class Naive(Variant):
    """The unsafe default."""

    async def create(self, order: Order, event: Event) -> None:
        """Save the order and publish its event inside the transaction; a failed publish is only logged."""
        async with self.database.transaction() as connection:
            await save_order(connection, order)
            try:
                await self.publisher.publish(event)
            except PublishFailedError as failed:
                # Logged before the commit, as the reference service does: the commit itself may still fail.
                log.warning("publish failed for order %s: %s", order.id, failed)
