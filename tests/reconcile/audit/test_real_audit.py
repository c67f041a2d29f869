"""Audits of real tables and topics: what is missing is named, what only seems so is not, nothing is written."""

import json
import re
import time
import uuid
from functools import partial
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition

from stores.topic_reader import TopicReader
from tests.reconcile.audit.shop import Shop, disputed, lost, orders, stamped, store_naive

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


def test_young_rows_and_waiting_ones_are_not_lost(shop: Shop) -> None:
    shop.make()
    young, waiting, gone, whole = orders(2), orders(1), orders(1), orders(1)
    shop.store(*young, at="now()")
    shop.store(*waiting, *gone, *whole)
    shop.publish(*whole)
    shop.sql("CREATE TABLE audit_outbox (aggregateid text, published_at timestamp)")
    try:
        shop.sql("INSERT INTO audit_outbox VALUES (%s, NULL), (%s, now())", waiting[0], gone[0])
        found = shop.audit("--grace", "5m", "--outbox-table", "audit_outbox")
    finally:
        shop.sql("DROP TABLE audit_outbox")
    assert lost(found) == set(gone)
    assert (found["counts"]["young"], found["counts"]["pending"]) == (2, 1)


def test_rows_before_since_are_not_judged_and_theirs_are_no_phantoms(shop: Shop) -> None:
    shop.make()
    old, gone = orders(2), orders(1)
    shop.store(*old, at="now() - interval '1 hour'")
    shop.store(*gone)
    shop.publish(old[0])
    found = shop.audit()
    assert lost(found) == set(gone)
    assert found["phantom_events"] == []


def test_without_since_rows_older_than_the_topic_are_not_judged(shop: Shop) -> None:
    shop.make()
    before, whole = orders(1), orders(1)
    shop.store(*before, at="now() - interval '2 days'")
    shop.store(*whole, at="now() - interval '2 seconds'")
    shop.publish(*whole)
    code, out, _ = shop.code("--json", "--grace", "1s")
    found = json.loads(out)
    assert (code, lost(found)) == (0, set())
    assert "give --since" in found["judged_because"]


def test_what_the_topic_let_go_is_not_judged(shop: Shop) -> None:
    shop.make()
    whole = orders(4)
    shop.store(*whole)
    shop.publish(*whole, partition=0)
    shop.admin.delete_records([TopicPartition(shop.topic, 0, 2)])[TopicPartition(shop.topic, 0, 2)].result(20)
    found = shop.audit()
    assert lost(found) == set()
    assert "no longer holds" in found["judged_because"]
    # No row is from the time that the log covers, so none can be judged.
    assert found["exit_code"] == 3


def test_an_empty_topic_proves_nothing(shop: Shop) -> None:
    shop.make()
    shop.store(*orders(1))
    code, out, _ = shop.code("--json", "--grace", "1s")
    assert (code, json.loads(out)["verdict"]) == (3, "inconclusive")


@pytest.mark.parametrize(
    ("id_type", "make"),
    [
        ("bigint", lambda number: number * 10**12 - 5),
        ("integer", lambda number: number - 4),
        ("text", lambda number: f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}"),
        ("text", lambda number: f"=order\n№ {number}\u2028\U0001f600"),
        ("varchar(36)", lambda number: str(uuid.UUID(int=number))),
    ],
)
def test_ids_of_every_kind(shop: Shop, id_type: str, make: Any) -> None:
    shop.make(id_type)
    named = [make(number) for number in range(1, 8)]
    shop.store(*named[:6])
    shop.publish(*named[:4], named[6])
    found = shop.audit()
    assert lost(found) == {str(name) for name in named[4:6]}
    assert found["phantom_events"] == [str(named[6])]


def test_numbers_as_numbers_and_upper_case(shop: Shop) -> None:
    shop.make("bigint")
    shop.store(1, 2)
    shop.put("1", b'{"orderId": 1}')
    shop.put(None, b'{"items": [], "orderId": "02"}')
    assert shop.audit()["exit_code"] == 0


def test_what_is_no_event_is_no_delivery(shop: Shop) -> None:
    shop.make()
    tombstone, garbage, cancelled, mismatch, aborted, upper, braced, keyless = orders(8)
    shop.store(tombstone, garbage, cancelled, mismatch, aborted, upper, braced, keyless)
    shop.put(tombstone, None)
    shop.put(garbage, b'{"orderId": "' + garbage.encode())
    shop.put(garbage, b"[1, 2]")
    shop.put(garbage, b"\xff\x00")
    shop.put(cancelled, json.dumps({"orderId": cancelled, "type": "order.cancelled"}).encode())
    shop.put(str(uuid.uuid4()), json.dumps({"orderId": mismatch}).encode())
    shop.put(upper.upper(), json.dumps({"more": [{"a": 1}] * 3, "orderId": upper.upper()}).encode())
    shop.put("{" + braced + "}", json.dumps({"orderId": "{" + braced + "}"}).encode())
    shop.put(None, json.dumps({"orderId": keyless, "eventType": "OrderCreated"}).encode())
    bound = {"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"}
    transaction = Producer(bound)
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, key=aborted, value=json.dumps({"orderId": aborted}).encode())
    transaction.flush(20)
    transaction.abort_transaction(20)
    found = shop.audit()
    assert lost(found) == {tombstone, aborted}
    assert disputed(found) == {garbage, cancelled, mismatch}
    whys = {one["order_id"]: (one["why"], one["count"]) for one in found["disputed_orders"]}
    assert whys == {garbage: ("unreadable", 3), cancelled: ("other_type", 1), mismatch: ("key_differs", 1)}
    assert (found["verdict"], found["counts"]["disputed"]) == ("inconsistent", 3)
    assert found["reason"] == "2 rows without an event in the topic; 3 more disputed"
    assert found["phantom_events"] == []
    assert found["counts"]["unreadable_records"] == 6


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_compressed_and_gigantic_values(shop: Shop, codec: str) -> None:
    shop.make(**{"max.message.bytes": "9000000"})
    shop.producer = Producer(
        {
            "bootstrap.servers": shop.infra.kafka_bootstrap,
            "compression.type": codec,
            "message.max.bytes": 9_000_000,
            "linger.ms": 50,
        }
    )
    named = orders(20)
    shop.store(*named)
    for place, order in enumerate(named[:-1]):
        padding = "x" * (3_000_000 if place % 7 == 0 else 10)
        shop.producer.produce(shop.topic, key=order, value=json.dumps({"pad": padding, "orderId": order}).encode())
    assert shop.producer.flush(30) == 0
    assert lost(shop.audit()) == {named[-1]}


def test_an_open_transaction_is_not_taken_for_an_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make()
    named = orders(2)
    shop.store(*named)
    bound = {"bootstrap.servers": shop.infra.kafka_bootstrap, "transactional.id": f"tx-{uuid.uuid4()}"}
    transaction = Producer(bound)
    transaction.init_transactions(20)
    transaction.begin_transaction()
    transaction.produce(shop.topic, key=named[0], value=json.dumps({"orderId": named[0]}).encode(), partition=0)
    transaction.flush(20)
    shop.publish(named[1], partition=0)  # behind it, and not readable before it ends
    from reconcile.audit import log_reader

    monkeypatch.setattr(log_reader, "TopicReader", partial(TopicReader, patience_s=2.0))
    code, _, err = shop.code("--json", "--grace", "1s", "--since", "20m")
    assert code == 3
    assert "partition 0 reached offset 0 of 2: no progress for 2 s; the broker holds the rest back" in err
    transaction.commit_transaction(20)
    assert shop.audit()["exit_code"] == 0


@pytest.mark.parametrize(
    ("time_zone", "options"),
    [("UTC", []), ("Asia/Kolkata", []), ("America/St_Johns", ["--time-zone", "America/St_Johns"])],
)
def test_naive_times_in_any_time_zone(shop: Shop, time_zone: str, options: list[str]) -> None:
    shop.make(time_type="timestamp")
    whole, gone, young = orders(8), orders(1), orders(1)
    shop.store(*whole, *young, at=f"now() AT TIME ZONE '{time_zone}'")
    shop.store(*gone, at=f"(now() - interval '10 minutes') AT TIME ZONE '{time_zone}'")
    shop.publish(*whole)
    found = shop.audit("--grace", "5m", *options)
    assert lost(found) == set(gone)
    assert found["counts"]["young"] == 1
    assert any(guard["name"] == "time zone known" and guard["passed"] for guard in found["guards"])


def test_events_published_again_do_not_make_another_time_zone(shop: Shop) -> None:
    """Lost ones are published again a quarter of an hour later, and fill the end of the log; others are lost since."""
    shop.make(time_type="timestamp")
    whole, again, gone = orders(400), orders(150), orders(3)
    with psycopg.connect(shop.infra.database_url) as connection, connection.cursor() as cursor:
        statement = f"INSERT INTO {shop.table} VALUES (%s, (now() - %s * interval '1 minute') AT TIME ZONE 'UTC')"
        cursor.executemany(statement.encode(), [(order, 18) for order in whole] + [(order, 17) for order in again])
    store_naive(shop, 5, *gone)
    for order in whole:
        shop.producer.produce(
            shop.topic, key=order, value=json.dumps({"orderId": order}).encode(), timestamp=stamped(18), partition=0
        )
    for order in again:
        shop.producer.produce(
            shop.topic, key=order, value=json.dumps({"orderId": order}).encode(), timestamp=stamped(2), partition=0
        )
    assert shop.producer.flush(20) == 0
    found = shop.audit("--grace", "60s")
    assert lost(found) == set(gone)
    reasons = {guard["name"]: guard["reason"] for guard in found["guards"]}
    assert reasons["time zone known"].startswith("UTC+00:00")


def test_rows_from_the_future_show_a_wrong_time_zone(shop: Shop) -> None:
    shop.make(time_type="timestamp")
    whole, gone = orders(2), orders(1)
    store_naive(shop, 3, *whole, *gone)
    shop.publish(*whole)
    assert lost(shop.audit("--time-zone", "UTC")) == set(gone)
    wrong = shop.audit("--time-zone", "America/New_York")
    assert (wrong["verdict"], lost(wrong), wrong["counts"]["from_the_future"]) == ("inconclusive", set(), 1)
    assert "--time-zone" in wrong["reason"]


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


def test_events_from_before_since_are_not_judged(shop: Shop) -> None:
    shop.make()
    before, after, whole = orders(1), orders(1), orders(1)
    shop.store(*whole)
    shop.publish(*before, timestamp=stamped(25))
    shop.publish(*after, *whole, timestamp=stamped(15))
    found = shop.audit()
    assert found["phantom_events"] == after
    assert shop.audit("--since", "1h")["phantom_events"] == sorted(before + after)


def test_without_since_rows_from_before_the_first_publish_are_not_judged(shop: Shop) -> None:
    """The service began to publish five minutes ago; what it stored ten minutes ago says nothing."""
    shop.make()
    before, first, gone, last = (orders(1) for _ in range(4))
    shop.store(*before, at="now() - interval '10 minutes'")
    shop.store(*first, at="now() - interval '5 minutes'")
    shop.store(*gone, at="now() - interval '4 minutes'")
    shop.store(*last, at="now() - interval '3 minutes'")
    shop.publish(*first, *last)
    code, out, _ = shop.code("--json", "--grace", "1s")
    found = json.loads(out)
    assert (code, lost(found), found["counts"]["not_judged"]) == (1, set(gone), 0)


def test_an_unknown_time_zone_is_asked_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make(time_type="timestamp")
    shop.store(*orders(3), at="now()")
    code, _, err = shop.code("--json")
    assert code == 3
    assert "give --time-zone" in err
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    code, _, err = shop.code("--time-zone", "Mars/Olympus")
    assert code == 2
    assert err.strip().count("\n") == 1  # a warning about the password, and one sentence
    assert "--time-zone Mars/Olympus" in err


def test_other_places_of_the_id_and_filters(shop: Shop) -> None:
    shop.make()
    one, two, three = orders(3)
    shop.store(one, two, three)
    shop.put(one, b"{}", headers=[("order-id", one.encode())])
    shop.put(None, json.dumps({"payload": {"order": {"id": two}}, "kind": "made"}).encode())
    shop.put(three, json.dumps({"payload": {"order": {"id": three}}, "kind": "unmade"}).encode())
    for place, doubtful in (
        ("header:order-id", {two, three}), ("key", {two}), ("value:payload.order.id", {one}),
    ):  # fmt: skip
        found = shop.audit("--event-id", place)
        assert (lost(found), disputed(found)) == (set(), doubtful)
        assert (found["verdict"], found["exit_code"]) == ("inconclusive", 3)
        assert "names" in found["reason"]
    assert lost(shop.audit("--event-id", "value:payload.order.id", "--event-filter", "kind=made")) == {one, three}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--orders-table", "no_such_table"], "--orders-table no_such_table"),
        (["--orders-id-column", "nope"], "--orders-id-column nope"),
        (["--orders-time-column", "id"], "--orders-time-column id"),
        (["--since", "yesterday"], "--since yesterday"),
        (["--since", "2099-01-01T00:00:00Z"], "in the future"),
        (["--since", "2026-01-01T00:00:00"], "with its time zone"),
        (["--since", "99999999d"], "--since 99999999d"),
        (["--database-url", "foo"], "--database-url cannot be read"),
        (["--grace=-1s"], "--grace -1s"),
        (["--event-id", "body"], "--event-id body"),
        (["--event-filter", "kind"], "--event-filter kind"),
        (["--outbox-table", "nope"], "--outbox-table nope"),
        (["--kafka-config", "/no/such/file"], "--kafka-config"),
        (["--unknown"], "--unknown"),
        (["--expect", "luck"], "luck"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_anything_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    shop.make()
    shop.store(*orders(1), at="now() - interval '2 minutes'")
    shop.publish(*orders(1))
    code, out, err = shop.code(*options)
    assert (code, out) == (2, "")
    sentences = [line for line in err.splitlines() if not line.startswith("warning: a password")]
    assert len(sentences) == 1
    assert words in sentences[0]


def test_an_outbox_that_may_not_be_read_is_refused_before_anything_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.witnesses.progress._EVERY_S", 0)
    shop.make()
    shop.store(*orders(1))
    outbox, role = f"{shop.table}_outbox", f"{shop.table}_reader"
    shop.sql(f"CREATE TABLE {outbox} (aggregateid text, payload text, published_at timestamp)")
    shop.sql(f"CREATE ROLE {role}; GRANT SELECT ON {shop.table} TO {role}")
    asked = ("--outbox-table", outbox, "--database-url", f"{shop.infra.database_url}?options=-crole%3D{role}")
    code, out, err = shop.code(*asked)
    assert (code, out) == (4, "")
    assert [line for line in err.splitlines() if not line.startswith("warning: a password")] == [
        f"audit: PostgreSQL says: permission denied for table {outbox} (SQLSTATE 42501)"
    ]
    shop.sql(f"GRANT SELECT (aggregateid, published_at) ON {outbox} TO {role}")
    assert shop.audit(*asked)["counts"]["rows"] == 1


@pytest.mark.parametrize(
    "away",
    [["--database-url", "postgresql://mars:secretword@127.0.0.1:1/x"], ["--kafka-bootstrap", "127.0.0.1:1"]],
)
def test_a_store_that_cannot_be_reached(shop: Shop, away: list[str]) -> None:
    shop.make()
    code, _, err = shop.code(*away)
    assert code == 4
    assert "audit: " in err
    assert "secretword" not in err
    assert "KafkaError" not in err


def test_a_missing_topic_is_not_made(shop: Shop) -> None:
    shop.make()
    name = f"never-{uuid.uuid4()}"
    code, _, err = shop.code("--topic", name)
    assert code == 2
    assert f"--topic {name}: topic {name} does not exist" in err
    assert name not in shop.admin.list_topics(timeout=10).topics


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


def test_a_row_without_a_time_is_not_judged(shop: Shop) -> None:
    shop.make()
    timeless, whole = orders(1), orders(1)
    shop.store(*timeless, at="NULL")
    shop.store(*whole)
    shop.publish(*whole)
    found = shop.audit()
    assert (found["counts"]["rows"], found["counts"]["not_judged"], lost(found)) == (2, 1, set())
    assert found["reason"].startswith("the events of 1 row are in the topic, and no judged row is without one")


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
