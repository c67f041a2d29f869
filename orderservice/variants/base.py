"""The interface of a variant, and the parts that it works with."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, LiteralString

from orderservice.database import Database
from orderservice.orders import Event, Order
from orderservice.publisher import Publisher
from orderservice.schema import ORDERS

ACCEPT = "201"
FAIL = "500"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Settings of the variants that wait for a delivery report.

    Attributes:
        confirm_wait: longest wait for the report in seconds; 0: until the client delivers or drops the event.
        publish_failure: status answered after a failed publish, ACCEPT or FAIL.
    """

    confirm_wait: float = 0.0
    publish_failure: str = ACCEPT


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts that a variant works with."""

    database: Database
    publisher: Publisher
    behaviour: Behaviour = Behaviour()


class Variant(ABC):
    """One way to save an order and to publish its event."""

    tables: ClassVar[Sequence[LiteralString]] = ORDERS
    """DDL, idempotent, run before the first request."""

    def __init__(self, parts: Parts) -> None:
        self.database = parts.database
        self.publisher = parts.publisher

    @abstractmethod
    async def create(self, order: Order, event: Event) -> None:
        """Save the order and publish its event. A return is answered with 201, any error with 500."""

    def background(self) -> AbstractAsyncContextManager[None]:
        """Return the background work, entered before the first request and left after the last."""
        return nullcontext()

    async def backlog(self) -> int | None:
        """Return how many events are saved but not yet published; None if the variant has no outbox."""
        return None
