"""The order service on real PostgreSQL and real Kafka, with the broker up."""

from __future__ import annotations

import socket
import time
import uuid

import psutil
import psycopg
import pytest

from .conftest import Infra, Start, eventually, order_body, run_module

pytestmark = pytest.mark.real


@pytest.mark.parametrize("variant", ["naive", "outbox"])
def test_an_order_is_saved_published_and_read(start: Start, variant: str) -> None:
    service = start(variant=variant)
    body = order_body(
        items=[
            {"productId": str(uuid.uuid4()), "quantity": 3, "unitPrice": 19.99},
            {"productId": str(uuid.uuid4()), "quantity": 1, "unitPrice": 0.10},
        ]
    )
    answer = service.call("POST", "/orders", body)
    assert answer.status == 201
    assert list(answer.body) == ["orderId"]
    order_id = answer.body["orderId"]

    read = service.call("GET", f"/orders/{order_id}")
    assert read.status == 200
    assert list(read.body) == ["id", "customerId", "status", "total", "items", "createdAt", "updatedAt"]
    assert (read.body["id"], read.body["customerId"]) == (order_id, body["customerId"])
    assert read.body["total"] == 60.07
    assert sorted(map(str, read.body["items"])) == sorted(map(str, body["items"]))

    eventually("the event is in the topic", lambda: len(service.events()) == 1)
    [(key, event)] = service.events()
    assert key == order_id
    assert list(event) == ["eventId", "orderId", "customerId", "totalAmount", "items", "occurredAt"]
    assert (event["orderId"], event["customerId"]) == (order_id, body["customerId"])
    assert event["totalAmount"] == 60.07
    assert event["items"] == body["items"]
    assert uuid.UUID(event["eventId"]) != uuid.UUID(order_id)
    assert event["occurredAt"].endswith("Z")
    assert event["occurredAt"] == read.body["createdAt"]

    with psycopg.connect(service.database_url) as connection:
        [row] = connection.execute("SELECT created_at, extract(epoch FROM created_at) FROM orders").fetchall()
    assert row[0].tzinfo is None
    assert abs(float(row[1]) - time.time()) < 60, "created_at is UTC"
    assert service.database_url not in " ".join(psutil.Process(service.process.pid).cmdline()) + service.logged()


def test_bad_requests_are_400_and_leave_nothing(start: Start) -> None:
    service = start()
    item = order_body()["items"][0]
    bodies: list[object] = [
        b"not json",
        b"",
        [],
        {},
        order_body(customerId="nobody"),
        order_body(items=[]),
        order_body(items=[item | {"quantity": 0}]),
        order_body(items=[item | {"unitPrice": 0}]),
        order_body(items=[item | {"quantity": 2_000_000_000, "unitPrice": 99_999_999.99}]),
    ]
    for body in bodies:
        answer = service.call("POST", "/orders", body)
        assert answer.status == 400, body
        assert answer.body["message"]
    assert service.call("POST", "/orders", b" " * 300_000).status == 413
    assert service.call("GET", f"/orders/{uuid.uuid4()}").status == 404
    assert service.call("GET", "/orders/17").status == 400
    assert service.call("GET", "/nothing-here").status == 404
    # Without their settings there is neither.
    assert service.call("POST", "/chaos/phantom-event", order_body()).status == 404
    assert service.call("GET", "/outbox/backlog").status == 404
    assert service.rows() == set()
    assert service.events() == []


def test_phantom_event_is_in_kafka_and_not_in_the_database(start: Start) -> None:
    service = start(chaos="true")
    answer = service.call("POST", "/chaos/phantom-event", order_body())
    assert answer.status == 200
    assert set(answer.body) == {"orderId", "existsInDb", "eventSentToKafka", "dbRolledBack", "explanation"}
    assert (answer.body["existsInDb"], answer.body["eventSentToKafka"], answer.body["dbRolledBack"]) == (
        False,
        True,
        True,
    )
    assert service.event_keys() == {answer.body["orderId"]}
    assert service.rows() == set()
    assert service.call("GET", f"/orders/{answer.body['orderId']}").status == 404
    assert service.call("POST", "/chaos/phantom-event", {"items": []}).status == 400


def test_a_taken_port_is_one_sentence_and_exit_4(infra: Infra) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = run_module(
            "--port",
            str(port),
            "--kafka-bootstrap",
            infra.kafka_bootstrap,
            ORDERSERVICE_DATABASE_URL=infra.database_url,
        )
    assert ended.returncode == 4
    assert ended.stderr.count("\n") == 1
    assert f"port {port}" in ended.stderr
    assert "ORDERSERVICE_PORT" in ended.stderr


def test_the_second_relay_stands_by_and_takes_over(start: Start) -> None:
    first = start(variant="outbox")
    second = start(variant="outbox", like=first)
    eventually("the first relay works", lambda: "relay is at work" in first.logged())
    ids = {second.order().body["orderId"] for _ in range(3)}
    eventually("the first relays for the second", lambda: second.call("GET", "/outbox/backlog").body == {"pending": 0})
    assert "relay is at work" not in second.logged()
    assert first.terminate() == 0
    ids.add(second.order().body["orderId"])
    eventually("the second takes over", lambda: second.event_keys() == ids)
    assert "relay is at work" in second.logged()
    assert len(second.events()) == len(ids)


def test_lost_database_connections_are_replaced(start: Start) -> None:
    service = start(variant="outbox", pool_size=3)
    before = service.order().body["orderId"]
    eventually("the first event is out", lambda: service.event_keys() == {before})
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    after = service.order()
    assert after.status == 201, service.logged()
    eventually("the relay is back", lambda: service.event_keys() == {before, after.body["orderId"]})
