"""The state file of a stack, `state.json`: which processes run where, and with which settings.

Any later process reads it (a harness, `python -m stack down`). It is written in one step (a temporary file, renamed)
and readable by its owner alone. It holds no secret: the database's connection string is built when it is needed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stack.errors import StackError
from stack.ports import HOST
from stack.settings import ServiceSettings

STATE_VERSION = 2
DATABASE_NAME = "orders_db"
# The reference service's user and password are this one word; a throw-away database on loopback.
DATABASE_ACCOUNT = "mars"


def account_url(address: str, database: str = DATABASE_NAME) -> str:
    """Return the connection string of a stack's database at `host:port`. Secret: never log it."""
    return f"postgresql://{DATABASE_ACCOUNT}:{DATABASE_ACCOUNT}@{address}/{database}"


@dataclass(frozen=True, slots=True)
class ComponentRecord:
    """One process. `started` is its start time as `stack.process.start_time` gives it, in seconds."""

    pid: int
    started: float
    port: int
    argv: tuple[str, ...]
    log_path: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StackState:
    """The recorded stack; a recorded component may have ended since.

    with_service: whether the order service was asked for. `database_url` holds a password, so it is a property: neither
    `repr` nor `state.json` shows it.
    """

    owner: str
    settings: ServiceSettings
    components: Mapping[str, ComponentRecord]
    with_service: bool = True
    host: str = HOST

    def port(self, component: str) -> int | None:
        """Return the port of `database`, `broker`, `service` or `proxy`, or None if it was never started."""
        record = self.components.get(component)
        return record.port if record else None

    def _needed_port(self, component: str) -> int:
        port = self.port(component)
        if port is None:
            raise StackError(f"the {component} of this stack was never started: run 'python -m stack up'")
        return port

    @property
    def proxy(self) -> str:
        """The component that is reached through the TCP proxy: `broker`, `database`, `service`; empty without one."""
        record = self.components.get("proxy")
        return str(record.extra.get("component", "")) if record else ""

    def proxied_address(self, component: str) -> str:
        """`host:port` of a component, through the TCP proxy if there is one in front of it.

        So the order service connects to `broker` and `database`, and its clients connect to `service`.
        """
        return f"{self.host}:{self._needed_port('proxy' if self.proxy == component else component)}"

    @property
    def database_url(self) -> str:
        """Connection string of the orders database, past the proxy. Secret: never log it."""
        return account_url(f"{self.host}:{self._needed_port('database')}")

    @property
    def service_database_url(self) -> str:
        """The order service's connection string: through the proxy if there is one in between. Secret."""
        return account_url(self.proxied_address("database"))

    @property
    def kafka_bootstrap(self) -> str:
        """`host:port` of the broker, past the proxy."""
        return f"{self.host}:{self._needed_port('broker')}"

    @property
    def service_kafka_bootstrap(self) -> str:
        """The broker's `host:port` for the order service: through the proxy if there is one in between."""
        return self.proxied_address("broker")

    @property
    def service_url(self) -> str:
        """Base URL of the order service for its clients, through the proxy if there is one; no slash at its end."""
        return f"http://{self.proxied_address('service')}"

    @property
    def direct_service_url(self) -> str:
        """Base URL of the order service, past the proxy."""
        return f"http://{self.host}:{self._needed_port('service')}"

    @property
    def topic(self) -> str:
        return self.settings.topic

    @property
    def variant(self) -> str:
        """How the service writes an order, see `ServiceSettings`."""
        return self.settings.variant

    @property
    def pids(self) -> dict[str, int]:
        return {name: record.pid for name, record in self.components.items()}

    @property
    def log_paths(self) -> dict[str, Path]:
        return {name: Path(record.log_path) for name, record in self.components.items()}


def load(path: Path) -> StackState | None:
    """Read a state file; None if there is none. Raises StackError if it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StackError(
            f"{path} cannot be read ({error.strerror}): set HARNESS_STACK_HOME to another folder"
        ) from None
    except ValueError as error:
        raise StackError(f"{path} is not JSON ({error}): end its processes by hand, then delete the file") from error
    if not isinstance(document, dict) or document.get("version") != STATE_VERSION:
        raise StackError(
            f"{path} is of another version than {STATE_VERSION}: run 'down' with the version that wrote it"
        )
    try:
        components = {
            name: ComponentRecord(**{**entry, "argv": tuple(entry["argv"])})
            for name, entry in document["components"].items()
        }
        settings = ServiceSettings(**document["settings"])
        return StackState(document["owner"], settings, components, document["with_service"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise StackError(f"{path} lacks or misnames a field ({error}): end its processes, then delete it") from error


def save(path: Path, state: StackState) -> None:
    """Write a state file in one step, mode 0600."""
    document = {
        "version": STATE_VERSION,
        "owner": state.owner,
        "settings": asdict(state.settings),
        "with_service": state.with_service,
        "components": {name: asdict(record) for name, record in state.components.items()},
    }
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
