"""The state of a compose project: its containers, their published ports, health and logs.

Read from the engine at each call, so that nothing is stale. Nothing here changes the project.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from health.check import Health, check_http, check_kafka, check_sql
from stack import engine, process
from stack.errors import StackError
from stack.ports import HOST
from stack.redpanda import check_redpanda
from stack.service import HEALTH_PATH
from stack.state_file import account_url

SERVICES: Final = {"broker": "redpanda", "database": "postgres", "service": "orderservice"}
"""Component of the harness -> service of the compose file."""
PROBE_S: Final = 3.0
_TAIL: Final = 8
# Redpanda (Seastar) needs about 11,000 slots a core, which other containers on the same kernel may hold.
_AIO_REMEDY: Final = (
    "this machine has too few slots for asynchronous I/O: run 'sudo sysctl -w fs.aio-max-nr=1048576' (in the virtual "
    "machine of Docker Desktop or Colima) and try again"
)


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the compose file publishes.

    inside: port in the container. variable: of the compose file, with its default. option: of the harness; empty if
    there is none.
    """

    component: str
    inside: str
    variable: str
    default: int
    option: str


PORTS: Final[Mapping[str, Port]] = {
    "kafka": Port("broker", "19092/tcp", "KAFKA_PORT", 19092, "--kafka-port"),
    "admin": Port("broker", "9644/tcp", "REDPANDA_ADMIN_PORT", 19644, ""),
    "database": Port("database", "5432/tcp", "POSTGRES_PORT", 15432, "--database-port"),
    "service": Port("service", "8082/tcp", "SERVICE_PORT", 18082, "--service-port"),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the components are reached from this machine; ports as published.

    admin_url is None when the broker publishes no Admin API. database_url holds a password.
    """

    service_url: str
    kafka_bootstrap: str
    admin_url: str | None
    database_port: int
    database_url: str = field(repr=False)


class ComposeProject:
    """The project named `name` on the engine of `client`. Raises StackError when the engine does not answer."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def status(self) -> str:
        """Return `running` (at least one container), `stopped` (containers exist, none runs) or `absent`."""
        found = engine.containers_of(self._client, self.name)
        if any(one.status in ("running", "paused", "restarting") for one in found):
            return "running"
        return "stopped" if found else "absent"

    def container(self, component: str) -> Any | None:
        """Return the container of `broker`, `database` or `service`, None when there is none.

        Raises StackError when there are several: a fault has one target.
        """
        service = SERVICES[component]
        found = engine.containers_of(self._client, self.name, service)
        if len(found) > 1:
            names = ", ".join(str(one.name) for one in found)
            raise StackError(f"service {service} of compose project {self.name} has several containers ({names})")
        return found[0] if found else None

    def published(self, name: str) -> int | None:
        """Return the host port of one of `PORTS`, None when it is not published."""
        part = PORTS[name]
        one = self.container(part.component)
        return None if one is None else _host_port(one, part.inside)

    def addresses(self) -> Addresses:
        """Return all addresses; raises StackError for a component that is missing or publishes no port."""
        found = {name: self.published(name) for name in PORTS}
        for name, part in PORTS.items():
            if found[name] is None and name != "admin":
                raise StackError(
                    f"service {SERVICES[part.component]} of compose project {self.name} publishes no port for "
                    f"{part.inside}: see docker-compose.yml for what is needed"
                )
        return Addresses(
            service_url=f"http://{HOST}:{found['service']}",
            kafka_bootstrap=f"{HOST}:{found['kafka']}",
            admin_url=f"http://{HOST}:{found['admin']}" if found["admin"] else None,
            database_port=found["database"] or 0,
            database_url=_database_url(found["database"] or 0),
        )

    def probe(self, component: str, timeout_s: float = PROBE_S) -> Health:
        """Whether it runs, is not unhealthy by its own check if it has one, and answers on its protocol."""
        try:
            one = self.container(component)
        except StackError as error:
            return Health(False, str(error))
        if one is None:
            return Health(False, f"compose project {self.name} has no container of {SERVICES[component]}")
        if one.status != "running":
            return Health(False, f"container {one.name} is {one.status}")
        # Its own check runs seldom, as it costs performance: only its "unhealthy" counts, else the harness probes.
        own = one.attrs["State"].get("Health", {}).get("Status", "healthy")
        if own == "unhealthy":
            return Health(False, f"container {one.name} reports itself as {own}")
        return _probe(component, one, timeout_s)

    def service_environment(self) -> dict[str, str]:
        """Return the environment of the order service's container."""
        one = self.container("service")
        listed: list[str] = one.attrs["Config"]["Env"] if one is not None else []
        return dict(entry.split("=", 1) for entry in listed if "=" in entry)

    def save_logs(self, folder: Path, since: float) -> None:
        """Write each container's output since `since` to `folder`/COMPONENT.log.

        since: epoch seconds by the engine's clock, above 0.

        Raises StackError for a container that is gone or keeps no log, OSError when a file cannot be written.
        """
        for component in SERVICES:
            one = self.container(component)
            if one is None:
                raise StackError(f"compose project {self.name} has no container of {SERVICES[component]} any more")
            with engine.translate_errors(f"the log of container {one.name}"):
                text = one.logs(since=since)
            (folder / f"{component}.log").write_bytes(text)


def log_tail(one: Any) -> str:
    """Return the last lines of a container's log as the end of an error text, empty when it has none."""
    try:
        with engine.translate_errors("log"):
            text = one.logs(tail=_TAIL).decode(errors="replace")
    except StackError:
        return ""
    lines = [f"  {line}" for line in text.splitlines() if line.strip()]
    remedy = f"; {_AIO_REMEDY}" if "Async I/O" in text else ""
    return f"{remedy}; its last log lines:\n" + "\n".join(lines) if lines else ""


def _host_port(one: Any, inside: str) -> int | None:
    # Also as configured: a container that is stopped or disconnected publishes nothing now. A port that the engine
    # chose is known only while the container runs.
    now = (one.attrs["NetworkSettings"].get("Ports") or {}).get(inside) or []
    configured = (one.attrs["HostConfig"].get("PortBindings") or {}).get(inside) or []
    known = [str(binding.get("HostPort", "")) for binding in (*now, *configured)]
    return next((int(text) for text in known if text.isdigit() and int(text)), None)


def _database_url(port: int) -> str:
    return account_url(f"{HOST}:{port}")


def _probe(component: str, one: Any, timeout_s: float) -> Health:
    name = {"broker": "kafka"}.get(component, component)
    port = _host_port(one, PORTS[name].inside)
    if port is None:
        return Health(False, f"container {one.name} publishes no port that the harness could probe")
    if component == "service":
        return check_http(f"http://{HOST}:{port}{HEALTH_PATH}", timeout_s)
    if component == "database":
        return check_sql(_database_url(port), timeout_s)
    if not process.accepts(HOST, port, timeout_s):
        return Health(False, f"Kafka at {HOST}:{port}: connection refused")
    kafka = check_kafka(f"{HOST}:{port}", {}, timeout_s)
    admin = _host_port(one, PORTS["admin"].inside)
    if not kafka.ok or admin is None:
        return kafka
    own = check_redpanda(f"http://{HOST}:{admin}", timeout_s)
    return Health(own.ok, f"{kafka.detail}; {own.detail}")
