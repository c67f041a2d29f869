"""The HTTP contract: how an order is asked for, and how the answer returns its id. Pure.

That of the reference order service (`POST /orders` with customer id and items, 2xx with the id) is `OrderContract`;
that of another service is `CustomContract`.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Final

from contract.members import members_of
from contract.order_id import AcknowledgedId, IdKind, acknowledged_id

PRODUCTS: Final = (
    uuid.UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8"),
    uuid.UUID("11111111-2222-4333-8444-555555555555"),
    uuid.UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
)
PRICES: Final = ("50.00", "99.99", "12.50", "7.25")
JSON_HEADERS: Final = (("Content-Type", "application/json"), ("Accept", "application/json"))
NO_HEADERS: Final[Mapping[str, str]] = {}
# So many names of members or headers are named when the id is not among them.
MOST_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What a complete 2xx answer says.

    Attributes:
        order_id: the id of the order, None when there is no readable one.
        rolled_back: the service says that it published the event and took the order back, as it was asked to.
    """

    order_id: AcknowledgedId | None
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The answer to an order that the harness placed for its own checks.

    Attributes:
        status: HTTP status, None without a complete answer.
        order_id: the id in the answer, if any.
        reason: why there is none, in a few words without secrets.
    """

    status: int | None
    order_id: AcknowledgedId | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class OrderContract:
    """Paths and headers of the order service.

    Attributes:
        path: where orders are created, below the base URL.
        headers: sent with each order; may hold secrets.
    """

    path: str = "/orders"
    headers: tuple[tuple[str, str], ...] = JSON_HEADERS

    def body(self, customer_id: uuid.UUID, seq: int) -> bytes:
        """Return the JSON body of order number `seq`; the same number always gives the same items."""
        item = {
            "productId": str(PRODUCTS[seq % len(PRODUCTS)]),
            "quantity": 1 + seq % 3,
            "unitPrice": float(PRICES[seq % len(PRICES)]),
        }
        return json.dumps({"customerId": str(customer_id), "items": [item]}).encode()

    def order_id(self, answer: bytes, headers: Mapping[str, str] = NO_HEADERS) -> AcknowledgedId | None:
        """Return the order id of a 2xx answer, None when there is no readable one."""
        return self.read(answer, headers).order_id

    def read(self, answer: bytes, headers: Mapping[str, str] = NO_HEADERS) -> OrderAnswer:
        """Return what a 2xx answer says.

        Args:
            headers: its headers, names in lower case.
        """
        del headers
        return OrderAnswer(acknowledged_id(IdKind.UUID, _members(answer).get("orderId")))

    def lacking(self, answer: bytes, headers: Mapping[str, str]) -> str:
        """Return in words what was found in place of the order id: names, never values."""
        del headers
        return f"no UUID in its member orderId (--order-id); it {_names(answer)}"


@dataclass(frozen=True, slots=True)
class PhantomContract(OrderContract):
    """The phantom endpoint: the same body, but the service publishes the event and rolls the order back.

    Only an answer that says all of it counts as provoked. One that says that the order exists acknowledges it; any
    other leaves open what was done, and has no order id.
    """

    path: str = "/chaos/phantom-event"

    def read(self, answer: bytes, headers: Mapping[str, str] = NO_HEADERS) -> OrderAnswer:
        del headers
        value = _members(answer)
        said = [value.get(name) for name in ("existsInDb", "eventSentToKafka", "dbRolledBack")]
        order_id = acknowledged_id(IdKind.UUID, value.get("orderId"))
        if said == [False, True, True]:
            return OrderAnswer(order_id, rolled_back=True)
        return OrderAnswer(order_id if said[0] is True else None)


@dataclass(frozen=True, slots=True)
class CustomContract(OrderContract):
    """The contract of a service that options describe.

    Attributes:
        template: of an order's body, with placeholders like `${customer_id}`; None: the body of the reference service.
        place: where the answer has the id: `value:PATH`, `header:NAME`, or `header:NAME/` for the last segment.
    """

    template: str | None = None
    place: str = "value:orderId"
    kind: IdKind = IdKind.UUID

    def body(self, customer_id: uuid.UUID, seq: int) -> bytes:
        """Return the body of order number `seq`; the same number always gives the same items."""
        if self.template is None:
            return OrderContract.body(self, customer_id, seq)
        filled = Template(self.template).substitute(
            customer_id=customer_id,
            seq=seq,
            product_id=PRODUCTS[seq % len(PRODUCTS)],
            quantity=1 + seq % 3,
            unit_price=PRICES[seq % len(PRICES)],
        )
        return filled.encode()

    def read(self, answer: bytes, headers: Mapping[str, str] = NO_HEADERS) -> OrderAnswer:
        source, _, rest = self.place.partition(":")
        if source == "value":
            return OrderAnswer(acknowledged_id(self.kind, member(_members(answer), rest)))
        value = headers.get(rest.rstrip("/").lower())
        if value is not None and rest.endswith("/"):
            value = value.partition("?")[0].rstrip("/").rpartition("/")[2]
        return OrderAnswer(acknowledged_id(self.kind, value))

    def lacking(self, answer: bytes, headers: Mapping[str, str]) -> str:
        """Return in words what was found in place of the order id: names, never values."""
        what = {IdKind.UUID: "no UUID", IdKind.INTEGER: "no whole number", IdKind.TEXT: "no text"}[self.kind]
        seen = _names(answer) if self.place.startswith("value:") else f"has the headers {_listed(headers)}"
        return f"{what} at --order-id {self.place}{self._other_kind(answer, headers)}; it {seen}"

    def _other_kind(self, answer: bytes, headers: Mapping[str, str]) -> str:
        """Return in words of which other kind the id at the place is; empty when it is of none."""
        for kind, words in ((IdKind.INTEGER, "a whole number"), (IdKind.TEXT, "a text")):
            if replace(self, kind=kind).read(answer, headers).order_id is not None:
                return f", but {words} that --id-kind {kind.value} takes"
        return ""


def member(value: object, path: str) -> object:
    """Return the member of a JSON value that `path` (names joined by dots, numbers for places) leads to, or None."""
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return None
    return value


def _names(answer: bytes) -> str:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return "is no JSON" if answer else "is empty"
    if not isinstance(value, dict):
        return "is JSON, but no object"
    names = [path for path, _ in members_of(value) if path]
    return f"has the members {_listed(sorted(names))}" if names else "has no members"


def _listed(names: Mapping[str, str] | list[str]) -> str:
    shown = [name[:40] for name in list(names)[:MOST_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > MOST_NAMED else "")


def _members(answer: bytes) -> dict[str, object]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
