"""What the order service does while the broker is down: silent 201, hang, error, and the outbox that loses nothing.

One outage for all of them: a broker takes seconds to end and to start. What each service does in it is noted by the
fixture, one after the other, and each test looks at one of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
import pytest

from .conftest import Answer, Infra, Service, Start, broker_down, eventually, order_body, services

pytestmark = [pytest.mark.real, pytest.mark.exhaustive]

# Upper bounds that two burdened cores keep, where 0.8 s were measured: a longer block time would exceed them.
AT_ONCE_S = 3.0
SOON_S = 10.0


def median_s(answers: list[Answer]) -> float:
    return sorted(answer.seconds for answer in answers)[len(answers) // 2]


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


@dataclass(frozen=True)
class Seen:
    """What a service did in the outage: its answers, and what was asked of its health or backlog meanwhile."""

    service: Service
    answers: list[Answer]
    asked: list[Answer]


def hang(service: Service) -> Seen:
    with ThreadPoolExecutor(6) as pool:
        hanging = [pool.submit(service.order) for _ in range(6)]
        asked = []
        for _ in range(5):
            asked.append(service.call("GET", "/actuator/health"))
            time.sleep(0.1)
        assert not any(future.done() for future in hanging)
        return Seen(service, [future.result() for future in hanging], asked)


def ended(service: Service) -> Seen:
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(service.order) for _ in range(4)]
        time.sleep(0.3)
        begin = time.monotonic()
        assert service.terminate() == 0, service.logged()
        assert time.monotonic() - begin < 20
        return Seen(service, [future.result() for future in under_way], [])


@pytest.fixture(scope="module")
def outage(infra: Infra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """One outage; ends with the broker up again, and known so to each service that still runs."""
    with services(infra, tmp_path_factory.mktemp("outage")) as start:
        silent, hanging = start(block_time=1), start(block_time=2, pool_size=2)
        small, at_once = start(block_time=0.5, pool_size=5, pool_wait=1.5), start(block_time=0, pool_size=5)
        outbox, phantom = start(variant="outbox", pool_size=3), start(chaos="true", block_time=0.2)
        naive, relay = (start(variant=variant, block_time=1) for variant in ("naive", "outbox"))
        for service in (silent, small, outbox):
            assert service.order().status == 201
        with broker_down(infra):
            seen = {
                "silent": Seen(silent, offer(silent, rate=20, seconds=2), [silent.call("GET", "/actuator/health")]),
                "hanging": hang(hanging),
                "small": Seen(small, offer(small, rate=30, seconds=4), []),
                "at once": Seen(at_once, offer(at_once, rate=60, seconds=2), []),
                "outbox": Seen(outbox, offer(outbox, rate=30, seconds=4), [outbox.call("GET", "/outbox/backlog")]),
                "phantom": Seen(phantom, [phantom.call("POST", "/chaos/phantom-event", order_body())], []),
                "ended naive": ended(naive),
                "ended outbox": ended(relay),
            }
            late = start(wait_for_kafka=False, block_time=0)
            seen["late"] = Seen(late, [late.order()], [])
        eventually("the backlog is empty", lambda: outbox.call("GET", "/outbox/backlog").body == {"pending": 0}, 10)
        for name, one in seen.items():
            if one.service.process.poll() is None:
                eventually(f"the broker is found again by {name}", one.service.healthy_with_kafka)
        yield seen


def test_an_outage_makes_silent_201s_after_the_block_time(outage: dict[str, Seen]) -> None:
    service, answers, (health,) = vars(outage["silent"]).values()
    assert (health.status, health.body["status"], health.body["details"]["kafka"]) == (200, "UP", "DOWN")
    assert health.seconds < 0.9
    assert {answer.status for answer in answers} == {201}
    assert all(0.9 < answer.seconds < SOON_S for answer in answers), sorted(a.seconds for a in answers)
    lost = {answer.body["orderId"] for answer in answers}
    assert len(lost) == 40
    after = service.order()
    assert after.seconds < 0.9, "an order after the outage waits for no block time"
    assert lost < service.rows()
    eventually("the event after the outage arrives", lambda: after.body["orderId"] in service.event_keys())
    assert not lost & service.event_keys()
    for order_id in lost:
        assert f"WARNING orderservice.naive: publish failed for order {order_id}" in service.logged()


def test_health_answers_at_once_while_requests_hang(outage: dict[str, Seen]) -> None:
    first_order_s = min(answer.seconds for answer in outage["hanging"].answers)
    assert first_order_s > 1.9
    assert all(health.seconds < first_order_s / 2 for health in outage["hanging"].asked)


def test_a_small_pool_turns_losses_into_errors(outage: dict[str, Seen]) -> None:
    service, answers, _ = vars(outage["small"]).values()
    silent = {answer.body["orderId"] for answer in answers if answer.status == 201}
    failed = [answer for answer in answers if answer.status == 500]
    assert len(silent) + len(failed) == 120
    # The pool lets pool_size / block_time = 10 orders a second through, for the 4 s and the wait after them.
    assert 35 <= len(silent) <= 65, len(silent)
    assert all(1.4 < answer.seconds < SOON_S for answer in failed)
    assert all(answer.body["status"] == 500 for answer in failed)
    assert len(service.rows()) == 1 + len(silent)
    assert silent < service.rows()
    assert not silent & service.event_keys()


def test_block_time_0_fails_at_once_and_carries_the_rate(outage: dict[str, Seen]) -> None:
    service, answers, _ = vars(outage["at once"]).values()
    assert {answer.status for answer in answers} == {201}
    assert median_s(answers) < AT_ONCE_S
    assert len(service.rows()) == 120
    assert service.events() == []


def test_a_frozen_broker_blocks_after_the_request_timeout(infra: Infra, start: Start) -> None:
    service = start(block_time=0.5, request_timeout=1, delivery_timeout=2)
    assert service.order().status == 201
    infra.broker.pause()
    try:
        first = service.order()  # handed to the client: still undecided
        assert first.status == 201
        eventually("silence is noticed", lambda: not service.healthy_with_kafka(), SOON_S)
        blocked = service.order()
        assert blocked.status == 201
        assert 0.4 < blocked.seconds < SOON_S
        lost = f"ERROR orderservice.publisher: event lost for order {first.body['orderId']}"
        eventually("the delivery is given up", lambda: lost in service.logged(), SOON_S)
    finally:
        infra.broker.resume()
    eventually("the broker is found again", service.healthy_with_kafka)
    assert blocked.body["orderId"] not in service.event_keys()
    failed = "WARNING orderservice.naive: publish failed for order "
    assert failed + blocked.body["orderId"] in service.logged()
    assert failed + first.body["orderId"] not in service.logged()


def test_the_outbox_answers_at_once_and_loses_nothing(outage: dict[str, Seen]) -> None:
    service, answers, (backlog,) = vars(outage["outbox"]).values()
    assert {answer.status for answer in answers} == {201}
    assert median_s(answers) < AT_ONCE_S
    assert backlog.body["pending"] >= 119
    assert {answer.body["orderId"] for answer in answers} < service.event_keys()
    assert service.rows() == service.event_keys()
    with psycopg.connect(service.database_url) as connection:
        saved = {str(row[0]) for row in connection.execute("SELECT id FROM outbox WHERE published_at IS NOT NULL")}
    assert {event["eventId"] for _, event in service.events()} == saved


def test_the_phantom_endpoint_says_so_when_nothing_was_sent(outage: dict[str, Seen]) -> None:
    (answer,) = outage["phantom"].answers
    assert answer.status == 200
    assert (answer.body["eventSentToKafka"], answer.body["dbRolledBack"]) == (False, True)
    assert outage["phantom"].service.rows() == set()


@pytest.mark.parametrize("variant", ["naive", "outbox"])
def test_sigterm_ends_in_seconds_while_the_broker_is_down(outage: dict[str, Seen], variant: str) -> None:
    service, answers, _ = vars(outage[f"ended {variant}"]).values()
    assert {answer.status for answer in answers} == {201}
    assert "stopped" in service.logged()
    assert "Traceback" not in service.logged()


def test_it_starts_without_a_broker(outage: dict[str, Seen]) -> None:
    service, (first,), _ = vars(outage["late"]).values()
    assert first.status == 201
    order = service.order().body["orderId"]
    eventually("an event after it arrives", lambda: service.event_keys() == {order})
