"""The phantom event on demand: an order is inserted, its event published, and the order rolled back.

It needs no outage. Every variant publishes it directly, as the reference service's endpoint does.
"""

import logging
from uuid import uuid4

from orderservice.database import Database, order_exists, save_order
from orderservice.orders import Order, created_event
from orderservice.publisher import Publisher, PublishFailedError

log = logging.getLogger("orderservice.phantom")


async def provoke(database: Database, publisher: Publisher, order: Order) -> dict[str, object]:
    """Make one phantom event and return the endpoint's answer.

    ``eventSentToKafka`` is true only if a broker acknowledged the event; ``existsInDb`` is looked up after the
    rollback.

    Raises:
        psycopg.Error, psycopg_pool.PoolTimeout: the database failed, so there is no answer about a rollback.
    """
    sent = True
    async with database.connection() as connection:
        async with connection.transaction(force_rollback=True):
            await save_order(connection, order)
            try:
                await publisher.publish_confirmed(created_event(order, event_id=uuid4()))
            except PublishFailedError as failed:
                log.warning("publish failed for order %s: %s", order.id, failed)
                sent = False
        exists = await order_exists(connection, order.id)
    return {
        "orderId": order.id,
        "existsInDb": exists,
        "eventSentToKafka": sent,
        "dbRolledBack": not exists,
        "explanation": _EXPLANATION[sent],
    }


_EXPLANATION = {
    True: "The event was published before the transaction ended; the rollback took the order back, but not the event.",
    False: "The order was rolled back, and no broker confirmed the event: no phantom event was made for certain.",
}
