"""The service's connections after its database has closed them all: no request waits for a closed one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest

from .conftest import Start, eventually

pytestmark = pytest.mark.real
POOL = 20


def _sessions(database_url: str, what: LiteralString) -> int:
    """Count `what` over the service's sessions in the database."""
    with psycopg.connect(database_url) as connection:
        query: LiteralString = (
            f"SELECT count({what}) FROM pg_stat_activity "
            "WHERE application_name = 'orderservice' AND datname = current_database()"
        )
        counted = connection.execute(query).fetchone()
    assert counted is not None
    return int(counted[0])


@pytest.mark.parametrize("variant", ["naive", "raised"])
def test_the_first_order_after_all_connections_were_closed_is_taken(start: Start, variant: str) -> None:
    service = start(pool_size=POOL, pool_wait=4, variant=variant)
    assert service.order().status == 201
    eventually("the pool is full", lambda: _sessions(service.database_url, "*") >= POOL)
    # The server ends every session, as one does that is stopped or killed.
    assert _sessions(service.database_url, "pg_terminate_backend(pid, 5000)") >= POOL
    # One after the other: no load that would clear the pool of its dead connections.
    for _ in range(3):
        answer = service.order()
        assert answer.status == 201
        assert answer.seconds < 2, "a request pauses for none of the connections that are gone"


def test_a_request_waits_for_a_connection_no_longer_than_it_may(start: Start) -> None:
    service = start(pool_size=1, pool_wait=0.5)
    with psycopg.connect(service.database_url) as blocker, ThreadPoolExecutor(1) as pool:
        blocker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        first = pool.submit(service.order)
        eventually("the only connection is lent", lambda: _waits_for_a_lock(service.database_url))
        second = service.order()
        blocker.rollback()
        assert first.result(10).status == 201
    assert second.status == 500
    assert 0.4 < second.seconds < 3
    assert service.order().status == 201


def _waits_for_a_lock(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return connection.execute(query).fetchone() is not None
