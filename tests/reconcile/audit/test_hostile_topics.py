"""Audits of topics that are made to deceive: no loss is invented, none is passed over, nothing crashes."""

import json
import threading
import uuid

import pytest
from confluent_kafka import Producer, TopicPartition

from reconcile.audit import recheck
from reconcile.audit.audit_guards import compaction_guard
from stores.topic_settings import TopicSettings
from tests.reconcile.audit.shop import Shop, disputed, lost, orders, stamped, store_naive
from tests.reconcile.witnesses.witness_data import await_end

pytestmark = pytest.mark.real


def guard(found: dict[str, list[dict[str, object]]], name: str) -> object:
    return next(one["passed"] for one in found["guards"] if one["name"] == name)


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


def test_times_in_microseconds_are_reported_as_they_are(shop: Shop) -> None:
    shop.make(**{"message.timestamp.after.max.ms": str(2**62)})
    named = orders(2)
    shop.store(*named)
    shop.publish(named[0], timestamp=1_795_000_000_000_000)
    code, out, err = shop.code("--json", "--grace", "1s")
    assert (code, lost(json.loads(out))) == (1, {named[1]}), err
