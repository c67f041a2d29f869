"""What a topic has in place of an event that is missing, read from a real broker."""

import uuid

import pytest
from confluent_kafka import Producer

from contract.event import EventContract
from contract.order_id import AcknowledgedId
from stores.event_search import find_event
from stores.topic import read_bounds
from tests.chaos.faults.little_service import await_that
from tests.conftest import Infra

pytestmark = pytest.mark.real


def ends(infra: Infra, topic: str) -> dict[int, int]:
    return read_bounds({"bootstrap.servers": infra.kafka_bootstrap}, topic).ends


def hint(infra: Infra, topic: str) -> str | None:
    begin = ends(infra, topic)
    identity = uuid.uuid4()
    order = AcknowledgedId(str(identity), identity.bytes)
    client = {"bootstrap.servers": infra.kafka_bootstrap}
    return find_event(client, topic, begin, EventContract(), order, customer=str(uuid.uuid4()), timeout_s=0.3).hint


def test_a_topic_of_transactions_is_not_called_empty(infra: Infra) -> None:
    """The last offset is the marker of the transaction, which no consumer is handed."""
    topic = infra.new_topic(partitions=1)
    producer = Producer({"bootstrap.servers": infra.kafka_bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, key=b"first", value=b"{}")
    producer.produce(topic, key=b"second", value=b'{"orderId": 1}')
    producer.commit_transaction(20)
    # The broker writes the marker after it has answered the commit.
    await_that(lambda: ends(infra, topic)[0] == 3, "the marker of the commit")
    found = hint(infra, topic)
    assert found is not None
    assert found.startswith("nothing came after it, and the newest record has ")


def test_nothing_readable_is_said_as_such(infra: Infra) -> None:
    found = hint(infra, infra.new_topic(partitions=1))
    assert found == "no readable record came, nor was one at the end of the topic"
