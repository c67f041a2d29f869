"""What the order service does while the broker is down: silent 201, hang, error, and the outbox that loses nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from .conftest import Answer, Infra, Service, Start, broker_down, eventually, order_body

pytestmark = pytest.mark.real


def offer(service: Service, rate: float, seconds: float) -> list[Answer]:
    """Send orders on an absolute schedule, each on its own connection, and return every answer."""
    start = time.monotonic()
    count = int(rate * seconds)
    with ThreadPoolExecutor(count) as pool:
        futures = []
        for number in range(count):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            futures.append(pool.submit(service.order))
        return [future.result() for future in futures]


def test_an_outage_makes_silent_201s_after_the_block_time(infra: Infra, start: Start) -> None:
    service = start(block_time=1)
    assert service.order().status == 201
    with broker_down(infra):
        answers = offer(service, rate=20, seconds=2)
        health = service.call("GET", "/actuator/health")
        assert (health.status, health.body["status"], health.body["details"]["kafka"]) == (200, "UP", "DOWN")
        assert health.seconds < 0.5
    assert {answer.status for answer in answers} == {201}
    assert all(0.9 < answer.seconds < 1.6 for answer in answers), sorted(a.seconds for a in answers)
    lost = {answer.body["orderId"] for answer in answers}
    assert len(lost) == 40
    eventually("the broker is found again", service.healthy_with_kafka)
    after = service.order()
    assert after.seconds < 0.5
    assert lost < service.rows()
    eventually("the event after the outage arrives", lambda: after.body["orderId"] in service.event_keys())
    assert not lost & service.event_keys()
    for order_id in lost:
        assert f"WARNING orderservice.naive: publish failed for order {order_id}" in service.logged()


def test_health_answers_at_once_while_requests_hang(infra: Infra, start: Start) -> None:
    service = start(pool_size=2, block_time=2)
    with broker_down(infra), ThreadPoolExecutor(6) as pool:
        hanging = [pool.submit(service.order) for _ in range(6)]
        for _ in range(10):
            assert service.call("GET", "/actuator/health").seconds < 0.5
            time.sleep(0.1)
        assert not any(future.done() for future in hanging)
        assert all(future.result().seconds > 1.9 for future in hanging)


def test_a_small_pool_turns_losses_into_errors(infra: Infra, start: Start) -> None:
    service = start(pool_size=5, pool_wait=1.5, block_time=0.5)
    assert service.order().status == 201
    with broker_down(infra):
        answers = offer(service, rate=30, seconds=4)
    silent = {answer.body["orderId"] for answer in answers if answer.status == 201}
    failed = [answer for answer in answers if answer.status == 500]
    assert len(silent) + len(failed) == 120
    # The pool lets pool_size / block_time = 10 orders a second through, for the 4 s and the wait after them.
    assert 35 <= len(silent) <= 65, len(silent)
    assert all(1.4 < answer.seconds < 2.5 for answer in failed)
    assert all(answer.body["status"] == 500 for answer in failed)
    eventually("the broker is found again", service.healthy_with_kafka)
    assert len(service.rows()) == 1 + len(silent)
    assert silent < service.rows()
    assert not silent & service.event_keys()


def test_block_time_0_fails_at_once_and_carries_the_rate(infra: Infra, start: Start) -> None:
    service = start(block_time=0, pool_size=5)
    with broker_down(infra):
        answers = offer(service, rate=60, seconds=2)
    assert {answer.status for answer in answers} == {201}
    assert sorted(answer.seconds for answer in answers)[len(answers) // 2] < 0.2
    assert len(service.rows()) == 120
    eventually("the broker is found again", service.healthy_with_kafka)
    assert service.events() == []


def test_a_frozen_broker_blocks_after_the_request_timeout(infra: Infra, start: Start) -> None:
    service = start(block_time=0.5, request_timeout=1, delivery_timeout=2)
    assert service.order().status == 201
    infra.broker.pause()
    try:
        first = service.order()  # handed to the client: still undecided
        assert (first.status, first.seconds < 0.4) == (201, True)
        eventually("silence is noticed", lambda: not service.healthy_with_kafka(), 3)
        blocked = service.order()
        assert blocked.status == 201
        assert 0.4 < blocked.seconds < 1.2
        lost = f"ERROR orderservice.publisher: event lost for order {first.body['orderId']}"
        eventually("the delivery is given up", lambda: lost in service.logged(), 6)
    finally:
        infra.broker.resume()
    eventually("the broker is found again", service.healthy_with_kafka)
    assert blocked.body["orderId"] not in service.event_keys()
    assert f"WARNING orderservice.naive: publish failed for order {blocked.body['orderId']}" in service.logged()


def test_the_outbox_answers_at_once_and_loses_nothing(infra: Infra, start: Start) -> None:
    service = start(variant="outbox", pool_size=3)
    assert service.order().status == 201
    with broker_down(infra):
        answers = offer(service, rate=30, seconds=4)
        assert {answer.status for answer in answers} == {201}
        assert sorted(answer.seconds for answer in answers)[len(answers) // 2] < 0.2
        assert service.call("GET", "/outbox/backlog").body["pending"] >= 119
    drained = eventually(
        "the backlog is empty", lambda: service.call("GET", "/outbox/backlog").body == {"pending": 0}, 10
    )
    assert drained < 2, drained
    assert {answer.body["orderId"] for answer in answers} < service.event_keys()
    assert service.rows() == service.event_keys()
    with psycopg.connect(service.database_url) as connection:
        saved = {str(row[0]) for row in connection.execute("SELECT id FROM outbox WHERE published_at IS NOT NULL")}
    assert {event["eventId"] for _, event in service.events()} == saved


def test_the_phantom_endpoint_says_so_when_nothing_was_sent(infra: Infra, start: Start) -> None:
    service = start(chaos="true", block_time=0.2)
    with broker_down(infra):
        answer = service.call("POST", "/chaos/phantom-event", order_body())
    assert answer.status == 200
    assert (answer.body["eventSentToKafka"], answer.body["dbRolledBack"]) == (False, True)
    assert service.rows() == set()


@pytest.mark.parametrize("variant", ["naive", "outbox"])
def test_sigterm_ends_in_seconds_while_the_broker_is_down(infra: Infra, start: Start, variant: str) -> None:
    service = start(variant=variant, block_time=1)
    with broker_down(infra), ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(service.order) for _ in range(4)]
        time.sleep(0.3)
        begin = time.monotonic()
        assert service.terminate() == 0, service.logged()
        assert time.monotonic() - begin < 6
        assert {future.result().status for future in under_way} == {201}
    assert "stopped" in service.logged()
    assert "Traceback" not in service.logged()


def test_it_starts_without_a_broker(infra: Infra, start: Start) -> None:
    with broker_down(infra):
        service = start(wait_for_kafka=False, block_time=0)
        assert service.order().status == 201
    eventually("the broker is found", service.healthy_with_kafka)
    order = service.order().body["orderId"]
    eventually("an event after it arrives", lambda: service.event_keys() == {order})
