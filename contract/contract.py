"""The contract of a service: its orders table and its events, as one value.

Made once from the settings, kept in `run.json`, and used by preflight, monitor, drain, the run's judging and the audit.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from contract.attribution import TAGGED
from contract.event import CUSTOMER_ID, EventContract
from contract.order_id import IdKind
from contract.place import parse_filter, parse_place, parse_tag


@dataclass(frozen=True, slots=True)
class TableContract:
    """Where PostgreSQL has the orders.

    Attributes:
        name: of the table, `TABLE` or `SCHEMA.TABLE`.
        tag_column: has the customer id that was sent; None: no column has.
        outbox: table of the events that wait to go out; None without one.
    """

    name: str = "orders"
    id_column: str = "id"
    tag_column: str | None = "customer_id"
    time_column: str = "created_at"
    outbox: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What an order, its row and its event look like."""

    table: TableContract = field(default_factory=TableContract)
    event: EventContract = field(default_factory=EventContract)

    @property
    def id_kind(self) -> IdKind:
        return self.event.id_kind

    @property
    def is_default(self) -> bool:
        """Whether no option says where anything is: all is as in the reference service."""
        columns = (self.table.id_column, self.table.tag_column) == ("id", "customer_id")
        # A run that is not attributed by tags has no use for their place.
        tag = self.event.tag_place in (CUSTOMER_ID, None)
        return columns and tag and replace(self.event, reference=False, tag_place=CUSTOMER_ID) == EventContract()


NONE: Final = "none"
"""What an option says where there is no such thing."""


def contract_from_texts(
    *,
    orders_table: str = "orders",
    orders_id_column: str = "id",
    orders_tag_column: str | None = "customer_id",
    orders_time_column: str = "created_at",
    outbox_table: str | None = None,
    id_kind: str = "uuid",
    event_id: str = "",
    event_filter: str = "",
    event_tag: str = "",
    attribution: str = TAGGED,
    reference: bool = False,
) -> Contract:
    """Return the contract that options state; each text is that of the option with its name.

    Args:
        orders_tag_column: None, empty or NONE: no column.
        event_tag: empty: the member `customerId`; NONE: nowhere.
        attribution: how orders are attributed to the run; only with TAGGED anything depends on the tag of an event.
        reference: the service is the reference order service.

    Raises:
        ValueError: a text is not of its form; says what would be right.
    """
    tagged = attribution == TAGGED or reference
    event = EventContract(
        id_place=parse_place(event_id),
        id_kind=IdKind(id_kind),
        filter=parse_filter(event_filter),
        tag_place=(parse_tag(event_tag) if event_tag else CUSTOMER_ID) if tagged else None,
        reference=reference,
    )
    tag = None if orders_tag_column in (None, "", NONE) else orders_tag_column
    return Contract(TableContract(orders_table, orders_id_column, tag, orders_time_column, outbox_table or None), event)
