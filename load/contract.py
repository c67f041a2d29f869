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
class Told:
    """What a complete 2xx answer tells.

    Attributes:
        order_id: the id of the order, None when there is no readable one.
        rolled_back: the service says that it published the event and took the order back, as it was asked to.
    """

    order_id: uuid.UUID | None
    rolled_back: bool = False


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
        return self.told(answer).order_id

    def told(self, answer: bytes) -> Told:
        """Return what a 2xx answer tells."""
        value = _members(answer)
        return Told(_uuid(value.get("orderId")))


@dataclass(frozen=True, slots=True)
class PhantomContract(OrderContract):
    """The phantom endpoint: the same body, but the service publishes the event and rolls the order back.

    Only an answer that says all of it counts as provoked. One that says that the order exists acknowledges it; any
    other leaves open what was done, and tells no order id.
    """

    path: str = "/chaos/phantom-event"

    def told(self, answer: bytes) -> Told:
        """Return what a 2xx answer tells."""
        value = _members(answer)
        said = [value.get(name) for name in ("existsInDb", "eventSentToKafka", "dbRolledBack")]
        order_id = _uuid(value.get("orderId"))
        if said == [False, True, True]:
            return Told(order_id, rolled_back=True)
        return Told(order_id if said[0] is True else None)


def _members(answer: bytes) -> dict[str, object]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
