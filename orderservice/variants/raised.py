"""The dual write that rolls back: a publish that is not confirmed fails the request, and the order with it.

It looks safe, as no order is left without an event. But a missing report is no proof that the event did not arrive: the
client keeps trying, or a broker wrote the event and the acknowledgement was lost. Then there is an event without an
order.
"""

import logging

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.publisher import PublishFailedError
from orderservice.variants.base import Parts, Variant

log = logging.getLogger("orderservice.raised")


class Raised(Variant):
    """Publishes inside the transaction and lets a failure roll it back: 500."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._confirm_wait = parts.behaviour.confirm_wait

    async def create(self, order: Order, event: Event) -> None:
        """Save the order only if its event was confirmed.

        Raises:
            PublishFailedError: it was not; nothing is committed, but the event may still arrive.
        """
        async with self.database.transaction() as connection:
            await save_order(connection, order)
            try:
                await self.publisher.publish_confirmed(event, self._confirm_wait)
            except PublishFailedError as failed:
                log.warning("publish failed for order %s: %s; rolled back", order.id, failed)
                raise
