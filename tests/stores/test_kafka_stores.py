"""Where Kafka sends its clients, and what an open transaction keeps from them: on the session's broker."""

import uuid

import pytest
from confluent_kafka import Producer

from health.kafka_errors import connection_reason
from stack.kafka import LISTENER_PORT, PROXY_PORT
from stores.listeners import Listener, advertised, unreachable
from stores.topic import held_back, held_back_words
from tests.conftest import Infra


@pytest.mark.real
def test_an_advertised_address_that_takes_no_connection_is_named(infra: Infra) -> None:
    ports = infra.state.components["broker"].extra
    # The listener of the service advertises the port of a proxy that is not running here.
    bootstrap = f"127.0.0.1:{ports[LISTENER_PORT]}"
    found = advertised({"bootstrap.servers": bootstrap}, "order.created", 10.0)
    assert found == [Listener(1, "127.0.0.1", int(str(ports[PROXY_PORT])))]
    sentence = unreachable(found, bootstrap, 2.0)
    assert sentence is not None
    assert f"advertises its broker 1 as 127.0.0.1:{ports[PROXY_PORT]}" in sentence
    assert "connection refused" in sentence


@pytest.mark.real
def test_an_advertised_address_that_answers_is_no_problem(infra: Infra) -> None:
    found = advertised({"bootstrap.servers": infra.kafka_bootstrap}, infra.new_topic(2), 10.0)
    assert unreachable(found, infra.kafka_bootstrap, 2.0) is None


def test_a_name_that_does_not_resolve_is_named() -> None:
    sentence = unreachable([Listener(1, "redpanda.invalid", 9092)], "localhost:9092", 5.0)
    assert sentence is not None
    assert "advertises its broker 1 as redpanda.invalid:9092" in sentence


@pytest.mark.real
def test_an_open_transaction_holds_back_what_follows(infra: Infra) -> None:
    topic = infra.new_topic(1)
    client = {"bootstrap.servers": infra.kafka_bootstrap}
    assert held_back(client, topic) == {}
    producer = Producer({**client, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"x")
    assert producer.flush(20) == 0
    held = held_back(client, topic)
    assert held == {0: 0}
    assert held_back_words(held) == "an open transaction holds back what comes from offset 0 of partition 0 on"
    producer.abort_transaction(20)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("redpanda:9092/1: Failed to resolve 'redpanda:9092': Name or service not known", "redpanda:9092"),
        ("localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused", None),
        ("localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused", None),
    ],
)
def test_the_advertised_address_is_named_when_a_question_fails(text: str, named: str | None) -> None:
    reason = connection_reason([("_RESOLVE", text)], {"bootstrap.servers": "localhost:9092"})
    assert reason == (named and f"it advertises its broker 1 as {named}, which cannot be reached from here")
