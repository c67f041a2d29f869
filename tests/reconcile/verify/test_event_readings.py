"""What each of the two paths takes for an event of an order, and which rows a snapshot sees."""

import re
import uuid
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from confluent_kafka import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.ids import IDS
from contract.run_events import RunEvents
from reconcile.verify.event_reading import plain_reader
from reconcile.verify.lost_rows import lost_lines
from reconcile.verify.sql_verifier import FoundRow, visible
from tests.property_examples import examples
from tests.reconcile.core.run_builder import KEY, facts, order_id

A = str(order_id(1))


@pytest.mark.parametrize(
    ("snapshot", "xmin", "expected"),
    [
        ("100:100:", 99, True),
        ("100:100:", 100, False),
        ("100:105:101,103", 102, True),
        ("100:105:101,103", 103, False),
        ("100:105:101,103", 105, False),
        # Beyond the first four billion: the row keeps only the lower half of its transaction's id.
        (f"{2**32 + 7}:{2**32 + 7}:", 6, True),
        (f"{2**32 + 7}:{2**32 + 7}:", 7, False),
        (f"{2**32 + 7}:{2**32 + 7}:", 2**32 - 3, True),
        ("100:100:", 2, True),  # frozen by an old version
    ],
)
def test_whether_a_snapshot_sees_a_row(snapshot: str, xmin: int, expected: bool) -> None:
    assert visible(snapshot, xmin) is expected


EVENT = f'"orderId":"{A}","customerId":"c","eventId":"e","occurredAt":1,"items":[{{}}]'


@pytest.mark.parametrize(
    ("value", "order"),
    [
        (f"{{{EVENT}}}", A),
        (f'{{"type":"order.created",{EVENT}}}', A),
        (f'{{"more":{{"deep":[1]}},{EVENT}}}', A),
        (f"{{{EVENT}}}".replace(A, "{" + A.upper() + "}"), A),
        (f'{{"type":"order.cancelled",{EVENT}}}', None),
        (f"{{{EVENT}}}".replace('"occurredAt":1,', ""), A),
        (f"{{{EVENT}}}".replace("[{}]", "[1]"), A),
        (f"{{{EVENT}", None),
        ("[]", None),
        ("7", None),
        ("", None),
    ],
)
def test_what_counts_as_an_event(value: str, order: str | None) -> None:
    assert order_of(value.encode()) == (order and f"uuid {order.replace('-', '')}")


def order_of(value: bytes) -> str | None:
    """Return the order that the second path reads."""
    return plain_reader(facts()).read(cast("Message", Whole(value))).order


@dataclass
class Whole:
    """A record without a key."""

    content: bytes

    def value(self) -> bytes:
        return self.content

    def key(self) -> None:
        return None


def first_path(value: bytes) -> bool:
    """Return whether the first path takes a value for an event of the run, whose order A is known.

    So is the order that the second path finds: a changed byte may make an id of another order, which no customer id
    need say is the run's.
    """
    found = (order_of(value) or "").removeprefix("uuid ")
    ids = {order_id(1).bytes} | ({uuid.UUID(found).bytes} if re.fullmatch("[0-9a-f]{32}", found) else set())
    known = np.frombuffer(b"".join(sorted(ids)), dtype=IDS)
    return len(RunEvents(facts().contract.event, KEY, None, known).batch([value], [None]).where) == 1


ODD = [
    *("null", "true", "7", "1.5", "1e999", "-0", '""', '"x"', "[]", "{}", "[{}]", "[[]]", "[1]", "NaN", "Infinity"),
    *('"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '["created"]', '"order.created"', '"cancelled"', f'"{A}"'),
]
MEMBERS = ("orderId", "customerId", "eventId", "occurredAt", "items", "type", "eventType", "more")


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Events with members changed, repeated or left out, and bytes that were changed on the way."""
    members = [
        ("orderId", f'"{A}"'),
        ("customerId", f'"{KEY.customer_id(1)}"'),
        ("eventId", '"e"'),
        ("occurredAt", "1"),
        ("items", "[{}]"),
    ]
    for name, odd in draw(st.lists(st.tuples(st.sampled_from(MEMBERS), st.sampled_from(ODD)), max_size=3)):
        place = draw(st.integers(0, len(members)))
        members = [*members[:place], (name, odd), *members[place:]]
    if draw(st.integers(0, 5)) == 0:
        members.pop(draw(st.integers(0, len(members) - 1)))
    text = "{" + ",".join(f'"{name}":{odd}' for name, odd in members) + "}"
    encoded = text.encode(draw(st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-16-le"])))
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(encoded) - 1))
        encoded = encoded[:at] + draw(st.binary(max_size=2)) + encoded[at + draw(st.integers(0, 2)) :]
    return encoded


@settings(max_examples=examples(2000), deadline=None)
@given(values())
@example(b'{"orderId":"aaaaA000-0000-4000-8000-000000000001","eventId":"e","occurredAt":1,"items":[{}]}')
def test_both_paths_hold_the_same_for_an_event(value: bytes) -> None:
    """They share no code, and must not contradict each other: that would mean that the harness is wrong."""
    assert first_path(value) == (order_of(value) is not None), value


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", MEMBERS)
def test_both_paths_take_each_odd_member_alike(name: str, odd: str) -> None:
    for value in (f'{{"{name}":{odd},{EVENT}}}', f'{{{EVENT},"{name}":{odd}}}'):
        assert first_path(value.encode()) == (order_of(value.encode()) is not None), value


def test_a_lost_event_is_rebuilt_from_its_row() -> None:
    row = {"id": A, "customer_id": "c", "total": 19.5, "created_at": "2026-11-24T09:00:00.5"}
    items = [{"product_id": "p", "quantity": 2, "unit_price": 9.75, "id": 1}]
    absent = str(order_id(2))
    (line,) = lost_lines("orders", [absent, A], {A: FoundRow(True, row, items)})
    (again,) = lost_lines("orders", [A], {A: FoundRow(True, row, items)})
    assert line == again
    assert b'"topic":"orders","key":"' + A.encode() in line
    assert b'"items":[{"productId":"p","quantity":2,"unitPrice":9.75}],"occurredAt":"2026-11-24T09:00:00.5Z"' in line
