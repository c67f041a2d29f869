"""Settings of a stack: two frozen records with all defaults. They hold no secret and no path."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal, get_args

ServiceVariant = Literal["naive", "after-commit", "awaited", "raised", "outbox"]
VARIANTS: tuple[str, ...] = get_args(ServiceVariant)
PROXIED = ("broker", "database", "service")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How the order service behaves; each field becomes one `ORDERSERVICE_...` environment variable.

    variant: a dual write (`naive`, `after-commit`, `awaited`, `raised`) or `outbox`.
    chaos: whether the phantom endpoint exists.
    pool_size: database connections (count). pool_wait: longest wait for one, seconds.
    block_time: longest time that a send blocks, seconds. delivery_timeout: the producer's, seconds.
    topic: where `order.created` events go.
    confirm_wait: longest wait of `awaited` and `raised` for a confirmed event, seconds; 0: the delivery timeout.
    publish_failure: what `awaited` answers after a failed publish, `201` or `500`.

    Raises ValueError with one sentence when a value is out of range.
    """

    variant: str = "naive"
    chaos: bool = False
    pool_size: int = 32
    pool_wait: float = 5.0
    block_time: float = 1.0
    delivery_timeout: float = 3.0
    topic: str = "order.created"
    confirm_wait: float = 0.0
    publish_failure: str = "201"

    def __post_init__(self) -> None:
        """Refuse values that the service would refuse."""
        if self.variant not in VARIANTS:
            raise ValueError(f"service variant {self.variant!r} is unknown: choose one of {', '.join(VARIANTS)}")
        if self.pool_size < 1:
            raise ValueError(f"service pool size {self.pool_size} is too small: at least 1 connection is needed")
        for name in ("pool_wait", "delivery_timeout"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"service {name.replace('_', ' ')} {getattr(self, name)} s must be above 0 s")
        if not 0 <= self.confirm_wait < inf:
            raise ValueError(f"service confirm wait {self.confirm_wait} s must be 0 s (no limit of its own) or more")
        if self.publish_failure not in ("201", "500"):
            raise ValueError(f"service publish failure {self.publish_failure!r} is unknown: choose 201 or 500")
        if not 0 <= self.block_time < inf:
            raise ValueError(f"service block time {self.block_time} s must be 0 s (a send fails at once) or more")
        if not self.topic:
            raise ValueError("the topic's name is empty: give one such as order.created")


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Ports (0: a free one is chosen), the order service's settings, and the component behind the TCP proxy.

    proxy: `broker` or `database` (the order service connects through it), `service` (its clients do), or `` for none.
    Raises ValueError with one sentence when a port is out of range or given twice, or the component is unknown.
    """

    service_port: int = 0
    database_port: int = 0
    kafka_port: int = 0
    service: ServiceSettings = field(default_factory=ServiceSettings)
    proxy: str = ""

    def __post_init__(self) -> None:
        """Refuse ports that cannot be bound, two components on one port, and an unknown component."""
        if self.proxy and self.proxy not in PROXIED:
            raise ValueError(f"proxy {self.proxy!r} is no component: choose one of {', '.join(PROXIED)}, or none")
        given = [self.service_port, self.database_port, self.kafka_port]
        for port in given:
            if not 0 <= port <= 65535:
                raise ValueError(f"port {port} is out of range: give 1 to 65535, or 0 for a free one")
        chosen = [port for port in given if port]
        if len(set(chosen)) != len(chosen):
            raise ValueError(f"one port is given to two components ({chosen}): give each its own")
