"""The contract of a service: its orders table and its events, as one value that is handed on whole.

Made once from the settings, kept in `run.json`, and used by preflight, monitor, drain, the run's judging and the audit.
"""

from dataclasses import dataclass, field

from contract.event import EventContract
from contract.order_id import IdKind


@dataclass(frozen=True, slots=True)
class TableContract:
    """Where PostgreSQL has the orders.

    Attributes:
        name: of the table, `TABLE` or `SCHEMA.TABLE`.
        id_column: has the order's id.
        tag_column: has the customer id that was sent; None: no column has.
        time_column: has the time of creation.
        outbox: table of the events that wait to go out; None without one.
    """

    name: str = "orders"
    id_column: str = "id"
    tag_column: str | None = "customer_id"
    time_column: str = "created_at"
    outbox: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What an order, its row and its event look like.

    Attributes:
        table: where the rows are.
        event: what events look like.
    """

    table: TableContract = field(default_factory=TableContract)
    event: EventContract = field(default_factory=EventContract)

    @property
    def id_kind(self) -> IdKind:
        """What order ids are."""
        return self.event.id_kind
