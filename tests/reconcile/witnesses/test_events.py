"""The witness "event" against real Kafka."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from contract.run_key import RunKey
from reconcile.history.history import EVENT, EventsWitness, ids_of
from reconcile.witnesses.events import read_events
from runlog.facts import RunFacts
from tests.conftest import Infra
from tests.reconcile.witnesses.run_topics import KEY, put_order, topic_of
from tests.reconcile.witnesses.witness_data import CLOCK, Topic, facts_of, order_created, silent, texts

pytestmark = pytest.mark.real


def read(infra: Infra, facts: RunFacts, patience_s: float = 10.0) -> EventsWitness:
    return read_events({"bootstrap.servers": infra.kafka_bootstrap}, facts, CLOCK, silent, patience_s=patience_s)


def transactional_topic_of(infra: Infra, partitions: int = 1) -> Topic:
    topic = Topic(infra.kafka_bootstrap, infra.new_topic(partitions), **{"transactional.id": str(uuid.uuid4())})
    topic.producer.init_transactions(20)
    return topic


def test_what_counts_and_what_does_not(infra: Infra) -> None:
    topic = topic_of(infra)
    orders = [uuid.uuid4() for _ in range(12)]
    mine = [KEY.customer_id(seq) for seq in range(12)]
    event = uuid.uuid4()
    topic.put(str(orders[0]), order_created(orders[0], mine[0], event))
    topic.put(str(orders[0]), order_created(orders[0], mine[0], event))
    topic.put(str(orders[1]), None)
    topic.put(str(orders[2]), b"{garbage")
    topic.put(str(orders[3]), order_created(orders[3], mine[3], eventType="order.cancelled"))
    topic.put(None, order_created(orders[4], mine[4]))
    topic.put(str(orders[5]).upper(), order_created(str(orders[5]).upper(), str(mine[5]).upper()))
    topic.put("{" + str(orders[6]) + "}", order_created(orders[6], mine[6]))
    topic.put(str(orders[7]), order_created(orders[8], mine[8]))
    topic.put(str(orders[9]), order_created(orders[9], uuid.uuid4()))
    topic.flush()
    before = CLOCK.now()
    witness = read(infra, facts_of(KEY, topic=topic.name))
    assert (witness.complete, witness.problem) == (True, None)
    assert witness.events.dtype == EVENT
    assert witness.events["offset"].tolist() == [0, 1, 5, 6, 7]
    assert witness.events["seq"].tolist() == [0, 0, 4, 5, 6]
    assert texts(ids_of(witness.events)) == sorted(str(orders[i]) for i in (0, 0, 4, 5, 6))
    assert int(witness.events["event_hi"][0]) << 64 | int(witness.events["event_lo"][1]) == event.int
    assert (witness.foreign, witness.unreadable) == (1, 4)
    assert (witness.starts, witness.lows, witness.reached, witness.ends) == ({0: 0}, {0: 0}, {0: 10}, {0: 10})
    assert witness.read_at is not None
    assert before <= witness.read_at <= CLOCK.now()


def test_several_partitions_from_their_starts(infra: Infra) -> None:
    topic = topic_of(infra, 3)
    old = [put_order(topic, seq, seq % 3) for seq in range(30)]
    topic.flush()
    new = [put_order(topic, 100 + seq, seq % 2) for seq in range(5000)]
    foreign = [put_order(topic, seq, 1, RunKey.random()) for seq in range(50)]
    topic.flush()
    witness = read(infra, facts_of(KEY, topic=topic.name, starts={0: 10, 1: 10, 2: 10}))
    assert witness.complete
    assert texts(ids_of(witness.events)) == sorted(new)
    assert witness.foreign == len(foreign)
    assert set(witness.events["partition"].tolist()) == {0, 1}
    assert witness.ends == witness.reached == {0: 2510, 1: 2560, 2: 10}
    assert len(old) == 30
    admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})
    identity = admin.describe_topics(TopicCollection([topic.name]))
    assert witness.topic_id == str(identity[topic.name].result(10).topic_id)


def test_an_empty_topic(infra: Infra) -> None:
    witness = read(infra, facts_of(KEY, topic=infra.new_topic(2), starts={0: 0, 1: 0}))
    assert witness.complete
    assert len(witness.events) == 0
    assert witness.reached == witness.ends == {0: 0, 1: 0}


def test_a_missing_topic_is_named_and_not_created(infra: Infra) -> None:
    started = time.monotonic()
    witness = read(infra, facts_of(KEY, topic="never-made"))
    assert not witness.complete
    assert witness.problem == "topic never-made does not exist on the broker"
    assert time.monotonic() - started < 10
    assert "never-made" not in AdminClient({"bootstrap.servers": infra.kafka_bootstrap}).list_topics(timeout=10).topics


def test_aborted_records_are_no_events_and_their_markers_are_no_hindrance(infra: Infra) -> None:
    topic = transactional_topic_of(infra)
    topic.producer.begin_transaction()
    kept = [put_order(topic, seq) for seq in range(5)]
    topic.producer.commit_transaction(20)
    topic.producer.begin_transaction()
    for seq in range(5, 10):
        put_order(topic, seq)
    topic.producer.flush(20)
    topic.producer.abort_transaction(20)
    witness = read(infra, facts_of(KEY, topic=topic.name))
    assert witness.complete
    assert texts(ids_of(witness.events)) == sorted(kept)
    assert witness.reached == witness.ends == {0: 12}


def test_an_open_transaction_is_not_the_end(infra: Infra) -> None:
    topic = transactional_topic_of(infra, 2)
    topic.producer.begin_transaction()
    first = put_order(topic, 0)
    topic.producer.commit_transaction(20)
    topic.producer.begin_transaction()
    second = put_order(topic, 1)
    topic.producer.flush(20)
    facts = facts_of(KEY, topic=topic.name, starts={0: 0, 1: 0})
    started = time.monotonic()
    witness = read(infra, facts, patience_s=1.0)
    assert time.monotonic() - started < 10
    assert not witness.complete
    assert texts(ids_of(witness.events)) == [first]
    assert (witness.reached, witness.ends) == ({0: 2, 1: 0}, {0: 3, 1: 0})
    assert witness.problem is not None
    assert "partition 0 reached offset 2 of 3" in witness.problem
    assert "transaction is open" in witness.problem
    commit = threading.Timer(1.0, topic.producer.commit_transaction, (20,))
    commit.start()
    patient = read(infra, facts)
    commit.join()
    assert patient.complete
    assert texts(ids_of(patient.events)) == sorted([first, second])


def test_a_partition_that_is_new_is_read_from_its_first_offset(infra: Infra) -> None:
    topic = topic_of(infra)
    first = put_order(topic, 0)
    topic.flush()
    admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})
    admin.create_partitions([NewPartitions(topic.name, 3)])[topic.name].result(15)
    late = Topic(infra.kafka_bootstrap, topic.name)
    deadline = time.monotonic() + 15
    while len(late.producer.list_topics(topic.name, timeout=5).topics[topic.name].partitions) < 3:
        assert time.monotonic() < deadline, "the new partitions were not known within 15 s"
        time.sleep(0.1)
    second = put_order(late, 1, partition=2)
    late.flush()
    witness = read(infra, facts_of(KEY, topic=topic.name, starts={0: 0}))
    assert witness.complete
    assert texts(ids_of(witness.events)) == sorted([first, second])
    assert witness.starts == {0: 0, 1: 0, 2: 0}


def test_a_re_created_topic_is_read_whole_and_reported_honestly(infra: Infra) -> None:
    topic = topic_of(infra)
    order = put_order(topic, 0)
    topic.flush()
    beyond = read(infra, facts_of(KEY, topic=topic.name, starts={0: 1000}))
    assert (beyond.starts, beyond.lows, beyond.ends) == ({0: 1000}, {0: 0}, {0: 1})
    assert texts(ids_of(beyond.events)) == [order]
    another = read(infra, facts_of(KEY, topic=topic.name, starts={0: 1}, topic_id="another"))
    assert texts(ids_of(another.events)) == [order]
    assert another.topic_id not in (None, "another")
    fewer = read(infra, facts_of(KEY, topic=topic.name, starts={0: 0, 7: 5}))
    assert not fewer.complete
    assert fewer.problem == f"topic {topic.name} has lost partitions that it had when the run started: [7]"
    assert texts(ids_of(fewer.events)) == [order]


def test_a_log_that_was_cut_at_its_beginning(infra: Infra) -> None:
    from confluent_kafka import TopicPartition

    topic = topic_of(infra)
    orders = [put_order(topic, seq) for seq in range(10)]
    topic.flush()
    admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})
    cut = TopicPartition(topic.name, 0, 4)
    admin.delete_records([cut])[cut].result(15)
    witness = read(infra, facts_of(KEY, topic=topic.name, starts={0: 1}))
    assert witness.complete
    assert (witness.starts, witness.lows) == ({0: 1}, {0: 4})
    assert texts(ids_of(witness.events)) == sorted(orders[4:])


def test_what_is_written_after_the_watermark_is_no_part_of_the_reading(infra: Infra) -> None:
    topic = topic_of(infra)
    orders = [put_order(topic, seq) for seq in range(100)]
    topic.flush()

    def write_meanwhile(stage: str, done: int, total: int | None) -> None:
        if done == 0:
            for seq in range(100, 200):
                put_order(topic, seq)
            topic.flush()

    client = {"bootstrap.servers": infra.kafka_bootstrap}
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, write_meanwhile)
    assert witness.complete
    assert witness.reached == witness.ends == {0: 100}
    assert texts(ids_of(witness.events)) == sorted(orders)
    assert (witness.foreign, witness.unreadable) == (0, 0)
