"""Audits of tables that are made to deceive: no loss is invented, none is passed over, nothing crashes."""

import json
import threading
import uuid

import psycopg
import pytest
from confluent_kafka import Producer

from tests.reconcile.audit.shop import Shop, lost, orders, stamped, store_naive

pytestmark = pytest.mark.real


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


def test_padded_ids_and_fractions_that_are_none(shop: Shop) -> None:
    shop.make("char(10)")
    shop.store("abc", "gone")
    shop.publish("abc       ")
    assert lost(shop.audit()) == {"gone"}
    assert shop.audit()["phantom_events"] == []


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
