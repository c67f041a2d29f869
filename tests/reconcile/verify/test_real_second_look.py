"""The second look at real stores: right violations are confirmed, a wrong first reading is caught."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from contract.run_key import RunKey
from reconcile.history.history import History
from reconcile.judge.judge import judge
from reconcile.verify.event_reading import plain_reader
from reconcile.verify.kafka_verifier import events_by_id
from reconcile.verify.sql_verifier import rows_by_id
from reconcile.verify.verification import Verification, saved_verification, verify
from reconcile.witnesses.events import read_events
from reconcile.witnesses.rows import read_rows
from reconcile.witnesses.witness_stores import Stores
from runlog.folder import RunFolder
from runlog.ledger import FIELDS, Ledger, RecordKind
from runlog.outcomes import Outcome
from stores.topic import read_bounds
from tests.conftest import Infra
from tests.reconcile.witnesses.witness_data import CLOCK, Topic, facts_of, order_created, silent

pytestmark = pytest.mark.real
KEY = RunKey.parse("0badcafe0bad4afe")


class Scene:
    """Orders 0 to 4 on real stores: 0 and 4 whole, 1 lost its event, 2 is a phantom, 3 left nothing."""

    def __init__(self, infra: Infra, folder: RunFolder, topic: str) -> None:
        self.infra, self.folder, self.topic = infra, folder, Topic(infra.kafka_bootstrap, topic)
        self.ids = [uuid.uuid4() for _ in range(5)]
        self.stores = Stores(infra.database_url, {"bootstrap.servers": infra.kafka_bootstrap})
        for seq in (0, 1, 4):
            self.store(seq)
        for seq in (0, 2, 4):
            self.publish(seq)

    def store(self, seq: int) -> None:
        with psycopg.connect(self.infra.database_url) as connection:
            order, customer = self.ids[seq], KEY.customer_id(seq)
            connection.execute(
                "INSERT INTO second_look.orders VALUES (%s, %s, 20.00, '2026-11-24T09:00:00')", (order, customer)
            )
            connection.execute(
                "INSERT INTO second_look.order_items (order_id, product_id, quantity, unit_price) "
                "VALUES (%s, gen_random_uuid(), 2, 10.00)",
                (order,),
            )

    def publish(self, seq: int) -> None:
        self.topic.put(str(self.ids[seq]), order_created(self.ids[seq], KEY.customer_id(seq)))
        self.topic.flush()

    def read(self) -> History:
        facts = facts_of(KEY, topic=self.topic.name, orders_table="second_look.orders")
        rows = read_rows(self.infra.database_url, facts, CLOCK, silent)
        events = read_events(self.stores.kafka, facts, CLOCK, silent, rows=rows.rows)
        assert rows.complete and events.complete, (rows.problem, events.problem)
        at = CLOCK.now()
        attempts = np.array(
            [
                (RecordKind.COMPLETED, Outcome.ACKNOWLEDGED, 201, 0, 1, 0, seq, at, at + seq, at + seq, order.bytes)
                for seq, order in enumerate(self.ids)
            ],
            dtype=np.dtype(FIELDS),
        )
        ledger = Ledger(KEY, attempts, closed=True, due=5, missing=0, torn_bytes=0)
        return History(facts, ledger, [], [], [], rows, events)

    def look(self, history: History) -> Verification:
        return verify(self.folder, self.stores, history, judge(history), silent)


@pytest.fixture
def scene(infra: Infra, tmp_path: Path) -> Iterator[Scene]:
    folder = RunFolder(tmp_path / "20261124-090000-0000")
    folder.witnesses.mkdir(parents=True)
    with psycopg.connect(infra.database_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS second_look CASCADE")
        connection.execute("CREATE SCHEMA second_look")
        connection.execute(
            "CREATE TABLE second_look.orders (id uuid PRIMARY KEY, customer_id uuid, total numeric(10,2), "
            "created_at timestamp)"
        )
        connection.execute(
            "CREATE TABLE second_look.order_items (id serial, order_id uuid, product_id uuid, quantity int, "
            "unit_price numeric(10,2))"
        )
    yield Scene(infra, folder, f"second-look-{uuid.uuid4()}")
    with psycopg.connect(infra.database_url) as connection:
        connection.execute("DROP SCHEMA second_look CASCADE")


def test_right_violations_are_confirmed_and_kept(scene: Scene) -> None:
    history = scene.read()
    look = scene.look(history)
    assert look.confirmation is not None
    assert (look.confirmation.checked, look.confirmation.eligible) == (3, 3)
    assert look.confirmation.refuted == look.confirmation.unsettled == []
    assert look.confirmation.complete, look.confirmation.problem
    assert saved_verification(scene.folder, judge(history)) == look
    assert look.lost_rows is not None
    (line,) = look.lost_rows
    record: Any = json.loads(line)
    assert (record["topic"], record["key"]) == (scene.topic.name, str(scene.ids[1]))
    value = record["value"]
    assert (value["orderId"], value["customerId"]) == (str(scene.ids[1]), str(KEY.customer_id(1)))
    assert (value["totalAmount"], value["items"][0]["quantity"], value["occurredAt"]) == (
        20.0,
        2,
        "2026-11-24T09:00:00Z",
    )


def test_what_was_kept_is_no_answer_to_another_question(scene: Scene) -> None:
    history = scene.read()
    scene.look(history)
    fewer = replace(history.events, events=history.events.events[:-1])
    assert saved_verification(scene.folder, judge(replace(history, events=fewer))) is None


@pytest.mark.parametrize("missed", ["event", "row", "invented event", "invented row"])
def test_a_wrong_first_reading_is_refuted(scene: Scene, missed: str) -> None:
    history = scene.read()
    rows, events = history.rows, history.events
    if missed == "event":
        history = replace(history, events=replace(events, events=events.events[1:]))
    elif missed == "row":
        history = replace(history, rows=replace(rows, rows=rows.rows[1:]))
    elif missed == "invented event":
        extra = events.events[:1].copy()
        extra["hi"] += 1
        extra["seq"] = 77
        history = replace(history, events=replace(events, events=np.concatenate([events.events, extra])))
    else:
        more = rows.rows[:1].copy()
        more["hi"] += 1
        history = replace(history, rows=replace(rows, rows=np.concatenate([rows.rows, more])))
    look = scene.look(history)
    assert look.confirmation is not None
    assert len(look.confirmation.refuted) == 1
    ruling = judge(replace(history, confirmation=look.confirmation)).ruling
    assert (ruling.verdict.value, ruling.exit_code) == ("inconclusive", 2)
    assert "the harness is wrong" in ruling.reason


def test_what_came_after_the_reading_is_unsettled(scene: Scene) -> None:
    history = scene.read()
    scene.publish(1)
    scene.store(2)
    scene.store(3)
    look = scene.look(history)
    assert look.confirmation is not None
    assert look.confirmation.refuted == []
    assert {one.order_id for one in look.confirmation.unsettled} == {str(order) for order in scene.ids[1:4]}


def test_a_tombstone_or_another_type_is_no_event(scene: Scene) -> None:
    history = scene.read()
    scene.topic.put(str(scene.ids[1]), None)
    scene.topic.put(str(scene.ids[1]), order_created(scene.ids[1], KEY.customer_id(1), type="order.cancelled"))
    scene.topic.put(str(uuid.uuid4()), order_created(scene.ids[1], KEY.customer_id(1)))
    scene.topic.flush()
    look = scene.look(history)
    assert look.confirmation is not None
    assert look.confirmation.unsettled == look.confirmation.refuted == []


def test_a_hit_in_other_bytes_is_a_doubt_and_no_fault_of_the_harness(scene: Scene) -> None:
    """The first reading is made to overlook what records name; the second search finds it by itself."""
    tag = KEY.customer_id(1)
    for value in (b"{", order_created(scene.ids[1], uuid.uuid4()), b"\xff" + tag.bytes_le, tag.hex.encode()):
        scene.topic.put(str(scene.ids[1]) if value == b"{" else None, value)
    scene.topic.flush()
    history = scene.read()
    assert judge(history).counts["disputed"] == 1
    blind = replace(history, events=replace(history.events, mentions=history.events.mentions[:0], opaque=0))
    assert judge(blind).counts["suspected_lost"] == 1
    look = scene.look(blind)
    assert look.confirmation is not None
    (one,) = look.confirmation.disputed
    assert (one.order_id, one.found) == (str(scene.ids[1]), "the record at partition 0, offset 3")
    assert look.confirmation.refuted == look.confirmation.unsettled == []
    judgement = judge(replace(blind, confirmation=look.confirmation))
    assert (judgement.counts["suspected_lost"], judgement.counts["disputed"]) == (0, 1)
    assert judgement.ruling.exit_code != 2


def test_the_event_of_another_order_only_mentions_a_lost_one(scene: Scene) -> None:
    lost = str(scene.ids[1])
    scene.topic.put(None, order_created(scene.ids[0], KEY.customer_id(0), parent=lost))
    scene.topic.put(None, order_created(uuid.uuid4(), uuid.uuid4(), parent=lost))
    scene.topic.flush()
    look = scene.look(scene.read())
    assert look.confirmation is not None
    assert look.confirmation.disputed == look.confirmation.refuted == []


def test_upper_case_braces_and_no_key_are_found_all_the_same(scene: Scene) -> None:
    history = scene.read()
    order = str(scene.ids[1]).upper()
    scene.topic.put(None, order_created("{" + order + "}", KEY.customer_id(1)))
    scene.topic.flush()
    wanted = {str(scene.ids[1])}
    described = plain_reader(history.facts)
    found = events_by_id(scene.stores.kafka, scene.topic.name, history.events, wanted, silent, reader=described)
    assert (found.seen, found.later) == (set(), wanted)


def test_a_row_whose_uuid_has_letters_of_both_cases_is_found(scene: Scene) -> None:
    order = str(scene.ids[1])
    with psycopg.connect(scene.infra.database_url) as connection:
        connection.execute("ALTER TABLE second_look.orders ALTER id TYPE text")
        connection.execute("UPDATE second_look.orders SET id = %s WHERE id = %s", (order.title(), order))
    look = scene.look(scene.read())
    assert look.confirmation is not None
    assert (look.confirmation.refuted, look.confirmation.eligible) == ([], look.confirmation.confirmed)


@pytest.mark.exhaustive
def test_stores_that_are_down_are_reported(scene: Scene) -> None:
    history = scene.read()
    for stores in (
        Stores("postgresql://mars:mars@127.0.0.1:1/orders_db", scene.stores.kafka),
        replace(scene.stores, kafka={"bootstrap.servers": "127.0.0.1:1"}),
    ):
        look = verify(scene.folder, stores, history, judge(history), silent)
        assert look.confirmation is not None
        assert not look.confirmation.complete
        assert saved_verification(scene.folder, judge(history)) is None
        ruling = judge(replace(history, confirmation=look.confirmation)).ruling
        assert (ruling.verdict.value, ruling.exit_code) == ("inconclusive", 3)


def test_a_re_created_topic_is_reported(scene: Scene) -> None:
    history = scene.read()
    another = replace(history, events=replace(history.events, topic_id="AAAAAAAAAAAAAAAAAAAAAQ"))
    look = scene.look(another)
    assert look.confirmation is not None
    assert look.confirmation.problem == "the topic was deleted and created again since it was read"


def test_rows_by_id_without_a_table_of_items(scene: Scene) -> None:
    with psycopg.connect(scene.infra.database_url) as connection:
        connection.execute(sql.SQL("DROP TABLE second_look.order_items"))
    found = rows_by_id(scene.infra.database_url, "second_look.orders", None, [str(scene.ids[0])], silent)
    assert found[str(scene.ids[0])].items is None
    assert found[str(scene.ids[0])].row["total"] == 20


def test_bounds_are_those_of_the_topic(scene: Scene) -> None:
    assert sum(read_bounds(scene.stores.kafka, scene.topic.name).ends.values()) == 3
