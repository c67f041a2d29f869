"""Asks a target once, on a new connection, whether it serves; and waits until it does."""

import time
from collections.abc import Callable
from typing import Final

from health.check import Health, check_http, check_kafka, check_sql
from health.spec import ProbeSpec

QUESTION_S: Final = 1.0
PAUSE_S: Final = 0.1
# So many answers in a row prove that it is back.
STREAK: Final = 2


def ask(probe: ProbeSpec, timeout_s: float = QUESTION_S) -> Health:
    """Return whether the target answers now, within `timeout_s` seconds. Blocks; under gevent not for Kafka."""
    if probe.protocol == "kafka":
        return check_kafka(probe.address, probe.client, timeout_s)
    if probe.protocol == "sql":
        return check_sql(probe.address, timeout_s)
    return check_http(probe.address, timeout_s, dict(probe.headers), probe.ca_file)


def await_served(
    probe: ProbeSpec, timeout_s: float, now: Callable[[], float] = time.time
) -> tuple[tuple[float, float] | None, str]:
    """Ask until it serves, at most `timeout_s` seconds.

    Returns:
        The edge at which it was back ([last failure, first answer] by `now`, epoch seconds), None when it was not
        proven; and what was said last.
    """
    deadline = time.monotonic() + timeout_s
    away, first, streak = now(), 0.0, 0
    while True:
        asked = now()
        health = ask(probe, max(PAUSE_S, min(QUESTION_S, deadline - time.monotonic())))
        if health.ok:
            first = now() if streak == 0 else first
            streak += 1
        else:
            away, streak = asked, 0
        if streak >= STREAK:
            return (away, first), health.detail
        if time.monotonic() >= deadline:
            return None, health.detail
        time.sleep(PAUSE_S)
