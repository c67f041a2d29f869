"""Which rows and events of real stores an audit judges: by age, by window, by time zone."""

import json

import psycopg
import pytest
from confluent_kafka import TopicPartition

from tests.reconcile.audit.shop import Shop, lost, orders, stamped, store_naive

pytestmark = pytest.mark.real


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


def test_a_row_without_a_time_is_not_judged(shop: Shop) -> None:
    shop.make()
    timeless, whole = orders(1), orders(1)
    shop.store(*timeless, at="NULL")
    shop.store(*whole)
    shop.publish(*whole)
    found = shop.audit()
    assert (found["counts"]["rows"], found["counts"]["not_judged"], lost(found)) == (2, 1, set())
    assert found["reason"].startswith("the events of 1 row are in the topic, and no judged row is without one")
