"""The dual write that knows its failures: commit, publish, and answer only when the broker has confirmed the event.

During an outage requests hang for as long as the report takes. What the client is then told is a setting, and neither
answer is right: 201 hides the loss, 500 speaks of an order that was stored.
"""

from __future__ import annotations

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
        """Save the order for good, then wait until its event is confirmed or given up.

        Raises:
            PublishFailedError: it was given up, and failures are answered with 500.
        """
        async with self.database.connection() as connection:
            await save_order(connection, order)
        try:
            await self.publisher.publish_confirmed(event, self._behaviour.confirm_wait)
        except PublishFailedError as failed:
            log.warning("publish failed for order %s: %s", order.id, failed)
            if self._behaviour.publish_failure == FAIL:
                raise
