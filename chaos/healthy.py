"""Is every part of the system under test well? Asked before a run, and again after it, on the protocol of each part."""

import time
from collections.abc import Iterator
from typing import Final

import gevent

from chaos.subject import Subject
from health.check import Health, check_http, check_kafka, check_sql
from stack.redpanda import check_redpanda

HEALTH_S: Final = 5.0
POLL_S: Final = 0.5


def parts(subject: Subject) -> Iterator[tuple[str, Health]]:
    """Ask database, broker and service, one after the other, each when its turn has come."""
    yield "database", check_sql(subject.database_url, HEALTH_S)
    # librdkafka does not yield to gevent: a native thread asks.
    arguments = (subject.kafka["bootstrap.servers"], subject.kafka, HEALTH_S)
    yield "broker", gevent.get_hub().threadpool.apply(check_kafka, arguments)
    if subject.admin_url is not None:
        yield "broker", check_redpanda(subject.admin_url, HEALTH_S)
    if subject.health_url is not None:
        yield "service", check_http(subject.health_url, HEALTH_S, dict(subject.headers), subject.ca_file)


def await_healthy(subject: Subject, timeout_s: float) -> list[str]:
    """Wait until all parts are well, at most about `timeout_s` seconds; return what is wrong with the others."""
    deadline = time.monotonic() + timeout_s
    while True:
        sick = [f"{name}: {health.detail}" for name, health in parts(subject) if not health.ok]
        if not sick or time.monotonic() >= deadline:
            return sick
        gevent.sleep(POLL_S)
