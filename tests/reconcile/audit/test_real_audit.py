"""Audits of real tables and topics: what is missing is named, what only seems so is not, nothing is written."""

import json
import re
import time
import uuid
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer

from tests.reconcile.audit.shop import Shop, lost, orders, stamped

pytestmark = pytest.mark.real
# Programs find them in the JSON of an audit by these names.
GUARDS = (
    "end of topic reached",
    "topic not truncated or re-created",
    "topic keeps every event",
    "ids distinct",
    "table and topic belong together",
    "row times plausible",
    "snapshot complete",
    "time zone known",
)


def test_each_missing_one_is_named(shop: Shop) -> None:
    shop.make()
    whole, gone, phantom, twice = orders(5), orders(2), orders(1), orders(1)
    shop.store(*whole, *gone, *twice)
    shop.publish(*whole, *phantom, *twice, *twice)
    found = shop.audit()
    assert (found["verdict"], found["exit_code"]) == ("inconsistent", 1)
    assert lost(found) == set(gone)
    assert found["phantom_events"] == phantom
    assert found["repeated_events"] == twice
    assert found["counts"]["rows"] == 8
    assert found["counts"]["events"] == 7
    assert found["counts"]["surplus_records"] == 1
    assert [(guard["name"], guard["passed"]) for guard in found["guards"]] == [(name, True) for name in GUARDS]


def test_all_there_is_consistent(shop: Shop) -> None:
    shop.make()
    whole = orders(3)
    shop.store(*whole)
    shop.publish(*whole)
    assert shop.audit()["exit_code"] == 0
    assert shop.audit("--expect", "lost-events")["exit_code"] == 1


def test_an_empty_topic_proves_nothing(shop: Shop) -> None:
    shop.make()
    shop.store(*orders(1))
    code, out, _ = shop.code("--json", "--grace", "1s")
    assert (code, json.loads(out)["verdict"]) == (3, "inconclusive")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--event-id", "value:order_id"], "3 rows without an event are disputed"),
        (["--event-id", "value:customerId"], "3 rows without an event are disputed"),
        (["--event-id", "header:id"], "3 rows without an event are disputed"),
        (["--event-filter", "status=x"], "no order is in both"),
    ],
)
def test_when_no_order_is_in_both_nothing_is_proven(shop: Shop, options: list[str], reason: str) -> None:
    shop.make()
    named = orders(3)
    shop.store(*named)
    for order in named:
        shop.put(order, json.dumps({"orderId": order, "customerId": str(uuid.uuid4())}).encode())
    assert shop.audit()["verdict"] == "consistent"
    found = shop.audit(*options)
    assert (found["verdict"], found["exit_code"], lost(found)) == ("inconclusive", 3, set())
    assert reason in found["reason"]


def test_everything_lost_since_is_proven_by_what_was_there_before(shop: Shop) -> None:
    shop.make()
    before, gone = orders(2), orders(3)
    shop.store(*before, at="now() - interval '3 hours'")
    shop.store(*gone)
    shop.publish(*before, timestamp=stamped(180))
    found = shop.audit()
    assert (found["verdict"], lost(found)) == ("inconsistent", set(gone))


def test_nothing_is_written(shop: Shop) -> None:
    shop.make()
    shop.store(*orders(2))
    shop.publish(*orders(1))
    count = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    shop.sql("SELECT pg_stat_force_next_flush()")
    before = shop.sql(count), set(shop.admin.list_topics(timeout=10).topics), groups(shop)
    shop.audit()
    shop.sql("SELECT pg_stat_force_next_flush()")
    assert (shop.sql(count), set(shop.admin.list_topics(timeout=10).topics), groups(shop)) == before


def groups(shop: Shop) -> set[str]:
    return {group.group_id for group in shop.admin.list_consumer_groups(request_timeout=10).result(10).valid}


def test_traffic_that_never_stops_does_not_keep_it(shop: Shop) -> None:
    shop.make()
    whole, gone = orders(3), orders(1)
    shop.store(*whole, *gone)
    shop.publish(*whole)
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    stop = Event()

    def chatter() -> int:
        sent = 0
        other = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap})
        while not stop.is_set():
            other.produce(shop.topic, value=json.dumps({"orderId": str(uuid.uuid4()), "type": "ping"}).encode())
            other.poll(0.001)
            sent += 1
        other.flush(20)
        return sent

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(chatter)
        time.sleep(0.5)
        try:
            found = shop.audit()
        finally:
            stop.set()
        assert sending.result() > 10
    assert lost(found) == set(gone)


def test_lists_and_summary(shop: Shop, tmp_path: Any) -> None:
    shop.make("text")
    shop.store("=cmd()", "fine")
    shop.publish("fine", "@phantom")
    code, out, _ = shop.code("--grace", "0s", "--since", "20m", "--output", str(tmp_path / "lists"))
    assert code == 1
    assert out.startswith("INCONSISTENT\n1 row without an event in the topic; 1 event without a row\n")
    assert (tmp_path / "lists" / "lost-events.csv").read_text().splitlines()[1].startswith("'=cmd(),")
    assert (tmp_path / "lists" / "phantom-events.csv").read_text().splitlines()[1] == "'@phantom"


@pytest.mark.parametrize("shape", ["partitioned", "view", "quoted", "many pages"])
def test_tables_of_every_shape(shop: Shop, shape: str) -> None:
    shop.make()
    whole, gone = orders(40), orders(2)
    if shape == "partitioned":
        shop.sql(f"DROP TABLE {shop.table}")
        shop.sql(f"CREATE TABLE {shop.table} (id uuid, created_at timestamptz) PARTITION BY HASH (id)")
        for part in range(3):
            shop.sql(
                f"CREATE TABLE {shop.table}_{part} PARTITION OF {shop.table} "
                f"FOR VALUES WITH (MODULUS 3, REMAINDER {part})"
            )
    shop.store(*whole, *gone)
    shop.publish(*whole)
    if shape == "view":
        shop.sql(f"ALTER TABLE {shop.table} RENAME TO {shop.table}_below")
        shop.sql(f"CREATE VIEW {shop.table} AS SELECT * FROM {shop.table}_below")
    if shape == "quoted":
        shop.sql('CREATE SCHEMA IF NOT EXISTS "Odd Shop"')
        shop.sql(f'CREATE TABLE "Odd Shop"."{shop.table}" AS SELECT id AS "Order Id", created_at FROM {shop.table}')
    if shape == "many pages":
        # Room that the rows have left behind: pages without a row stand between those with one.
        shop.sql(f"INSERT INTO {shop.table} SELECT gen_random_uuid(), now() FROM generate_series(1, 100000)")
        shop.sql(f"DELETE FROM {shop.table} WHERE created_at > now() - interval '5 minutes'")
    try:
        named = (
            ["--orders-table", f"Odd Shop.{shop.table}", "--orders-id-column", "Order Id"] if shape == "quoted" else []
        )
        found = shop.audit(*named)
    finally:
        if shape == "view":
            shop.sql(f"DROP VIEW {shop.table}")
            shop.sql(f"ALTER TABLE {shop.table}_below RENAME TO {shop.table}")
        if shape == "quoted":
            shop.sql('DROP SCHEMA "Odd Shop" CASCADE')
    assert lost(found) == set(gone)
    assert found["phantom_events"] == []
    assert found["counts"]["rows"] == 42


def test_each_count_says_of_what_it_is(shop: Shop) -> None:
    """Records with old times are before the part that is read first: no event is counted there, yet rows have one."""
    shop.make()
    whole, gone = orders(18), orders(2)
    shop.store(*whole, *gone)
    shop.publish(*whole, timestamp=stamped(60 * 24))
    code, out, _ = shop.code("--grace", "0s", "--since", "20m")
    numbers = {name.strip(): int(number) for name, number in re.findall(r"^(.{16}) *(\d+)  \S", out, re.MULTILINE)}
    assert code == 1
    assert numbers == {"rows": 20, "with an event": 18, "lost events": 2, "events": 0, "elsewhere": 18} | {
        "phantom events": 0
    }
    assert numbers["rows"] == numbers["with an event"] + numbers["lost events"]


def test_orders_that_come_while_it_reads_are_not_lost(shop: Shop) -> None:
    """Rows and their events, the events a little later, all the time: none of them may be named."""
    shop.make()
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    stop, gone = Event(), orders(1)
    shop.store(*gone)

    def buy() -> int:
        sold: list[str] = []
        other = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap, "linger.ms": 1})
        with psycopg.connect(shop.infra.database_url, autocommit=True) as connection:
            while not stop.is_set():
                sold.append(str(uuid.uuid4()))
                statement = f"INSERT INTO {shop.table} VALUES (%s, now() - interval '3 minutes')"
                connection.execute(statement.encode(), (sold[-1],))
                if len(sold) >= 20:
                    late = sold[-20]
                    other.produce(shop.topic, key=late, value=json.dumps({"orderId": late}).encode())
                    # In the log before the next row, so that at most 20 rows wait for their event.
                    other.flush(20)
        for late in sold[-19:]:
            other.produce(shop.topic, key=late, value=json.dumps({"orderId": late}).encode())
        other.flush(20)
        return len(sold)

    with ThreadPoolExecutor(1) as pool:
        selling = pool.submit(buy)
        time.sleep(1.0)
        try:
            found = shop.audit()
        finally:
            stop.set()
        assert selling.result() > 40
    # Only the last few, whose events were still to come, look lost, because their rows claim to be old.
    assert set(gone) <= lost(found)
    assert len(lost(found)) <= 21
    assert found["phantom_events"] == []
    assert lost(shop.audit()) == set(gone)
