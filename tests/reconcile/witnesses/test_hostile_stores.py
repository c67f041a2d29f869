"""Hostile data and stores for the reading of a run: no crash, no false verdict, and what failed is made up for."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from contract.run_key import RunKey
from reconcile.__main__ import main
from reconcile.history.history import ids_of
from reconcile.witnesses.events import read_events
from reconcile.witnesses.rows import read_rows
from runlog.facts import TopicStart
from runlog.folder import RunFolder
from stores.topic import read_bounds
from stores.topic_settings import topic_settings
from tests.conftest import Infra
from tests.reconcile.core.run_builder import KEY as RUN_KEY
from tests.reconcile.core.run_builder import RunBuilder, order_id
from tests.reconcile.witnesses.witness_data import (
    CLOCK,
    Topic,
    await_end,
    create_tables,
    facts_of,
    insert_orders,
    order_created,
    silent,
    texts,
)
from tests.topics import create_topic

pytestmark = pytest.mark.real
KEY = RunKey(0x2424242424244242)


def topic_with(infra: Infra, config: dict[str, str], **producer: Any) -> Topic:
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": infra.kafka_bootstrap})
    create_topic(admin, NewTopic(name, 1, config=config))
    return Topic(infra.kafka_bootstrap, name, **producer)


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_compressed_batches_and_gigantic_values(infra: Infra, codec: str) -> None:
    limit = {"max.message.bytes": "9000000"}
    topic = topic_with(infra, limit, **{"compression.type": codec, "message.max.bytes": 9_000_000})
    orders = [uuid.uuid4() for _ in range(12)]
    for seq, order in enumerate(orders):
        padding = "x" * (4_000_000 if seq % 5 == 0 else 5)
        topic.put(str(order), order_created(order, KEY.customer_id(seq), padding=padding))
    topic.flush()
    witness = read_events({"bootstrap.servers": infra.kafka_bootstrap}, facts_of(KEY, topic=topic.name), CLOCK, silent)
    assert witness.complete, witness.problem
    assert texts(ids_of(witness.events)) == sorted(map(str, orders))


def test_a_compacted_topic_has_holes_and_an_end(infra: Infra) -> None:
    quick = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.001",
        "segment.ms": "100",
        "max.compaction.lag.ms": "100",
    }
    topic = topic_with(infra, quick)
    orders = [uuid.uuid4() for _ in range(6)]
    for round_number in range(3):
        for seq, order in enumerate(orders):
            topic.put(str(order), order_created(order, KEY.customer_id(seq), round=round_number))
        topic.flush()
    topic.put(str(orders[0]), None)
    topic.flush()
    witness = read_events({"bootstrap.servers": infra.kafka_bootstrap}, facts_of(KEY, topic=topic.name), CLOCK, silent)
    assert witness.complete, witness.problem
    # Whether the broker has compacted it by now or not: every order has an event, none is made up.
    assert set(texts(ids_of(witness.events))) <= set(map(str, orders))
    assert set(texts(ids_of(witness.events))) >= set(map(str, orders[1:]))
    assert witness.reached == witness.ends == {0: 19}


def test_values_without_bottom_are_no_events(infra: Infra) -> None:
    topic = topic_with(infra, {})
    one, deep = uuid.uuid4(), uuid.uuid4()
    topic.put(str(one), order_created(one, KEY.customer_id(1)))
    bottomless = b"[" * 5000 + b"]" * 5000
    topic.put("x", b'{"x":' + bottomless + b"}")
    topic.put(str(deep), order_created(deep, KEY.customer_id(2))[:-1] + b', "more":' + bottomless + b"}")
    topic.flush()
    witness = read_events({"bootstrap.servers": infra.kafka_bootstrap}, facts_of(KEY, topic=topic.name), CLOCK, silent)
    assert witness.complete, witness.problem
    assert (texts(ids_of(witness.events)), witness.unreadable) == ([str(one)], 2)


@pytest.mark.parametrize("policy", ["compact", "compact,delete", "delete"])
def test_a_topic_that_is_compacted_is_known_as_one(infra: Infra, policy: str) -> None:
    topic = topic_with(infra, {"cleanup.policy": policy})
    client = {"bootstrap.servers": infra.kafka_bootstrap}
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, silent)
    # Apache Kafka knows no write caching: that it reports none is its word, and no doubt.
    assert (witness.compacted, witness.write_caching, witness.settings_problem) == (policy != "delete", False, None)


@pytest.mark.parametrize("transactional", [True, False])
def test_offsets_without_a_record_are_counted(infra: Infra, transactional: bool) -> None:
    settings = {"transactional.id": uuid.uuid4().hex} if transactional else {}
    topic = topic_with(infra, {}, **settings)
    if transactional:
        topic.producer.init_transactions(20)
        topic.producer.begin_transaction()
    order = uuid.uuid4()
    topic.put(str(order), order_created(order, KEY.customer_id(1)))
    topic.flush()
    if transactional:
        topic.producer.commit_transaction(20)
    client = {"bootstrap.servers": infra.kafka_bootstrap}
    # The broker writes the marker after it has acknowledged the commit.
    await_end(client, topic.name, 2 if transactional else 1)
    witness = read_events(client, facts_of(KEY, topic=topic.name), CLOCK, silent)
    assert (len(witness.events), witness.skipped) == (1, 1 if transactional else 0)


def test_an_unknown_configuration_says_why(infra: Infra) -> None:
    policy = topic_settings({"bootstrap.servers": infra.kafka_bootstrap}, f"absent-{uuid.uuid4().hex[:8]}")
    assert policy.compacted is None
    assert "did not report the configuration of topic absent-" in str(policy.problem)


@pytest.mark.parametrize("id_type", ["bigint", "text"])
def test_a_table_with_other_ids_is_a_sentence(infra: Infra, id_type: str) -> None:
    url = infra.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE orders (id {id_type} PRIMARY KEY, customer_id uuid)".encode())
        connection.execute(
            "INSERT INTO orders VALUES (%s, %s)", (7 if id_type == "bigint" else "x", KEY.customer_id(1))
        )
    witness = read_rows(url, facts_of(KEY), CLOCK, silent)
    assert not witness.complete
    assert witness.problem is not None
    assert witness.problem.count("\n") == 0
    assert "uuid" in witness.problem


class Recorded:
    """A run's folder whose orders lie on real stores: 0 to 5 whole, 6 lost its event."""

    def __init__(self, infra: Infra, folder: RunFolder) -> None:
        self.infra, self.folder, self.url = infra, folder, infra.new_database()
        topic = Topic(infra.kafka_bootstrap, infra.new_topic(1))
        builder = RunBuilder().calm(0).order(6, 12, event=False)
        bounds = read_bounds({"bootstrap.servers": infra.kafka_bootstrap}, topic.name)
        builder.facts = replace(
            builder.facts, topic=TopicStart(topic.name, bounds.topic_id, {0: 0}), expect="lost-events"
        )
        # The builder's offsets are of another topic; its probes prove the fault.
        builder.probe_results = builder.history().probe_results
        builder.observations = []
        builder.write(folder)
        create_tables(self.url)
        insert_orders(self.url, [(order_id(seq), RUN_KEY.customer_id(seq)) for seq in range(7)])
        for seq in range(6):
            topic.put(str(order_id(seq)), order_created(order_id(seq), RUN_KEY.customer_id(seq)))
        topic.flush()

    def judge(self, url: str | None = None, bootstrap: str | None = None) -> tuple[int, Any]:
        stores = ["--database-url", url or self.url, "--kafka-bootstrap", bootstrap or self.infra.kafka_bootstrap]
        code = main([str(self.folder.path), "--quiet", *stores])
        return code, json.loads(self.folder.report.read_text(encoding="utf-8"))


@pytest.fixture
def recorded(infra: Infra, tmp_path: Path) -> Iterator[Recorded]:
    yield Recorded(infra, RunFolder(tmp_path / "20261123-073000-4f2a"))


AWAY = {"url": "postgresql://mars:mars@127.0.0.1:1/none", "bootstrap": "127.0.0.1:1"}


@pytest.mark.parametrize("store", sorted(AWAY))
def test_a_store_that_was_down_is_read_later(recorded: Recorded, store: str) -> None:
    code, report = recorded.judge(**{store: AWAY[store]})
    assert (code, report["verdict"], report["counts"]["lost_events"]) == (3, "inconclusive", 0)
    code, report = recorded.judge()
    assert report["counts"]["lost_events"] == 1
    assert report["confirmation"]["confirmed"] == 1
    assert code == 0
    again = main([str(recorded.folder.path), "--quiet"])
    assert again == 0


def test_a_database_that_restarts_while_it_is_read(infra: Infra, recorded: Recorded) -> None:
    from reconcile.witnesses import rows as reading

    restarted: list[bool] = []
    real = reading._rows

    def restart_first(*arguments: Any) -> Any:
        if not restarted:
            restarted.append(True)
            database = infra.stack.database
            database.stop()
            database.start()
            database.wait_ready(30)
        return real(*arguments)

    facts = facts_of(RUN_KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_rows", restart_first)
        witness = read_rows(recorded.url, facts, CLOCK, silent)
    assert restarted
    assert witness.complete, witness.problem
    assert len(witness.rows) == 7


def test_the_folder_of_a_run_is_enough_for_another_machine(recorded: Recorded, tmp_path: Path) -> None:
    recorded.judge()
    moved = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", str(recorded.folder.path), str(moved)], check=True)
    assert main([str(moved), "--quiet"]) == 0
