"""The witness "event" when the broker or the topic goes while it is read, and when there is none."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from confluent_kafka.admin import AdminClient

from reconcile.history.history import ids_of
from reconcile.witnesses.events import read_events
from stores import topic as topic_bounds
from tests.conftest import Infra, RestartableBroker
from tests.reconcile.witnesses.run_topics import KEY, put_order, topic_of
from tests.reconcile.witnesses.witness_data import CLOCK, facts_of, silent, texts

pytestmark = pytest.mark.real


def test_a_topic_that_vanishes_while_it_is_read(infra: Infra) -> None:
    topic = topic_of(infra)
    put_order(topic, 0)
    topic.flush()
    admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})

    def delete(stage: str, done: int, total: int | None) -> None:
        if done == 0:
            admin.delete_topics([topic.name])[topic.name].result(15)

    client = {"bootstrap.servers": infra.kafka_bootstrap}
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, delete, patience_s=1.0)
    assert not witness.complete
    assert witness.problem is not None
    assert "partition 0 reached offset 0 of 1" in witness.problem


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_a_broker_that_goes_while_it_is_read(infra: Infra, broker: RestartableBroker, fault: str) -> None:
    topic = topic_of(infra)
    for seq in range(20_000):
        put_order(topic, seq)
        topic.producer.poll(0)
    topic.flush()

    def break_it(stage: str, done: int, total: int | None) -> None:
        if done == 0:
            getattr(broker, fault)()

    client = {"bootstrap.servers": infra.kafka_bootstrap}
    started = time.monotonic()
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, break_it, patience_s=2.0)
    assert time.monotonic() - started < 20
    assert not witness.complete
    assert witness.problem is not None
    assert f"topic {topic.name} was not read to its end: partition 0 reached offset 0 of 20000" in witness.problem
    assert witness.ends == {0: 20_000}


def test_a_broker_that_comes_back_while_it_is_read(infra: Infra, broker: RestartableBroker) -> None:
    topic = topic_of(infra)
    orders = [put_order(topic, seq) for seq in range(5000)]
    topic.flush()
    starting = threading.Thread(target=broker.start)

    def restart(stage: str, done: int, total: int | None) -> None:
        if done == 0:
            broker.kill()
            starting.start()

    client = {"bootstrap.servers": infra.kafka_bootstrap}
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, restart, patience_s=20.0)
    starting.join()
    assert (witness.complete, witness.problem) == (True, None)
    assert texts(ids_of(witness.events)) == sorted(orders)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_broker_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_bounds, "ANSWER_S", 1.0)
    client = {
        "bootstrap.servers": f"127.0.0.1:{free_port()}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "mars",
        "sasl.password": "hunter2",
    }
    started = time.monotonic()
    witness = read_events(client, facts_of(KEY), CLOCK, silent)
    assert time.monotonic() - started < 10
    assert not witness.complete
    assert witness.problem is not None
    assert witness.problem.startswith(f"no Kafka broker answered at {client['bootstrap.servers']}")
    assert "hunter2" not in witness.problem
    assert (len(witness.events), witness.ends, witness.read_at) == (0, {}, None)


def test_properties_that_the_client_refuses() -> None:
    witness = read_events({"no.such.property": "1"}, facts_of(KEY), CLOCK, silent)
    assert not witness.complete
    assert witness.problem is not None
    assert "no.such.property" in witness.problem
