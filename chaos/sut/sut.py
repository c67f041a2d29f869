"""The system under test as chaos sees it: where its parts are, and what may be broken."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.faults.targets import Target, TargetSpec
from contract.contract import Contract
from contract.http import PlacedOrder
from health.spec import ProbeRecipe, ProbeSpec
from settings.run_settings import Settings


class PreflightError(Exception):
    """A check failed; the message is one sentence with what to do."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A system under test before it is used.

    Attributes:
        system: where it comes from, whether it runs, and what would happen to it.
        target: what exactly would be broken; None if that is unknown before it starts.
        problem: why the fault cannot be injected, as far as is known now; None without a known reason.
    """

    system: str
    target: str | None
    problem: str | None = None


PlaceOrder = Callable[[Settings, str, uuid.UUID], PlacedOrder]
"""Places an order: settings of the run, base URL of the service, customer id."""


def _no_logs() -> None:
    """Do nothing: the parts write their logs themselves."""


@dataclass(frozen=True, slots=True)
class SystemUnderTest:
    """The system under test.

    Attributes:
        service_url: base URL of the order service.
        health_url: answers 200 while the service is healthy; None if there is none.
        database_url: of PostgreSQL; secret, never shown.
        kafka: librdkafka properties, `bootstrap.servers` among them; may hold secrets.
        contract: what an order, its row and its event look like.
        phantom_url: the endpoint that publishes an order's event and rolls the order back; None if not used.
        backlog_url: answers `{"pending": n}`, None without a known backlog.
        spec: the target as plain values, for the watchdog.
        state_dir: folder of the target's lease and journal.
        probe: how the target's health is probed.
        recipe: the probe without secrets, for the journal.
        place_order: places an order for a customer id; passed in, because `load` knows the HTTP contract.
        logs: name and path of each log that belongs to a run's history.
        admin_url: of Redpanda's Admin API; None where the broker has none that the harness can ask.
        gather_logs: updates the files of `logs`, unless the parts write them themselves.
        environment: description of each part for the reports; no secrets.
        stack: the value of `--stack`.
        attribution: how rows and events are attributed to the run, the value of `--attribution`.
        headers: required with each request; secret.
        ca_file: certificates that an https service is verified by; empty for the system's.
    """

    service_url: str
    health_url: str | None
    database_url: str = field(repr=False)
    kafka: dict[str, str] = field(repr=False)
    topic: str
    contract: Contract
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
    gather_logs: Callable[[], None] = _no_logs
    stack: str = "embedded"
    attribution: str = "tagged"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca_file: str = ""
