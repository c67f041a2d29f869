"""Audits of tables and topics that are made to deceive: no loss is invented, none is passed over, nothing crashes."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition

from reconcile.audit import recheck
from reconcile.audit.audit_guards import compaction_guard
from stack.process import wait_until
from stores.topic_settings import TopicSettings
from tests.reconcile.audit.shop import Shop, disputed, lost, orders, stamped, store_naive
from tests.reconcile.witnesses.witness_data import await_end

pytestmark = pytest.mark.real


def guard(found: dict[str, list[dict[str, object]]], name: str) -> object:
    return next(one["passed"] for one in found["guards"] if one["name"] == name)


def test_rows_of_inheriting_tables_are_all_read(shop: Shop) -> None:
    """The parent is empty, the child has many pages: none of them may be left out."""
    shop.make()
    shop.sql(f"DROP TABLE {shop.table}")
    shop.sql(f"CREATE TABLE {shop.table} (id uuid, created_at timestamptz, pad text)")
    shop.sql(f"CREATE TABLE {shop.table}_child () INHERITS ({shop.table})")
    shop.sql(f"ALTER TABLE {shop.table}_child ALTER pad SET STORAGE PLAIN")
    shop.sql(
        f"INSERT INTO {shop.table}_child SELECT gen_random_uuid(), now() - interval '10 min', repeat('x', 4000) "
        "FROM generate_series(1, 9000)"
    )
    whole, gone = orders(1), orders(2)
    for order in (*whole, *gone):
        shop.sql(f"INSERT INTO {shop.table}_child VALUES (%s, now() - interval '10 min')", order)
    shop.publish(*whole)
    try:
        found = shop.audit()
    finally:
        shop.sql(f"DROP TABLE {shop.table}_child")
    assert found["counts"]["rows"] == 9003
    assert set(gone) <= lost(found)
    assert len(lost(found)) == 9002


def test_an_outbox_that_drains_meanwhile_loses_nothing(shop: Shop) -> None:
    shop.make()
    waiting = orders(3000)
    shop.sql(f"CREATE TABLE {shop.table}_outbox (aggregateid text, published_at timestamp)")
    with psycopg.connect(shop.infra.database_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {shop.table} VALUES (%s, now() - interval '10 minutes')".encode(), [(one,) for one in waiting]
        )
        cursor.executemany(f"INSERT INTO {shop.table}_outbox VALUES (%s)".encode(), [(one.upper(),) for one in waiting])
    shop.publish(waiting[0])

    def relay() -> None:
        producer = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap, "linger.ms": 1})
        for at in range(0, len(waiting), 100):
            some = waiting[at : at + 100]
            for order in some:
                producer.produce(shop.topic, key=order, value=json.dumps({"orderId": order}).encode())
            producer.flush(20)
            shop.sql(
                f"UPDATE {shop.table}_outbox SET published_at = now() WHERE aggregateid = ANY(%s)",
                [one.upper() for one in some],
            )

    draining = threading.Thread(target=relay)
    draining.start()
    try:
        while draining.is_alive():
            assert lost(shop.audit("--outbox-table", f"{shop.table}_outbox")) == set()
    finally:
        draining.join(60)
        shop.sql(f"DROP TABLE {shop.table}_outbox")
    assert shop.audit()["verdict"] == "consistent"


def test_what_waits_in_an_outbox_in_another_spelling_is_pending(shop: Shop) -> None:
    shop.make()
    waiting, whole = orders(2), orders(1)
    shop.store(*waiting, *whole)
    shop.publish(*whole)
    shop.sql(f"CREATE TABLE {shop.table}_outbox (aggregateid text, published_at timestamp)")
    for text in ("{" + waiting[0].upper() + "}", f"Order:{waiting[1]}"):
        shop.sql(f"INSERT INTO {shop.table}_outbox VALUES (%s)", text)
    try:
        found = shop.audit("--outbox-table", f"{shop.table}_outbox")
    finally:
        shop.sql(f"DROP TABLE {shop.table}_outbox")
    assert (lost(found), found["counts"]["pending"]) == (set(), 2)


def test_a_backlog_of_hours_is_no_time_zone(shop: Shop) -> None:
    """All recent events came three hours late; what was lost an hour ago may not pass for too young."""
    shop.make(time_type="timestamp")
    late, gone = orders(30), orders(5)
    store_naive(shop, 180, *late)
    store_naive(shop, 120, *gone)
    shop.publish(*late)
    found = shop.audit("--since", "10h", "--grace", "60s")
    assert (found["verdict"], found["counts"]["from_the_future"]) == ("inconclusive", 5)
    assert lost(shop.audit("--since", "10h", "--time-zone", "UTC")) == set(gone)


def test_an_event_that_spells_its_order_in_another_way_is_no_phantom(shop: Shop) -> None:
    shop.make("text")
    ulid, whole = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"
    shop.store(ulid, at="now() - interval '65 minutes'")
    shop.store(whole)
    shop.publish(ulid.lower(), whole)
    found = shop.audit("--since", "1h")
    assert (found["phantom_events"], found["verdict"]) == ([], "consistent")


def test_texts_spell_uuids_in_their_own_way(shop: Shop) -> None:
    """The time zone comes from recent events, rows from before --since are looked up, and one event comes meanwhile."""
    shop.make("text", "timestamp")
    named, gone, before = orders(40), orders(2), orders(3)
    words = [str.upper, lambda one: one.replace("-", ""), lambda one: f"{{{one}}}", str.title]
    for minutes, some in ((10, named), (10, gone), (90, before)):
        store_naive(shop, minutes, *(words[at % 4](one) for at, one in enumerate(some)))
    for order in named + before:
        shop.publish(order, timestamp=stamped(10))
    found = shop.audit("--since", "1h")
    assert {one.lower().replace("-", "") for one in lost(found)} == {one.replace("-", "") for one in gone}
    assert (found["phantom_events"], found["exit_code"]) == ([], 1)


def test_a_materialised_view_proves_nothing_and_a_domain_is_its_type(shop: Shop) -> None:
    shop.make()
    named = orders(2)
    shop.store(*named)
    shop.publish(*named)
    domain, view = f"{shop.table}_id", f"{shop.table}_view"
    shop.sql(f"CREATE DOMAIN {domain} AS uuid")
    try:
        shop.sql(f"ALTER TABLE {shop.table} ALTER id TYPE {domain}")
        assert shop.audit()["verdict"] == "consistent"
        shop.sql(f"CREATE MATERIALIZED VIEW {view} AS SELECT * FROM {shop.table}")
        code, _, err = shop.code("--orders-table", view)
    finally:
        shop.sql(f"DROP DOMAIN {domain} CASCADE")
    assert (code, "it is a materialised view" in err) == (2, True)


@pytest.mark.parametrize("id_type", ["uuid", "text"])
def test_keys_of_customers_do_not_hide_events(shop: Shop, id_type: str) -> None:
    shop.make(id_type)
    named = orders(4)
    shop.store(*named)
    for order in named[:3]:
        shop.put(str(uuid.uuid4()), json.dumps({"orderId": order}).encode())
    found = shop.audit()
    assert (found["verdict"], lost(found), disputed(found)) == ("inconsistent", {named[3]}, set(named[:3]))
    assert {one["why"] for one in found["disputed_orders"]} == {"key_differs"}
    assert lost(shop.audit("--event-id", "value:orderId")) == {named[3]}


@pytest.mark.parametrize("id_type", ["uuid", "text"])
def test_events_without_a_row_that_name_one_are_no_proof(shop: Shop, id_type: str) -> None:
    """Some records have the customer as key: with `--event-id key` each is the event of an order that has no row."""
    shop.make(id_type)
    kept, moved, gone, mentioned = orders(4)
    stray, customer, free = orders(3)
    shop.store(kept, moved, gone, mentioned)
    shop.put(kept, json.dumps({"no": kept, "replaces": mentioned}).encode())
    shop.put(customer, json.dumps({"no": moved}).encode())
    shop.put(stray, json.dumps({"no": free}).encode())
    found = shop.audit("--event-id", "key")
    assert (lost(found), disputed(found)) == ({gone, mentioned}, {moved})
    assert (found["phantom_events"], found["disputed_phantoms"]) == ([stray], [customer])
    assert {one["why"] for one in found["disputed_orders"]} == {"no_row"}
    found = shop.audit("--event-id", "value:no")
    assert (lost(found), found["disputed_phantoms"]) == ({gone, mentioned}, [])


def test_only_rows_that_events_without_a_row_name(shop: Shop) -> None:
    shop.make()
    kept, moved = orders(2)
    shop.store(kept, moved)
    shop.put(kept, json.dumps({"no": kept}).encode())
    shop.put(orders(1)[0], json.dumps({"no": moved}).encode())
    found = shop.audit("--event-id", "key", "--expect", "any")
    assert (found["verdict"], found["exit_code"]) == ("inconclusive", 3)
    assert f"names {moved} at value:no and does not count; the order id at --event-id has no row" in found["reason"]


def test_rows_that_a_policy_hides_are_an_error(shop: Shop) -> None:
    shop.make()
    named = orders(4)
    shop.store(*named)
    shop.publish(*named)
    role = f"half_{uuid.uuid4().hex[:8]}"
    shop.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'blind'")
    shop.sql(f"GRANT SELECT ON {shop.table} TO {role}")
    shop.sql(f"ALTER TABLE {shop.table} ENABLE ROW LEVEL SECURITY")
    shop.sql(f"CREATE POLICY half ON {shop.table} TO {role} USING (id < '80000000-0000-0000-0000-000000000000')")
    url = shop.infra.database_url.replace("//", f"//{role}:blind@", 1)
    url = url if url.count("@") == 1 else f"postgresql://{role}:blind@{shop.infra.database_url.rpartition('@')[2]}"
    try:
        code, _, err = shop.code("--json", "--since", "1h", "--database-url", url)
    finally:
        shop.sql(f"DROP OWNED BY {role}")
        shop.sql(f"DROP ROLE {role}")
    assert code == 3
    assert "row-level security" in err
    assert "blind" not in err


def test_on_a_compacted_topic_only_offsets_without_a_hole_prove_a_loss(shop: Shop) -> None:
    shop.make(**{"cleanup.policy": "compact"})
    whole, gone = orders(1), orders(1)
    shop.store(*whole)
    shop.publish(*whole)
    assert shop.audit()["verdict"] == "consistent"
    shop.store(*gone)
    found = shop.audit()
    seen = (found["verdict"], lost(found), guard(found, "topic keeps every event"))
    assert seen == ("inconsistent", set(gone), True)
    # The marker of a transaction takes an offset, as a record that was compacted away does.
    marker = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": shop.topic})
    marker.init_transactions(20)
    marker.begin_transaction()
    more = orders(1)
    shop.store(*more)
    marker.produce(shop.topic, key=more[0], value=json.dumps({"orderId": more[0]}))
    marker.commit_transaction(20)
    await_end({"bootstrap.servers": shop.infra.kafka_bootstrap}, shop.topic, 3)
    found = shop.audit()
    seen = (found["verdict"], lost(found), guard(found, "topic keeps every event"))
    assert seen == ("inconclusive", set(), False)
    assert [one["order_id"] for one in found["suspected_lost"]] == gone


UNASKED = TopicSettings(None, None, "the Kafka user lacks the permission DescribeConfigs on topic shop")


@pytest.mark.parametrize(
    ("skipped", "policy", "vouched", "holds", "says"),
    [
        (0, UNASKED, False, True, "every offset that was read holds a record"),
        (3, TopicSettings(False), False, True, "not compacted"),
        (3, TopicSettings(True), True, False, "hold no record: 3"),
        (3, UNASKED, False, False, "DescribeConfigs on topic shop"),
        (3, UNASKED, True, True, "--vouch-topic-intact"),
    ],
)
def test_an_unknown_configuration_is_neither_yes_nor_no(
    skipped: int, policy: TopicSettings, vouched: bool, holds: bool, says: str
) -> None:
    found = compaction_guard(skipped, policy, vouched)
    assert found.passed is holds
    assert says in found.reason


def test_a_cut_topic_whose_records_bear_wrong_times_judges_nothing_older(shop: Shop) -> None:
    shop.make()
    named = orders(8)
    shop.store(*named)
    for order in named:
        shop.publish(order, partition=0, timestamp=1_000_000_000_000)
    shop.admin.delete_records([TopicPartition(shop.topic, 0, 6)])[TopicPartition(shop.topic, 0, 6)].result(20)
    code, out, _ = shop.code("--json", "--grace", "1s")
    assert (code, lost(json.loads(out))) == (3, set())


def test_an_event_that_comes_while_it_looks_again_is_no_loss(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that took longer than the grace time: its row is there, its event comes two seconds later."""
    monkeypatch.setattr(recheck, "LONGEST_S", 30.0)
    shop.make()
    whole, slow = orders(1), orders(1)
    shop.store(*whole)
    shop.store(*slow, at="now() - interval '70 seconds'")
    shop.publish(*whole)
    coming = threading.Timer(2.0, lambda: shop.publish(*slow))
    coming.start()
    try:
        found = shop.audit("--grace", "60s")
    finally:
        coming.join(20)
    assert (found["verdict"], lost(found)) == ("consistent", set())


def test_an_event_younger_than_the_grace_time_is_not_judged(shop: Shop) -> None:
    shop.make()
    whole, young, old, again = (orders(1) for _ in range(4))
    shop.store(*whole)
    shop.publish(*whole, *old, *again, timestamp=stamped(10))
    shop.publish(*young, *again)
    found = shop.audit("--grace", "60s")
    assert (found["phantom_events"], found["counts"]["young_events"]) == (sorted(old + again), 1)
    assert shop.audit("--grace", "0s")["phantom_events"] == sorted(old + again + young)


def test_padded_ids_and_fractions_that_are_none(shop: Shop) -> None:
    shop.make("char(10)")
    shop.store("abc", "gone")
    shop.publish("abc       ")
    assert lost(shop.audit()) == {"gone"}
    assert shop.audit()["phantom_events"] == []


def test_whole_numbers_with_a_point_are_whole(shop: Shop) -> None:
    shop.make("bigint")
    shop.store(1, 2, 3)
    shop.put(None, b'{"orderId": 1.0}')
    shop.put(None, b'{"orderId": 2e0}')
    shop.put(None, b'{"orderId": 3.5}')
    # The record without a whole number may be the event of the third.
    found = shop.audit()
    assert (lost(found), [one["order_id"] for one in found["suspected_lost"]]) == (set(), ["3"])


def test_values_without_bottom_and_ids_with_a_nul(shop: Shop) -> None:
    shop.make("text")
    whole, gone = orders(1), orders(1)
    shop.store(*whole, *gone)
    shop.publish(*whole)
    for option in ("orderId", "other"):
        shop.put("x", f'{{"{option}": '.encode() + b"[" * 5000 + b"]" * 5000 + b"}")
    shop.put(None, b'{"orderId": "a\\u0000b"}')
    found = shop.audit()
    # Each of the two may be the event of any one order.
    assert (lost(found), found["phantom_events"]) == (set(), ["a\0b"])
    assert [one["order_id"] for one in found["suspected_lost"]] == gone
    counts = found["counts"]
    assert (counts["unreadable_records"], counts["opaque_records"], counts["lost_at_least"]) == (2, 2, 0)
    # A value that cannot be read does not fail a filter.
    found = shop.audit("--event-filter", "orderId=" + whole[0])
    assert (lost(found), found["counts"]["suspected_lost"]) == (set(), 1)


def test_an_event_that_names_only_its_customer_may_be_of_any_order(shop: Shop) -> None:
    """A customer has several orders, and an audit does not know whose they are."""
    shop.make()
    whole, without = orders(1), orders(2)
    shop.store(*whole, *without)
    shop.publish(*whole)
    shop.put(None, json.dumps({"customerId": str(uuid.uuid4()), "total": 5}).encode())
    found = shop.audit()
    assert (lost(found), found["counts"]["lost_at_least"]) == (set(), 1)
    assert sorted(one["order_id"] for one in found["suspected_lost"]) == sorted(without)
    shop.put(None, json.dumps({"invoice": str(uuid.uuid4()), "total": 5}).encode())
    assert shop.audit()["counts"]["lost_at_least"] == 1


def test_rows_without_id_or_at_the_end_of_time(shop: Shop) -> None:
    shop.make("text")
    shop.sql(f"ALTER TABLE {shop.table} DROP CONSTRAINT {shop.table}_pkey, ALTER id DROP NOT NULL")
    whole, endless = orders(1), orders(2)
    shop.store(*whole)
    shop.store(endless[0], at="'infinity'")
    shop.store(endless[1], at="'-infinity'")
    shop.sql(f"INSERT INTO {shop.table} VALUES (NULL, now() - interval '10 minutes')")
    shop.publish(*whole)
    found = shop.audit()
    assert (found["verdict"], lost(found), found["counts"]["not_judged"]) == ("consistent", set(), 1)


def test_times_in_microseconds_are_reported_as_they_are(shop: Shop) -> None:
    shop.make(**{"message.timestamp.after.max.ms": str(2**62)})
    named = orders(2)
    shop.store(*named)
    shop.publish(named[0], timestamp=1_795_000_000_000_000)
    code, out, err = shop.code("--json", "--grace", "1s")
    assert (code, lost(json.loads(out))) == (1, {named[1]}), err


def test_per_cent_signs_in_names(shop: Shop) -> None:
    shop.make()
    whole, gone = orders(1), orders(1)
    shop.store(*whole, *gone)
    shop.publish(*whole)
    shop.sql(f'CREATE VIEW "{shop.table}%s" AS SELECT id AS "i%d", created_at AS "Cr%At" FROM {shop.table}')
    named = ["--orders-table", f"{shop.table}%s", "--orders-id-column", "i%d", "--orders-time-column", "Cr%At"]
    try:
        assert lost(shop.audit(*named)) == set(gone)
    finally:
        shop.sql(f'DROP VIEW "{shop.table}%s"')


@pytest.mark.parametrize(
    "arguments",
    [
        ["postgresql://mars:TOPSECRET@127.0.0.1/x"],
        ["--database-ur", "postgresql://mars:TOPSECRET@127.0.0.1/x"],
        ["--database-ur=host=x password=TOPSECRET"],
    ],
)
def test_a_slip_of_the_finger_shows_no_password(shop: Shop, arguments: list[str]) -> None:
    shop.make()
    code, out, err = shop.code(*arguments)
    assert code == 2
    assert "TOPSECRET" not in out + err
    assert "--help" in err


def test_ctrl_c_ends_it_at_once(shop: Shop, tmp_path: Path) -> None:
    """Reading hangs on an open transaction, and the table is slow: one Ctrl-C is enough."""
    shop.make()
    shop.store(*orders(3))
    shop.sql(f"ALTER TABLE {shop.table} RENAME TO {shop.table}_below")
    shop.sql(f"CREATE VIEW {shop.table} AS SELECT id, created_at FROM {shop.table}_below WHERE pg_sleep(5) IS NOT NULL")
    transaction = Producer({"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"})
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, value=b'{"orderId": "x"}', partition=0)
    transaction.flush(20)
    command = [sys.executable, "-m", "reconcile", "audit", "--orders-table", shop.table, "--topic", shop.topic]
    environment = {
        **os.environ,
        "LOCUST_DATABASE_URL": shop.infra.database_url,
        "LOCUST_KAFKA_BOOTSTRAP": shop.infra.kafka_bootstrap,
    }
    process = subprocess.Popen(
        [*command, "--since", "1h"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        # Its snapshot is there and idle: it reads the log.
        held = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        held += " AND clock_timestamp() - state_change > interval '1 s' AND datname = current_database()"
        assert wait_until(lambda: shop.sql(held) == [(1,)], 60, 0.05), "the log is not read"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
        transaction.abort_transaction(20)
        shop.sql(f"DROP VIEW {shop.table}")
        shop.sql(f"ALTER TABLE {shop.table}_below RENAME TO {shop.table}")
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().endswith("audit: interrupted")
