"""The service contract as the load sees it: how an order is asked for, and how the answer tells its id.

Pure; the contract is that of the reference order service: `POST /orders` with customer id and items, 2xx with the id.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Final

PRODUCTS: Final = (
    uuid.UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8"),
    uuid.UUID("11111111-2222-4333-8444-555555555555"),
    uuid.UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
)
PRICES: Final = ("50.00", "99.99", "12.50", "7.25")


@dataclass(frozen=True, slots=True)
class OrderContract:
    """Paths and headers of the order service.

    Attributes:
        path: where orders are created.
        headers: sent with each order.
    """

    path: str = "/orders"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"), ("Accept", "application/json"))

    def body(self, customer_id: uuid.UUID, seq: int) -> bytes:
        """Return the JSON body of order number `seq`; the same number always gives the same items."""
        item = {
            "productId": str(PRODUCTS[seq % len(PRODUCTS)]),
            "quantity": 1 + seq % 3,
            "unitPrice": float(PRICES[seq % len(PRICES)]),
        }
        return json.dumps({"customerId": str(customer_id), "items": [item]}).encode()

    def order_id(self, answer: bytes) -> uuid.UUID | None:
        """Return the order id that a 2xx answer tells, None when there is no readable one."""
        try:
            value = json.loads(answer)
            return uuid.UUID(value["orderId"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
