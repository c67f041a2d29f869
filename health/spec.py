"""How a target is asked whether it serves: on the protocol of its clients, never by an open port.

A fault counts as proven only when nobody is served, neither on a connection that was opened before the fault nor on a
new one; mended only when both are served again. What is asked is a `ProbeSpec`, plain values, so that another process
asks the same: the lookout during a run, the watchdog after it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Where and on which protocol a target is asked.

    Attributes:
        protocol: `kafka`, `sql` or `http`.
        address: `host:port[,host:port]` of Kafka, a connection string of PostgreSQL, a health URL; may hold secrets.
        client: librdkafka properties (SASL, TLS) for Kafka, `{"ca": FILE}` for an HTTPS service; may hold secrets.
        way: `direct`, or `service` when it is the way that the service takes to the target and only that one is cut
            off (a partition).
    """

    protocol: str
    address: str = field(repr=False)
    client: dict[str, str] = field(default_factory=dict, repr=False)
    way: str = "direct"
