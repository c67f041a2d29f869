"""Shapes of events and tables, and what preflight says of a service that has them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Shape = Callable[[str, str], tuple[Any, Any, list[tuple[str, Any]]]]
NO_TAGS = {"event_tag": "none", "orders_tag_column": "none", "attribution": "acknowledged-only"}
COLUMNS = "id uuid PRIMARY KEY, customer_id uuid NOT NULL"


def reference(order: str, tag: str) -> dict[str, Any]:
    return {"eventId": str(uuid.uuid4()), "orderId": order, "customerId": tag, "items": [], "occurredAt": "2026-11-27"}


@dataclass
class Case:
    """One shape; `refused`: words of preflight's refusal, empty where it must pass."""

    shape: Shape
    refused: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def value_at(**members: str) -> Shape:
    return lambda order, tag: (
        None,
        json.dumps({k: v.format(id=order) for k, v in members.items()} | {"customerId": tag}),
        [],
    )


CASES: dict[str, Case] = {
    "reference": Case(lambda order, tag: (order, json.dumps(reference(order, tag)), [])),
    "no event id, items or time": Case(value_at(orderId="{id}")),
    "byte-order mark": Case(
        lambda order, tag: (order, b"\xef\xbb\xbf" + json.dumps(reference(order, tag)).encode(), [])
    ),
    "upper case and braces": Case(value_at(orderId="{{{id}}}")),
    "customer as key": Case(
        lambda order, tag: (tag, json.dumps(reference(order, tag)), []),
        ("has its id at value:orderId", "a key that does not name the order of its value", "--event-id value:orderId"),
    ),
    "customer as key, place stated": Case(
        lambda order, tag: (tag, json.dumps(reference(order, tag)), []), (), {"event_id": "value:orderId"}
    ),
    "another type": Case(value_at(orderId="{id}", type="OrderPlaced"), ("a type without `created`", "--event-filter")),
    "another type, filter stated": Case(
        value_at(orderId="{id}", type="OrderPlaced"), (), {"event_filter": "value:type=OrderPlaced"}
    ),
    "Avro": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode() + tag.encode(), []),
        ("has its id at key", "no JSON object in UTF-8"),
    ),
    "Avro, the key says all, with a tag": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode() + tag.encode(), []),
        ("no JSON object in UTF-8",), {"event_id": "key"},
    ),
    "Avro, the key says all": Case(
        lambda order, tag: (order, b"\x00\x00\x00\x00\x2a" + order.encode(), []), (), {"event_id": "key", **NO_TAGS}
    ),
    "Avro, headers say all": Case(
        lambda order, tag: (None, b"\x00\x00\x00\x00\x2a", [("id", order), ("tag", tag)]), (),
        {"event_id": "header:id", "event_tag": "header:tag"},
    ),
    "binary CloudEvents with the customer as key": Case(
        lambda order, tag: (tag, b"\x0a\x03", [("ce_id", "4711"), ("ce_type", "shop.placed"), ("ce_subject", order)]),
        (), {"event_id": "header:ce_subject", "event_filter": "header:ce_type=shop.placed", "event_tag": "key"},
    ),
    "binary CloudEvents, no filter stated": Case(
        lambda order, tag: (tag, b"{}", [("ce_type", "shop.placed"), ("ce_subject", order)]),
        ("--event-filter is missing", "give header:ce_type=shop.placed"),
        {"event_id": "header:ce_subject", "event_tag": "key"},
    ),
    "a tag that is the key, not stated": Case(
        lambda order, tag: (tag, json.dumps({"orderId": order}), []),
        ("--event-tag value:customerId", "it is at key"), {"event_id": "value:orderId"},
    ),
    "no JSON": Case(
        lambda order, tag: (None, f"order={order}", []), ("has its id at value", "no JSON object in UTF-8")
    ),
    "quoted key": Case(
        lambda order, tag: (f'"{order}"', json.dumps({"customerId": tag}), []),
        ("has its id at key (in a longer text)", "no uuid order id at key"), {"event_id": "key"},
    ),
    "raw key": Case(
        lambda order, tag: (uuid.UUID(order).bytes, json.dumps({"customerId": tag}), []),
        ("a JSON value with customerId",), {"event_id": "key"},
    ),
    "urn": Case(value_at(orderId="urn:uuid:{id}"), ("has its id at value:orderId (in a longer text)",)),
    "prefixed": Case(value_at(orderId="ORD-{id}"), ("has its id at value:orderId (in a longer text)",)),
    "in a list": Case(
        lambda order, tag: (None, json.dumps({"orders": [{"id": order}], "customerId": tag}), []),
        ("has its id at value:orders.0.id", "no uuid order id"), {"event_id": "value:orders.0.id"},
    ),
    "dotted name": Case(
        lambda order, tag: (None, json.dumps({"order.id": order, "customerId": tag}), []),
        ("has its id at value:order.id",), {"event_id": "value:order.id"},
    ),
    "a tag that is none": Case(
        lambda order, tag: (None, json.dumps({"orderId": order, "customerId": None, "ref": tag}), []),
        ("--event-tag value:customerId", "it is at value:ref"),
    ),
    "a tag of another": Case(
        lambda order, tag: (None, json.dumps({"orderId": order, "customerId": str(uuid.uuid4())}), []),
        ("--event-tag value:customerId", "nowhere in it"),
    ),
    "a tag that is nowhere": Case(
        lambda order, tag: (None, json.dumps({"orderId": order}), []),
        ("it is nowhere in it: give --attribution acknowledged-only", "nor is it in the events of 3 orders before"),
    ),
    "a tombstone": Case(lambda order, tag: (order, None, []), ("has its id at key", "is a tombstone")),
}  # fmt: skip
TABLES: dict[str, tuple[str, str, dict[str, str]]] = {
    "varchar id": ("id varchar(36) PRIMARY KEY, customer_id uuid NOT NULL", "", {}),
    "char id": ("id char(36) PRIMARY KEY, customer_id uuid NOT NULL", "", {}),
    "varchar tag": ("id uuid PRIMARY KEY, customer_id varchar(36) NOT NULL", "", {}),
    "text for both": ("id text PRIMARY KEY, customer_id text NOT NULL", "", {}),
    "a view": (COLUMNS, "CREATE VIEW {table}_v AS SELECT * FROM {table}", {"orders_table": "{table}_v"}),
    "an outbox of another make": (
        COLUMNS, "CREATE TABLE {table}_o (event uuid, sent boolean)", {"outbox_table": "{table}_o"},
    ),
    "an outbox": (
        COLUMNS, "CREATE TABLE {table}_o (aggregateid text, type text, published_at timestamp)",
        {"outbox_table": "{table}_o"},
    ),
}  # fmt: skip
