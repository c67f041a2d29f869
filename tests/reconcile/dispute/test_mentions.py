"""Records that are no event of the run: which orders they name, which name none and are opaque."""

import json
import uuid
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.attribution import ACKNOWLEDGED_ONLY, TAGGED
from contract.event import EventContract, KafkaRecord, Why
from contract.order_id import IdKind, encode_order_id
from contract.place import Place
from contract.run_events import NO_SEQUENCE
from reconcile.history.history import EVENT, ROW
from reconcile.witnesses.mentions import Mentions
from tests.reconcile.core.run_builder import KEY

OTHER = str(uuid.UUID(int=1 << 100))
LONG_TEXT = "invoice/2026/11/25/000123"


def order(kind: IdKind, number: int) -> Any:
    if kind is IdKind.UUID:
        return str(uuid.UUID(int=(0xBBBB_0000_0000_4000 << 64) | (0b10 << 62) | number))
    if kind is IdKind.INTEGER:
        return 1000 + number
    return LONG_TEXT if number == 0 else f"ORD-{number}"


class Scene:
    """Orders 0 to 3 of a run with rows; attempts have the number of their order plus 50."""

    def __init__(self, kind: IdKind = IdKind.UUID, attribution: str = TAGGED, **event: Any) -> None:
        self.kind = kind
        rows = np.zeros(4, dtype=ROW)
        self.names: dict[bytes, str] = {}
        for number in range(4):
            identity = encode_order_id(kind, order(kind, number))
            assert identity is not None
            self.names[identity] = str(order(kind, number))
            seq = 50 + number if attribution == TAGGED else NO_SEQUENCE
            rows[number] = (int.from_bytes(identity[:8]), int.from_bytes(identity[8:]), seq)
        contract = replace(EventContract(id_kind=kind), **event)
        self.rows = rows
        self.mentions = Mentions(contract, KEY, attribution, rows, self.names)

    def take(self, *records: tuple[KafkaRecord, Why]) -> None:
        offsets = np.arange(len(records), dtype=np.int64)
        why = np.array([reason for _, reason in records], dtype=np.uint8)
        self.mentions.take([record for record, _ in records], why, np.zeros(len(records), dtype=np.int64), offsets)

    def named(self, *with_event: int) -> tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]]:
        """Return for each named order the first offset and how many: of doubtful records, and of certain ones."""
        events = np.zeros(len(with_event), dtype=EVENT)
        for at, number in enumerate(with_event):
            events["hi"][at], events["lo"][at] = self.rows["hi"][number], self.rows["lo"][number]
        found = []
        for part in self.mentions.finish(events)[:2]:
            known = [(row["hi"], row["lo"]) for row in self.rows]
            ids = [known.index((one["hi"], one["lo"])) for one in part]
            found.append({n: (int(m["offset"]), int(m["count"])) for n, m in zip(ids, part, strict=True)})
        return found[0], found[1]


def value(**members: Any) -> bytes:
    return json.dumps(members).encode()


def record(raw: bytes | None = b"{", key: bytes | None = None, **headers: bytes) -> KafkaRecord:
    return KafkaRecord(key, raw, list(headers.items()))


def test_first_record_how_many_and_why() -> None:
    scene = Scene()
    one = order(scene.kind, 1)
    scene.take(
        (record(value(other=OTHER)), Why.NO_ID),
        (record(b"{", one.encode()), Why.UNREADABLE),
        (record(value(order={"id": one}), None), Why.NO_ID),
        (record(None, one.encode()), Why.TOMBSTONE),
        (record(value(id=order(scene.kind, 2))), Why.FILTERED),
        (record(value(ids=[one, order(scene.kind, 3), one])), Why.NO_ID),
    )
    assert scene.named() == ({1: (1, 3), 3: (5, 1)}, {1: (3, 1), 2: (4, 1)})
    # An order that has an event is in no doubt.
    assert scene.named(1) == ({3: (5, 1)}, {2: (4, 1)})
    mentions, _, places = scene.mentions.finish(np.zeros(0, dtype=EVENT))
    assert mentions["why"].tolist() == [Why.UNREADABLE, Why.NO_ID]
    assert places == {"key": 1, "value:ids.0": 1, "value:ids.1": 1, "value:order.id": 1}
    assert scene.mentions.rejected == {Why.NO_ID: 3, Why.UNREADABLE: 1, Why.TOMBSTONE: 1, Why.FILTERED: 1}
    assert scene.mentions.opaque == 0


def test_the_first_record_is_that_of_the_lowest_offset_whatever_came_first() -> None:
    scene = Scene()
    one = record(b"{", order(scene.kind, 1).encode())
    for partition, offset in ((1, 5), (0, 9), (0, 7), (1, 2)):
        scene.mentions.take(
            [one], np.array([Why.UNREADABLE], dtype=np.uint8), np.array([partition]), np.array([offset])
        )
    mentions, *_ = scene.mentions.finish(np.zeros(0, dtype=EVENT))
    assert mentions[["partition", "offset", "count"]].tolist() == [(0, 7, 4)]


@pytest.mark.parametrize("kind", list(IdKind))
def test_a_tag_names_the_order_of_its_attempt(kind: IdKind) -> None:
    scene = Scene(kind)
    tag = KEY.customer_id(52)
    scene.take(*((record(raw), Why.NO_ID) for raw in (value(customer=str(tag)), b"\xff" + tag.bytes_le, tag.bytes)))
    assert scene.named()[0] == {2: (0, 3)}
    # Neither the tag of another run nor that of an attempt without a row names anything.
    scene = Scene(kind)
    others = [replace(KEY, upper=KEY.upper + (1 << 20)).customer_id(52), KEY.customer_id(99)]
    scene.take(*((record(value(customer=str(one))), Why.NO_ID) for one in others))
    assert scene.named()[0] == {}


def test_a_tag_is_none_where_orders_are_not_tagged() -> None:
    scene = Scene(attribution=ACKNOWLEDGED_ONLY)
    scene.take((record(value(customer=str(KEY.customer_id(52)))), Why.NO_ID))
    assert scene.named()[0] == {}


@pytest.mark.parametrize(
    "raw",
    [
        record(value(no=1001)),
        record(value(no="1001")),
        record(value(no=1001.0)),
        record(value(a=[{"b": [0, 1001]}])),
        record(value(body=json.dumps({"no": 1001}))),
        record(value(body=json.dumps({"deep": json.dumps({"no": "1001"})}))),
        record(b"\xef\xbb\xbf" + value(no=1001)),
        record(b"1001"),
        record(b"[1001]"),
        record(b"\x00avro", b"1001"),
        record(b"\x00avro", b'"1001"'),
        record(b"\x00avro", b'{"schema":{},"payload":1001}'),
        record(b"\x00avro", (1001).to_bytes(8)),
        record(b"\x00avro", (1001).to_bytes(4)),
        record(b"\x00avro", order=b"1001"),
    ],
)
def test_an_integer_counts_as_a_whole_scalar(raw: KafkaRecord) -> None:
    scene = Scene(IdKind.INTEGER)
    scene.take((raw, Why.NO_ID))
    assert scene.named()[0] == {1: (0, 1)}


@pytest.mark.parametrize(
    "raw",
    [
        record(value(price=1001.5, text="1001 pieces", long=11001, more="no 1001")),
        record(value(no=10010, other="-1001")),
        record(b"\x00\x001001", b"key-1001"),
        record(b'{"no":1001'),
        record(value(no=True, n=None)),
        record(b"id;1001;x", trace=b"a-1001"),
    ],
)
def test_an_integer_within_something_else_counts_for_nothing(raw: KafkaRecord) -> None:
    scene = Scene(IdKind.INTEGER)
    scene.take((raw, Why.NO_ID))
    assert scene.named()[0] == {}


def test_seventeen_in_every_price_names_no_order() -> None:
    """The numbers of prices are numbers of orders as well: then the price does name one, and the doubt is right."""
    scene = Scene(IdKind.INTEGER)
    scene.take((record(value(lines=[{"price": 17.25, "text": "17 x 1001"}])), Why.NO_ID))
    assert scene.named()[0] == {}
    scene.take((record(value(price=1003)), Why.NO_ID))
    assert scene.named()[0] == {3: (0, 1)}


def test_short_texts_as_a_whole_and_long_ones_anywhere() -> None:
    scene = Scene(IdKind.TEXT)
    scene.take(
        (record(f"<id>{LONG_TEXT}</id>".encode()), Why.UNREADABLE),
        (record(b"<id>ORD-1</id>"), Why.UNREADABLE),
        (record(value(id="ORD-2", text="about ORD-1")), Why.NO_ID),
        (record(b"\x00", b"ORD-3"), Why.NO_ID),
        (record(b"ORD-3"), Why.UNREADABLE),
    )
    assert scene.named()[0] == {0: (0, 1), 2: (2, 1), 3: (3, 2)}


TAG_OF_OTHERS = str(uuid.UUID(int=7))
CASES: list[tuple[dict[str, Any], KafkaRecord, Why, bool]] = [
    # Nothing at all, or nothing but a message's own ids: it may be of any order.
    ({}, record(b'{"heartbeat":1}'), Why.NO_ID, True),
    ({}, record(b'{"type":"heartbeat"}'), Why.OTHER_TYPE, True),
    ({}, record(b"\x00\x01\x02"), Why.UNREADABLE, True),
    ({}, record(b"\x00\x01\x02", trace=OTHER.encode()), Why.UNREADABLE, True),
    ({}, record(value(eventId=OTHER, data="c2VjcmV0IHRoaW5ncyBhbGwgb3Zlcg==")), Why.NO_ID, True),
    ({}, record(value(meta={"correlation_id": OTHER, "trace-id": OTHER})), Why.NO_ID, True),
    ({}, record(value(tenantId=OTHER, data="c2VjcmV0")), Why.NO_ID, True),
    # Of another order, or of something else that has an id.
    ({}, record(value(orderId=OTHER), b"k"), Why.KEY_DIFFERS, False),
    ({}, record(value(orderId=OTHER, type="paid")), Why.OTHER_TYPE, False),
    ({}, record(value(payment=OTHER)), Why.NO_ID, False),
    ({}, record(b"\x00\x01\x02", OTHER.encode()), Why.UNREADABLE, True),
    ({}, record(b"{}", OTHER.encode()), Why.NO_ID, False),
    ({}, record(f"<id>{OTHER}</id>".encode()), Why.UNREADABLE, True),
    ({}, record(value(customerId=TAG_OF_OTHERS)), Why.NO_ID, False),
    ({"tag_place": Place("header", "tag")}, record(b"{}", tag=TAG_OF_OTHERS.encode()), Why.NO_ID, False),
    ({"id_place": Place("header", "id")}, record(b"{}", id=OTHER.encode()), Why.OTHER_TYPE, False),
    ({}, record(None), Why.TOMBSTONE, False),
    ({}, record(b"{"), Why.FILTERED, False),
    ({"id_kind": IdKind.INTEGER}, record(value(total=OTHER)), Why.NO_ID, True),
    ({"id_kind": IdKind.INTEGER}, record(value(orderId=5, type="paid")), Why.OTHER_TYPE, False),
    ({"id_kind": IdKind.INTEGER}, record(value(customerId=TAG_OF_OTHERS)), Why.NO_ID, False),
    ({"id_kind": IdKind.TEXT}, record(b"\x00"), Why.UNREADABLE, True),
]


@pytest.mark.parametrize(("event", "raw", "why", "opaque"), CASES, ids=map(str, range(len(CASES))))
def test_what_is_opaque(event: dict[str, Any], raw: KafkaRecord, why: Why, opaque: bool) -> None:
    scene = Scene(event.get("id_kind", IdKind.UUID), **{k: v for k, v in event.items() if k != "id_kind"})
    scene.take((raw, why), (record(b"{", str(order(scene.kind, 0)).encode()), Why.UNREADABLE))
    assert scene.mentions.opaque == int(opaque)


def test_many_bytes_are_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, whole = Scene(), Scene()
    records = [(record(value(id=order(scene.kind, at % 4), pad="x" * at)), Why.NO_ID) for at in range(40)]
    whole.take(*records)
    monkeypatch.setattr("reconcile.witnesses.mentions.SLICE", 200)
    scene.take(*records)
    assert scene.named() == whole.named() == ({at: (at, 10) for at in range(4)}, {})
    assert scene.mentions.rejected == whole.mentions.rejected


def test_no_record_and_no_row() -> None:
    scene = Scene()
    scene.take()
    assert scene.named() == ({}, {})
    empty = Mentions(EventContract(), KEY, TAGGED, np.zeros(0, dtype=ROW), {})
    empty.take([record(b"{", OTHER.encode())], np.array([4], dtype=np.uint8), np.zeros(1, int), np.zeros(1, int))
    assert (len(empty.finish(np.zeros(0, dtype=EVENT))[0]), empty.opaque) == (0, 1)
