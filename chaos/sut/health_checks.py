"""Health checks of every part of the system under test, each on its own protocol."""

import time
from collections.abc import Iterator
from typing import Final

import gevent

from chaos.sut.sut import SystemUnderTest
from health.check import Health, check
from health.patience import LONGEST_S
from health.spec import ProbeSpec
from stack.redpanda import check_redpanda

HEALTH_S: Final = LONGEST_S
POLL_S: Final = 0.5


def service_probe(sut: SystemUnderTest) -> ProbeSpec | None:
    """Return the probe of the service's health; None if it has no health URL."""
    if sut.health_url is None:
        return None
    return ProbeSpec("http", sut.health_url, headers=sut.headers, ca_file=sut.ca_file)


def parts(sut: SystemUnderTest) -> Iterator[tuple[str, Health]]:
    """Check database, broker and service, one after the other, as the caller iterates."""
    yield "database", check(ProbeSpec("sql", sut.database_url), HEALTH_S)
    # librdkafka does not yield to gevent, so a native thread checks.
    broker = ProbeSpec("kafka", sut.kafka["bootstrap.servers"], sut.kafka)
    yield "broker", gevent.get_hub().threadpool.apply(check, (broker, HEALTH_S))
    if sut.admin_url is not None:
        yield "broker", check_redpanda(sut.admin_url, HEALTH_S)
    if (service := service_probe(sut)) is not None:
        yield "service", check(service, HEALTH_S)


def await_healthy(sut: SystemUnderTest, timeout_s: float) -> list[str]:
    """Wait until all parts are healthy, at most about `timeout_s` seconds; return what is wrong with the others."""
    deadline = time.monotonic() + timeout_s
    while True:
        unhealthy = [f"{name}: {health.detail}" for name, health in parts(sut) if not health.ok]
        if not unhealthy or time.monotonic() >= deadline:
            return unhealthy
        gevent.sleep(POLL_S)
