"""Runs against a user's own service whose options do not fit it, and near misses that do."""

from pathlib import Path
from typing import Any

import pytest

from contract.order_id import IdKind
from tests.conftest import Infra
from tests.reconcile.custom.judged_shops import OTHER, guard, judge
from tests.reconcile.custom.shop import PHANTOM, Shop

pytestmark = pytest.mark.real

WRONG: dict[str, dict[str, Any]] = {
    "a member that is not there": {"event_id": "value:order.number"},
    "a header that is not there": {"event_id": "header:order-id"},
    "the key, which is a customer": {"event_id": "key"},
    "as the reference service has it": {"event_id": "", "event_filter": ""},
    "a customer id that is another UUID": {"event_tag": "value:order.trace"},
    "uuid, where ids are numbers": {"id_kind": "uuid"},
    "another column of the same type": {"orders_id_column": "total_id"},
    "a column that is not unique": {"orders_id_column": "shelf"},
    "a column of another type": {"orders_id_column": "booked_at"},
    "no such column": {"orders_id_column": "id"},
    "no such customer column": {"orders_tag_column": "customer_id"},
    "a customer column of numbers": {"orders_tag_column": "shelf"},
    "no such table": {"orders_table": "nowhere.sales"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_option_is_never_a_total_loss(infra: Infra, shops: list[Shop], tmp_path: Path, wrong: str) -> None:
    """What is proven stands: one event was lost, one order was never stored, one event has no row. No more is."""
    shop = Shop(infra, IdKind.INTEGER, "value:order.id", "tagged", ("bigint", "uuid"))
    shops.append(shop)
    shop.sql(
        f"ALTER TABLE {shop.schema}.sales ADD total_id bigint GENERATED ALWAYS AS IDENTITY, "
        "ADD shelf int DEFAULT 7, ADD seller_ref uuid DEFAULT gen_random_uuid()"
    )
    shop.changes = WRONG[wrong]
    shop.fill()
    folder = shop.write(tmp_path)
    report = judge(shop, folder)
    counts = report["counts"]
    assert (report["verdict"], report["exit_code"]) in {("inconclusive", 3), ("inconsistent", 1)}
    assert max(counts[name] for name in ("lost_events", "phantom_events", "lost_orders")) <= 1, report["reason"]
    reasons = " ".join(one["reason"] for one in report["guards"] if one["passed"] is False)
    assert any(word in reasons for word in ("right?", "column", "no such table", "would count it", "--event-tag")), (
        reasons
    )


def test_rows_without_the_customer_id_that_was_sent_are_found_by_the_ids_of_answers_and_events(
    infra: Infra, shops: list[Shop], tmp_path: Path
) -> None:
    shop = Shop(infra, IdKind.INTEGER, "value:order.id", "tagged", ("bigint", "uuid"))
    shops.append(shop)
    shop.sql(f"ALTER TABLE {shop.schema}.sales ADD seller_ref uuid DEFAULT gen_random_uuid()")
    shop.changes = {"orders_tag_column": "seller_ref"}
    shop.fill()
    report = judge(shop, shop.write(tmp_path))
    counts = report["counts"]
    assert (counts["rows"], counts["lost_events"], counts["phantom_events"], counts["lost_orders"]) == (10, 1, 1, 1)
    assert counts["disputed"] == 1
    assert guard(report, "orders attributable")["passed"] is False
    assert guard(report, "violations confirmed")["passed"] is True


def test_what_was_found_instead_is_reported(infra: Infra, shops: list[Shop], tmp_path: Path) -> None:
    shop = Shop(infra, IdKind.INTEGER, "value:order.id", "tagged", ("bigint", "uuid"))
    shops.append(shop)
    shop.changes = {"event_id": "value:orderId"}
    shop.fill()
    report = judge(shop, shop.write(tmp_path))
    found = guard(report, "no order disputed")
    assert found["passed"] is False
    # Eight whole orders and one with garbage in place of its event; one of them was published twice.
    assert found["reason"].startswith("9 stored orders without an event are disputed: the record at partition")
    assert "--event-id value:order.id would count it" in found["reason"]
    assert report["named_at"]["value:order.id"] == 10


def test_a_total_loss_beside_the_traffic_of_others_is_one(infra: Infra, shops: list[Shop], tmp_path: Path) -> None:
    """The near miss: the options are right, the shop published nothing, and others did."""
    shop = Shop(infra, IdKind.INTEGER, "value:order.id", "tagged", ("bigint", "uuid"))
    shops.append(shop)
    for number in range(PHANTOM):
        shop.store(number)
    shop.publish(300, customer=OTHER)
    report = judge(shop, shop.write(tmp_path))
    assert guard(report, "no order disputed")["passed"] is True
    assert report["counts"]["lost_events"] == PHANTOM
    assert report["verdict"] == "inconsistent", report["reason"]
