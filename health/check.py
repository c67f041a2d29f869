"""Asks a component once whether it is healthy, by the same probers that a run's monitor and the watchdog use.

An unhealthy component is an answer here, not an exception, and an open port proves nothing: each check requires a
complete reply on the protocol that clients use. No detail ever holds a password or a whole connection string.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from health.http import NewHttp
from health.kept_kafka import KeptKafka
from health.replies import ANSWERED, HANGING, Prober, Reply
from health.request import Endpoint
from health.spec import ProbeSpec, sql_address
from health.sql import NewSql


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a component answered, and one line about it that is safe to show."""

    ok: bool
    detail: str


def check(spec: ProbeSpec, timeout_s: float) -> Health:
    """Ask once, on a new connection of a client like any other (for Kafka: authenticated).

    Args:
        timeout_s: seconds for all of it, kept also when the server is frozen. Kafka's client blocks in C for as long:
            under gevent call this in the hub's thread pool.
    """
    try:
        where = _where(spec)
        prober = _prober(spec)
    except ValueError as error:
        return Health(False, str(error))
    try:
        reply = prober.ask(timeout_s)
    finally:
        prober.close()
    return Health(reply.how == ANSWERED, f"{where}{_words(reply, timeout_s)}")


def check_sql(database_url: str, timeout_s: float) -> Health:
    """Connect to PostgreSQL at a URL or libpq keyword string, and run `SELECT 1`; see `check`."""
    return check(ProbeSpec("sql", database_url), timeout_s)


def check_kafka(bootstrap: str, client_config: Mapping[str, str], timeout_s: float) -> Health:
    """Ask the Kafka broker at `host:port[,host:port]` for its metadata, with more client properties; see `check`."""
    return check(ProbeSpec("kafka", bootstrap, dict(client_config)), timeout_s)


def check_http(url: str, timeout_s: float) -> Health:
    """GET a health URL that requires no header; see `check`, and `health.http` for what counts as healthy."""
    return check(ProbeSpec("http", url), timeout_s)


def _prober(spec: ProbeSpec) -> Prober:
    if spec.protocol == "kafka":
        return KeptKafka(spec)
    return NewSql(spec) if spec.protocol == "sql" else NewHttp(spec)


def _where(spec: ProbeSpec) -> str:
    if spec.protocol == "kafka":
        return f"Kafka at {spec.address}: "
    if spec.protocol == "sql":
        return f"PostgreSQL at {sql_address(spec.address).rpartition('/')[0]}: "
    return f"{Endpoint(spec.address, spec.headers, spec.ca_file).address}: "


def _words(reply: Reply, timeout_s: float) -> str:
    detail = reply.detail or reply.how
    return detail.replace(" in time", f" within {timeout_s:g} s") if reply.how == HANGING else detail
