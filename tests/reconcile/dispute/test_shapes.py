"""Events of any shape: nothing is lost that a record might show, and what was lost by plan is named by id."""

from __future__ import annotations

import base64
import gzip
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contract.order_id import IdKind
from tests.conftest import Infra
from tests.reconcile.dispute.shapes import LOST, ORDERS, Order, Publish, Record, Service, Shape

pytestmark = pytest.mark.real
OTHER = uuid.UUID("77777777-7777-4777-8777-777777777777")
ALL_BUT_LOST = len(range(ORDERS)) - len(LOST)
ACKNOWLEDGED = {"attribution": "acknowledged-only", "event_tag": "none", "orders_tag_column": None}
EXCLUSIVE = ACKNOWLEDGED | {"attribution": "exclusive"}


def every(number: int, odd: Publish, usual: Publish = lambda order: [order.usual()]) -> Publish:
    """Publish one order in `number` in another way."""
    return lambda order: (usual if order.number % number else odd)(order)


def multiple_of(number: int) -> Callable[[int], bool]:
    return lambda at: at % number == 0


def anyone(_: int) -> bool:
    return True


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


def disputed(name: str, publish: Callable[[Order], Record], *, kind: IdKind = IdKind.UUID, **options: Any) -> Shape:
    """A service all of whose events are no event by the contract, yet name their orders."""
    return Shape(name, lambda order: [publish(order)], options=options, kind=kind, disputed=anyone)


def opaque(name: str, publish: Callable[[Order], Record], **options: Any) -> Shape:
    """A service whose events name nothing: those that are not there must be lost, whichever they are."""
    counts = {"opaque_records": ALL_BUT_LOST, "lost_at_least": len(LOST), "suspected_lost": ORDERS, "lost_events": 0}
    return Shape(name, lambda order: [publish(order)], options=options, expected=counts)


def guid(order: Order) -> bytes:
    return uuid.UUID(order.text).bytes_le


FILTER = {"event_filter": "value:type=order.created"}
CREATED = {"type": "order.created"}
SHAPES = [
    Shape("reference", lambda o: [o.usual()]),
    Shape("reference, embedded", lambda o: [o.usual()], stack="embedded"),
    Shape("null tag", every(7, lambda o: [o.usual(customerId=None)])),
    Shape("no tag", every(7, lambda o: [o.usual(customerId=...)])),
    Shape("another type", every(7, lambda o: [o.usual(type="OrderPlaced")]), disputed=multiple_of(7)),
    Shape("foreign key", every(7, lambda o: [Record(o.event(), str(OTHER).encode())]), disputed=multiple_of(7)),
    Shape("another tag", every(7, lambda o: [o.usual(customerId=str(OTHER))]), disputed=multiple_of(7)),
    Shape(
        "two schemas",
        every(4, lambda o: [Record(body(order={"id": o.id}, customerId=o.tag))]),
        options={"event_id": "value:orderId"},
        disputed=multiple_of(4),
    ),
    disputed("customer as key", lambda o: Record(o.event(), o.tag.encode())),
    Shape(
        "customer as key, stated",
        lambda o: [Record(o.event(), o.tag.encode())],
        options={"event_id": "value:orderId"},
    ),
    disputed("JSON of two", lambda o: Record(body(schema={}, payload=o.event().decode()), b'{"payload":"x"}')),
    disputed("CloudEvents", lambda o: Record(body(specversion="1.0", id=str(OTHER), data={"orderId": o.id}))),
    disputed("change of a row", lambda o: Record(body(op="c", payload={"after": {"id": o.id}}), body(id=o.id))),
    disputed("list", lambda o: Record(body(orders=[{"id": o.id}], customerId=o.tag)), event_id="value:orders.id"),
    disputed("dotted name", lambda o: Record(body(**{"order.id": o.id})), event_id="value:order.id"),
    disputed("prefix", lambda o: Record(o.event(orderId=f"ORD-{o.id}"), f"ORD-{o.id}".encode())),
    disputed("GUID as key", lambda o: Record(body(total=17), guid(o)), event_id="key"),
    disputed("base64 as key", lambda o: Record(body(total=17), base64.urlsafe_b64encode(o.raw)[:-2]), event_id="key"),
    disputed("bytes in Avro", lambda o: Record(b"\x00\x00\x00\x00\x2a\x20" + o.raw + b"\x02\x9a\x99")),
    disputed("text in Avro", lambda o: Record(b"\x00\x00\x00\x00\x2aH" + o.text.encode() + b"\x02\x9a\x99")),
    disputed("Avro with the id as key", lambda o: Record(b"\x00\x00\x00\x00\x2a\xff", o.text.encode()), event_id="key"),
    Shape(
        "Avro where the key says all",
        lambda o: [Record(b"\x00\x00\x00\x00\x2a\xff", o.text.encode())],
        options={"event_id": "key", **ACKNOWLEDGED},
    ),
    disputed("XML", lambda o: Record(f"<order><id>{{{o.text.upper()}}}</id></order>".encode())),
    disputed("only a header", lambda o: Record(b"{}", None, (("id", o.text.encode()),))),
    disputed("only its tag", lambda o: Record(body(customer={"ref": o.tag}))),
    disputed("not a number", lambda o: Record(o.event().replace(b"17.25", b"NaN"), o.text.encode())),
    disputed("cut off", lambda o: Record(o.event()[:-1], o.text.encode())),
    Shape("byte-order mark", lambda o: [Record(b"\xef\xbb\xbf" + o.event(), o.text.encode())]),
    Shape("upper case in braces", lambda o: [Record(o.event(orderId=f"{{{o.text.upper()}}}"), o.text.encode())]),
    # Nothing that attributes it.
    opaque("encrypted", lambda o: Record(os.urandom(200), None, (("ce_id", str(uuid.uuid4()).encode()),))),
    opaque("compressed", lambda o: Record(gzip.compress(o.event()))),
    opaque("UTF-16", lambda o: Record(o.event().decode().encode("utf-16"))),
    opaque("encrypted within JSON", lambda o: Record(body(eventId=str(OTHER), data=os.urandom(48).hex()))),
    opaque("compressed under an account's key", lambda o: Record(gzip.compress(o.event()), str(OTHER).encode())),
    opaque(
        "compressed in an envelope with an id of its own",
        lambda o: Record(body(id=str(uuid.uuid4()), payload=base64.b64encode(gzip.compress(o.event())).decode())),
    ),
    opaque("only products", lambda o: Record(body(eventId=str(OTHER), items=[{"product": {"id": str(OTHER)}}]))),
    opaque("cut off before its id", lambda o: Record(o.event()[:60], str(OTHER).encode())),
    Shape(
        "two heartbeats",
        lambda o: [o.usual()],
        others=[Record(body(type="heartbeat"))] * 2,
        expected={"lost_at_least": len(LOST) - 2, "suspected_lost": len(LOST), "opaque_records": 2, "lost_events": 0},
    ),
    Shape(
        "as many heartbeats as losses",
        lambda o: [o.usual()],
        others=[Record(body(type="heartbeat"))] * 3,
        expected={"lost_at_least": 0, "suspected_lost": len(LOST), "opaque_records": 3, "lost_events": 0},
        verdict=("inconclusive", 3),
    ),
    Shape(
        "filtered heartbeats",
        lambda o: [o.usual(**CREATED)],
        others=[Record(body(type="heartbeat"))] * 30,
        options=FILTER,
    ),
    # In place of the event that was lost by plan.
    Shape("tombstones", lambda o: [o.usual()], lambda o: [Record(None, o.text.encode())]),
    Shape(
        "tombstone and garbage",
        lambda o: [o.usual(), Record(b"{", o.text.encode())],
        lambda o: [Record(None, o.text.encode()), Record(b"{", o.text.encode())],
        expected={"lost_events": 0, "disputed": len(LOST)},
        verdict=("inconclusive", 3),
    ),
    Shape("filtered type", lambda o: [o.usual(**CREATED)], lambda o: [o.usual(type="order.paid")], options=FILTER),
    Shape(
        "another type, not filtered",
        lambda o: [o.usual(**CREATED)],
        lambda o: [o.usual(type="order.paid")],
        expected={"lost_events": 0, "disputed": len(LOST)},
        verdict=("inconclusive", 3),
    ),
    Shape("another type, our own", lambda o: [o.usual()], lambda o: [o.usual(type="order.paid")], stack="embedded"),
    Shape(
        "mentioned by the events of others",
        lambda o: [o.usual()],
        lambda o: [Record(o.event(orderId=str(OTHER), customerId=str(OTHER), parent=o.id), str(OTHER).encode())],
    ),
    Shape(
        "mentioned by other events of the run",
        every(9, lambda o: [o.usual(), *[o.usual(previous=str(n)) for n in LOST]]),
    ),
    Shape(
        "traffic of others",
        lambda o: [o.usual()],
        others=[Record(body(payment=str(OTHER), amount=17)), Record(body(customerId=str(OTHER), x=1)), Record(b"1")][
            :2
        ],
    ),
    Shape(
        "under another id",
        every(7, lambda o: [Record(o.event(orderId=str(uuid.uuid5(OTHER, o.text))))]),
        disputed=multiple_of(7),
        expected={"lost_events": len(LOST), "disputed": 4, "disputed_phantom": 4, "phantom_events": 0},
    ),
    Shape("transactions", lambda o: [o.usual()], aborted=lambda o: [o.usual(), Record(b"{", o.text.encode())]),
    # No tag says whose an event is.
    Shape(
        "two schemas, acknowledged only",
        every(4, lambda o: [Record(body(orderId=str(uuid.uuid4()), order={"id": o.id}))]),
        options=ACKNOWLEDGED,
        disputed=multiple_of(4),
    ),
    Shape(
        "two schemas, exclusive",
        every(4, lambda o: [Record(body(orderId=str(uuid.uuid4()), order={"id": o.id}))]),
        options=EXCLUSIVE,
        disputed=multiple_of(4),
        expected={"disputed": 7, "suspected_lost": len(LOST), "lost_events": 0, "phantom_events": 0},
        verdict=("inconclusive", 3),
    ),
    # Other kinds of ids.
    Shape("whole numbers", lambda o: [o.usual()], kind=IdKind.INTEGER),
    Shape(
        "numbers in every price",
        lambda o: [o.usual()],
        others=[
            Record(body(customerId=str(OTHER), price=n + 4.25, text=f"{n + 4} pieces, {n + 4} left", sku=f"A-{n + 4}"))
            for n in LOST
        ],
        kind=IdKind.INTEGER,
    ),
    Shape(
        "the number of another order as quantity",
        every(7, lambda o: [Record(body(orderId=[f"SHOP-{o.id}"], quantity=9))]),
        options=ACKNOWLEDGED,
        kind=IdKind.INTEGER,
        expected={"lost_at_least": len(LOST), "opaque_records": 4, "suspected_lost": len(LOST) + 4},
    ),
    disputed("bytes of a number as key", lambda o: Record(body(total=17.5), o.id.to_bytes(8)), kind=IdKind.INTEGER),
    disputed("number elsewhere", lambda o: Record(body(order={"no": str(o.id)}, total=0.5)), kind=IdKind.INTEGER),
    Shape("texts", lambda o: [o.usual()], kind=IdKind.TEXT),
    disputed("text within XML", lambda o: Record(f"<id>{o.text}</id>".encode()), kind=IdKind.TEXT),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_was_lost_by_plan_is_named_and_nothing_else(infra: Infra, tmp_path: Path, shape: Shape) -> None:
    service = Service(infra, shape)
    try:
        service.fill()
        found = service.judge(tmp_path)
    finally:
        service.drop()
    counts, ids = found.report["counts"], [order.text for order in service.orders]
    lost, doubted = sorted(found.ids("lost-events")), sorted(found.ids("disputed-orders"))
    assert set(lost) <= {ids[number] for number in LOST}, found.report["reason"]
    if shape.expected:
        assert {name: counts[name] for name in shape.expected} == shape.expected
    else:
        assert lost == sorted(ids[number] for number in LOST), found.report["reason"]
        wanted = [ids[number] for number in range(ORDERS) if number not in LOST and shape.disputed(number)]
        assert doubted == sorted(wanted)
        assert counts["opaque_records"] == counts["suspected_lost"] == 0
    assert (found.report["verdict"], found.code) == shape.verdict, found.report["reason"]
    assert counts["phantom_events"] == counts["lost_orders"] == 0
    second = found.report["confirmation"] or {}
    assert not any(second.get(name) for name in ("refuted", "unsettled", "disputed"))


def test_a_row_without_the_tag_is_found_by_the_id_of_its_answer(infra: Infra, tmp_path: Path) -> None:
    """Its event has another order id, so no event names the row."""
    under_another = every(5, lambda o: [Record(o.event(orderId=str(uuid.uuid5(OTHER, o.text))))])
    service = Service(infra, Shape("rows without a tag", under_another))
    try:
        service.fill()
        with psycopg.connect(infra.database_url, autocommit=True) as connection:
            untag = f"UPDATE {service.schema}.orders SET customer_id = NULL WHERE id = %s".encode()
            for order in service.orders[::5]:
                connection.execute(untag, (order.id,))
        found = service.judge(tmp_path)
    finally:
        service.drop()
    counts, ids = found.report["counts"], [order.text for order in service.orders]
    assert found.code == 1, found.report["reason"]
    assert sorted(found.ids("lost-events")) == sorted(ids[number] for number in LOST)
    assert sorted(found.ids("disputed-orders")) == sorted(ids[::5])
    assert (counts["phantom_events"], counts["lost_orders"], counts["disputed_phantom"]) == (0, 0, 6)
