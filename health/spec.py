"""What asking one target takes: with its secrets (`ProbeSpec`), and without them for a journal (`ProbeRecipe`).

Both are plain values, so that every process that asks, asks the same: preflight, the monitor during a run, the
watchdog, and `python -m chaos restore` or the next start long after it. A recipe keeps of each secret only where it can
be read again; `chaos.faults.probe_recipes` turns it back into a spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from health.postgres_url import UrlError, place_of, read_url

ProbeProtocol = Literal["kafka", "sql", "http"]
Way = Literal["direct", "service"]
"""`direct`, or `service`: the way that the service takes to the target, when only that one is cut off (a partition)."""

NAMES: Final[Mapping[str, str]] = {"kafka": "Kafka", "sql": "PostgreSQL", "http": "the service"}
"""Each protocol's server in words."""


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Where and how a target is asked. Holds secrets: for memory, standard input and environments only.

    Attributes:
        protocol: `kafka`, `sql` or `http`.
        address: `host:port[,host:port]` of Kafka, a connection string of PostgreSQL, a health URL.
        client: librdkafka properties (SASL, TLS) for Kafka.
        headers: name and value of each header that the service requires with every request.
        ca_file: certificates (PEM) by which an https service is trusted; empty: those of this machine.
    """

    protocol: ProbeProtocol
    address: str = field(repr=False)
    client: dict[str, str] = field(default_factory=dict, repr=False)
    way: Way = "direct"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret can be read again, by another process and at a later time.

    Attributes:
        kind: `variable`: of the environment. `file`: private to its owner. `stack`: the account that the stacks of this
            repository give their own database.
        name: of the variable; the absolute path of the file; empty for `stack`.
    """

    kind: Literal["variable", "file", "stack"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class ProbeRecipe:
    """How to make a target's `ProbeSpec` again in another process; holds no secret, so a journal may keep it.

    Attributes:
        protocol, way: as in `ProbeSpec`.
        address: `host:port[,host:port]` of Kafka, `host:port/database` of PostgreSQL, a health URL.
        credentials: where the connection string of PostgreSQL is read again; None for the other protocols.
        kafka_config: absolute path of a file of client properties; empty without one.
        folder: that relative paths in that file refer to.
        header_names: of the headers that the service requires.
        header_sources: where those headers are read again, as lines `Name: value`.
        ca_file: absolute path; see `ProbeSpec`.
        stack_home: folder of the embedded stack whose part the target is: its state says where that part is now. Empty
            for any other target.
    """

    protocol: ProbeProtocol
    address: str
    way: Way = "direct"
    credentials: SecretSource | None = None
    kafka_config: str = ""
    folder: str = ""
    header_names: tuple[str, ...] = ()
    header_sources: tuple[SecretSource, ...] = ()
    ca_file: str = ""
    stack_home: str = ""

    def describe(self) -> str:
        """Return what is asked, in words: `PostgreSQL at 127.0.0.1:5432/orders`."""
        return f"{NAMES[self.protocol]} at {self.address}"


def sql_address(database_url: str) -> str:
    """Return `host:port/database` of a connection string: what a journal keeps of it.

    Raises:
        ValueError: libpq cannot read the connection string; says what to give instead, and does not repeat it.
    """

    try:
        known = read_url(database_url)
    except UrlError as error:
        raise ValueError(f"the connection string of PostgreSQL cannot be read: {error}") from None
    return f"{place_of(known)}/{known.get('dbname') or known.get('user') or ''}"
