"""Is it well? One question each to a database (SQL), a Kafka broker (a metadata request) and an HTTP service.

An unhealthy thing is an answer here, not an exception, and an open port proves nothing: each check wants a complete
reply on the protocol that clients use. No detail ever holds a password or a whole connection string.
"""

from __future__ import annotations

import http.client
import json
import math
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from health.bounded_sql import DeadlineError, FailedError, UnopenedError, open_connection
from health.kafka_errors import connection_reason, refused_properties
from redaction.masking import mask_line
from redaction.properties import secret_values

_BODY_LIMIT = 65_536  # bytes of a health answer that are looked at


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a component answered, and one line about it that is safe to show."""

    ok: bool
    detail: str


def check_sql(database_url: str, timeout_s: float) -> Health:
    """Connect to PostgreSQL and run `SELECT 1`.

    database_url: a URL or a libpq keyword string. timeout_s: seconds for all of it, kept also when the server is
    frozen (see `health.bounded_sql`).
    """
    # Imported late: psycopg decides at import whether it waits in C or in Python, and under gevent the caller
    # must have patched the process before that.
    import psycopg
    from psycopg import conninfo

    try:
        settings = conninfo.conninfo_to_dict(database_url)
    except psycopg.Error:
        return Health(False, "the database URL is not a connection string that PostgreSQL's client understands")
    password = str(settings.get("password") or "")
    where = f"{settings.get('host') or 'default host'}:{settings.get('port') or 5432}"
    deadline = time.monotonic() + timeout_s
    try:
        connection = open_connection(database_url, deadline)
        try:
            connection.select_one(deadline)
        finally:
            connection.close()
    except DeadlineError as error:
        return Health(False, f"PostgreSQL at {where}: {error} within {timeout_s:g} s")
    except (UnopenedError, FailedError, OSError) as error:
        return Health(False, f"PostgreSQL at {where}: {mask_line(error, [password, database_url])}")
    return Health(True, f"PostgreSQL at {where} answered a query")


def check_kafka(bootstrap: str, client_config: Mapping[str, str], timeout_s: float) -> Health:
    """Ask a Kafka broker for its metadata.

    bootstrap: `host:port[,host:port]`. client_config: further client properties (SASL, TLS); they may hold secrets.
    Blocks in C for up to `timeout_s` seconds: under gevent call it in the hub's thread pool.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    secrets = secret_values(client_config)
    problems: list[tuple[str, str]] = []

    def note(error: KafkaError) -> None:
        problems.append((error.name(), str(error.str())))

    properties: dict[str, Any] = {
        "log_level": "0",  # else librdkafka writes to our standard error itself
        "reconnect.backoff.ms": "50",
        "reconnect.backoff.max.ms": "200",
        **client_config,
        "bootstrap.servers": bootstrap,
        "error_cb": note,
    }
    try:
        client = AdminClient(properties)
    except (KafkaException, TypeError, ValueError) as error:
        told = error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else error
        return Health(False, f"Kafka at {bootstrap}: {mask_line(refused_properties(told, client_config), secrets)}")
    try:
        try:
            metadata = client.list_topics(timeout=timeout_s)
        finally:
            client.poll(0)  # hands over the errors that were noted meanwhile: they say why
    except KafkaException as error:
        said = error.args[0].str() if error.args and isinstance(error.args[0], KafkaError) else error
        why = connection_reason(problems, client_config) or "; ".join([str(said), *(text for _, text in problems[-1:])])
        return Health(False, f"Kafka at {bootstrap}: {mask_line(why, secrets)}")
    if not metadata.brokers:
        return Health(False, f"Kafka at {bootstrap}: the metadata names no broker yet")
    return Health(True, f"Kafka at {bootstrap}: {len(metadata.brokers)} broker(s), {len(metadata.topics)} topic(s)")


def check_http(url: str, timeout_s: float, headers: Mapping[str, str] | None = None, ca_file: str = "") -> Health:
    """GET a health endpoint that answers as Spring's actuator does: 200 and `{"status": "UP"}`.

    timeout_s: seconds for each of connecting and every read. headers: sent along; may be secrets. ca_file: certificates
    that an https service is trusted by, empty for the usual ones. A 200 with another JSON `status` is unhealthy; a 200
    without JSON counts as healthy (not every service tells more).
    """
    try:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or not parts.hostname:
        return Health(False, "the health URL is not one: give http://HOST:PORT/PATH")
    secrets = [parts.password or "", parts.query, *(headers or {}).values()]
    bound = max(timeout_s, math.ulp(1.0))
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        trusted = ssl.create_default_context(cafile=ca_file or None)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=bound, context=trusted)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=bound)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        body = answer.read(_BODY_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        return Health(False, f"{where}: {mask_line(error or type(error).__name__, secrets)}")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return Health(False, f"{where}: status {answer.status}")
    try:
        document = json.loads(body)
    except ValueError:
        return Health(True, f"{where}: 200")
    told = document.get("status") if isinstance(document, dict) else None
    return Health(told in (None, "UP"), f"{where}: {told or 200}")
