"""The tables of the order service, created at the start if they do not exist.

Names and types are those of the reference service; ``outbox`` follows Debezium's outbox event router (id,
aggregatetype, aggregateid, type, payload), so that a connector could replace the relay.
"""

from typing import LiteralString

# Two services that start together would race between "if not exists" and the creation; the lock serialises them.
SCHEMA_LOCK = 0x6F72646572730001
RELAY_LOCK = 0x6F72646572730002

ORDERS: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS orders (
        id uuid PRIMARY KEY,
        customer_id uuid NOT NULL,
        status varchar(20) NOT NULL,
        total numeric(10,2) NOT NULL,
        created_at timestamp NOT NULL,
        updated_at timestamp NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_orders_customer_id ON orders (customer_id)",
    """CREATE TABLE IF NOT EXISTS order_items (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        order_id uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
        product_id uuid NOT NULL,
        quantity integer NOT NULL,
        unit_price numeric(10,2) NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_order_items_order_id ON order_items (order_id)",
)

OUTBOX: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS outbox (
        id uuid PRIMARY KEY,
        aggregatetype varchar(255) NOT NULL,
        aggregateid varchar(255) NOT NULL,
        type varchar(255) NOT NULL,
        payload text NOT NULL,
        seq bigserial NOT NULL,
        created_at timestamp NOT NULL,
        published_at timestamp)""",
    # Relay and backlog read only unpublished rows; the index is as small as the backlog.
    "CREATE INDEX IF NOT EXISTS idx_outbox_unpublished ON outbox (seq) WHERE published_at IS NULL",
)
