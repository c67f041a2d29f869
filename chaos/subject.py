"""The system under test as the chaos room sees it: where its parts are, and what may be broken."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.eventrule import EventRule
from chaos.targets import Target, TargetSpec
from contract.order_id import AcknowledgedId, IdKind
from health.spec import ProbeRecipe, ProbeSpec


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """How an order that the harness placed for its own checks was answered.

    Attributes:
        status: HTTP status, None without a complete answer.
        order_id: the id that the answer told, if any.
        reason: why there is none, in a few words.
    """

    status: int | None
    order_id: AcknowledgedId | None
    reason: str | None


def _logs_are_there() -> None:
    """Nothing to gather: the parts write their logs themselves."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The system under test.

    Attributes:
        service_url: base URL of the order service.
        health_url: answers 200 when the service is well; None: it has no such thing.
        database_url: of PostgreSQL; secret, never shown.
        kafka: librdkafka properties, `bootstrap.servers` among them; may hold secrets.
        topic: that the service publishes to.
        orders_table: where its orders are.
        outbox_table: backlog of events in the same database, None without one.
        phantom_url: the endpoint that publishes an order's event and rolls the order back; None when it is not used.
        backlog_url: answers `{"pending": n}`, None without a known backlog.
        target: what may be broken.
        spec: the same as plain values, for the watchdog.
        state_dir: folder of the target's lease and journal.
        probe: how it is asked whether it serves.
        recipe: the same without secrets, for the journal.
        place_order: places an order for a customer id; handed in, because asking for orders is the load's business.
        logs: name and path of each log that belongs to a run's history.
        admin_url: of Redpanda's Admin API; None where the broker has none that the harness can ask.
        gather_logs: brings the files of `logs` up to date, where nobody else writes them as they grow.
        environment: what a report says of the parts, by name; no secrets.
        stack: where it comes from, as `--stack` says it.
        attribution: how its rows and events are told to be of the run, as `--attribution` says it.
        id_column, time_column: of `orders_table`: the order's id, and when it was created.
        tag_column: the one that stores the customer id that was sent; None: the table has none.
        id_kind: what order ids are.
        event: what an event must look like.
        headers: that the service wants with each request; secret.
        ca_file: certificates that an https service is trusted by; empty: the usual ones.
    """

    service_url: str
    health_url: str | None
    database_url: str = field(repr=False)
    kafka: dict[str, str] = field(repr=False)
    topic: str
    orders_table: str
    outbox_table: str | None
    backlog_url: str | None
    target: Target
    spec: TargetSpec
    state_dir: Path
    probe: ProbeSpec
    recipe: ProbeRecipe
    place_order: Callable[[uuid.UUID], PlacedOrder]
    logs: dict[str, str]
    environment: dict[str, str]
    phantom_url: str | None = None
    admin_url: str | None = None
    gather_logs: Callable[[], None] = _logs_are_there
    stack: str = "embedded"
    attribution: str = "tagged"
    id_column: str = "id"
    tag_column: str | None = "customer_id"
    time_column: str = "created_at"
    id_kind: IdKind = IdKind.UUID
    event: EventRule = field(default_factory=EventRule)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca_file: str = ""
