"""The dual write that detects its failures: commit, publish, and answer only when the broker has confirmed the event.

During an outage requests hang until the report. The answer after a failure is a setting, and neither is right: 201
hides the loss, 500 denies an order that was stored.
"""

import logging

from orderservice.database import save_order
from orderservice.orders import Event, Order
from orderservice.publisher import PublishFailedError
from orderservice.variants.base import FAIL, Parts, Variant

log = logging.getLogger("orderservice.awaited")


class Awaited(Variant):
    """Waits for the delivery report after the commit."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._behaviour = parts.behaviour

    async def create(self, order: Order, event: Event) -> None:
        """Commit the order, then wait until its event is confirmed or dropped.

        Raises:
            PublishFailedError: it was not confirmed, and the setting is to answer 500.
        """
        async with self.database.connection() as connection:
            await save_order(connection, order)
        try:
            await self.publisher.publish_confirmed(event, self._behaviour.confirm_wait)
        except PublishFailedError as failed:
            log.warning("publish failed for order %s: %s", order.id, failed)
            if self._behaviour.publish_failure == FAIL:
                raise
