"""Records as values: what counts as an event, in bulk and compared with a plain reading of one record at a time."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.run_key import RunKey
from reconcile.event_value import EventDecoder
from tests.reconcile.edges.parts import order_created, texts

RUN = RunKey(0x0123456789AB4DEF)
OTHER = RunKey(0x0123456789AB4DEE)
Record = tuple[bytes | None, bytes | None]


def plain_id(text: object) -> uuid.UUID | None:
    if not isinstance(text, str) or not re.fullmatch(r"\{?[0-9a-fA-F-]*\}?", text):
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def plain_shape(value: bytes | None) -> dict[str, object] | None:
    """Return the members of a value that is an `order.created`, the slow and obvious way."""
    try:
        said = json.loads((value or b"").decode())
    except ValueError:
        return None
    shaped = (
        isinstance(said, dict)
        and isinstance(said.get("items"), list)
        and all(isinstance(item, dict) for item in said["items"])
        and all(isinstance(said.get(name), str) for name in ("orderId", "customerId", "eventId", "occurredAt"))
        and all("created" in str(said[name]).lower() for name in ("type", "eventType") if said.get(name) is not None)
    )
    return said if shaped else None


def plain_reading(value: bytes | None, key: bytes | None) -> tuple[str, uuid.UUID | None, int | None]:
    """Return ("unreadable" | "foreign" | "ours", order id, sequence)."""
    said = plain_shape(value)
    order = plain_id(said["orderId"]) if said else None
    if said is None or order is None or (key is not None and plain_id(key.decode(errors="replace")) != order):
        return ("unreadable", None, None)
    customer = plain_id(said["customerId"])
    if customer is None or not RUN.first <= customer <= RUN.last:
        return ("foreign", order, None)
    return ("ours", order, RUN.sequence_of(customer))


SPELLINGS: list[Callable[[object], str]] = [str, str, lambda one: str(one).upper(), lambda one: "{" + str(one) + "}"]
MEMBERS: list[dict[str, object]] = [
    {},
    {},
    {"type": "OrderCreatedEvent"},
    {"eventType": "order.cancelled"},
    {"type": None},
    {"more": [1]},
    {"items": 3},
    {"items": [3]},
    {"items": []},
    {"eventId": "7"},
    {"eventId": 7},
    {"occurredAt": None},
]


@st.composite
def records(draw: st.DrawFn) -> Record:
    order = draw(st.uuids())
    sequence = draw(st.integers(0, 2**62 - 1))
    customer: object = draw(st.sampled_from([RUN, RUN, RUN, OTHER])).customer_id(sequence)
    spell = draw(st.sampled_from(SPELLINGS))
    customer = draw(st.sampled_from([customer, customer, customer, "nobody", str(customer).upper()]))
    members = draw(st.sampled_from(MEMBERS))
    value: bytes | None = order_created(spell(order), customer, **members)
    value = draw(st.sampled_from([value, value, value, value, None, b"", b"{", b"[]", b"\xff\xfe", b"null"]))
    other = str(draw(st.uuids()))
    key = draw(st.sampled_from([str(order), str(order), str(order).upper(), spell(order), None, other, "x", "\xe9"]))
    return value, None if key is None else key.encode("latin-1")


@given(st.lists(records(), max_size=25))
def test_bulk_decoding_is_the_same_as_a_plain_reading(batch: list[Record]) -> None:
    decoded = EventDecoder(RUN).batch([value for value, _ in batch], [key for _, key in batch])
    read = [plain_reading(value, key) for value, key in batch]
    ours = [(position, order, seq) for position, (kind, order, seq) in enumerate(read) if kind == "ours"]
    assert decoded.where.tolist() == [position for position, _, _ in ours]
    assert decoded.orders.tobytes() == b"".join(order.bytes for _, order, _ in ours if order)
    assert decoded.sequences.tolist() == [seq for _, _, seq in ours]
    assert decoded.foreign == sum(kind == "foreign" for kind, _, _ in read)
    assert decoded.unreadable == sum(kind == "unreadable" for kind, _, _ in read)
    assert len(decoded.events) == len(ours)


def one(value: bytes | None, key: bytes | None) -> tuple[int, int, int]:
    decoded = EventDecoder(RUN).batch([value], [key])
    return len(decoded.where), decoded.foreign, decoded.unreadable


ORDER = uuid.UUID("6a0e5b1c-8d3f-4e2a-9b7c-0123456789ab")
GOOD = order_created(ORDER, RUN.customer_id(7))
KEY = str(ORDER).encode()


@pytest.mark.parametrize(
    ("value", "key", "counted"),
    [
        (GOOD, KEY, (1, 0, 0)),
        (GOOD, None, (1, 0, 0)),
        (GOOD, KEY.upper(), (1, 0, 0)),
        (GOOD, b"{" + KEY + b"}", (1, 0, 0)),
        (order_created(str(ORDER).upper(), RUN.customer_id(7)), KEY, (1, 0, 0)),
        (order_created(ORDER, str(RUN.customer_id(7)).upper()), KEY, (1, 0, 0)),
        (order_created(ORDER, RUN.customer_id(7), type="com.shop.OrderCreated"), KEY, (1, 0, 0)),
        (order_created(ORDER, RUN.customer_id(7), occurredAt=1795419000.123), KEY, (1, 0, 0)),
        (order_created(ORDER, OTHER.customer_id(7)), KEY, (0, 1, 0)),
        (order_created(ORDER, uuid.UUID(int=RUN.first.int - 1)), KEY, (0, 1, 0)),
        (order_created(ORDER, uuid.UUID(int=RUN.last.int + 1)), KEY, (0, 1, 0)),
        (order_created(ORDER, RUN.customer_id(7), eventType="order.cancelled"), KEY, (0, 0, 1)),
        (order_created(ORDER, RUN.customer_id(7), type="created", eventType="order.cancelled"), KEY, (0, 0, 1)),
        (json.dumps({"orderId": str(ORDER), "customerId": str(RUN.first), "eventId": "1"}).encode(), KEY, (0, 0, 1)),
        (GOOD, b"23ac74c2-3119-4a81-8f97-0467d08db3ea", (0, 0, 1)),
        (GOOD, b"order-1", (0, 0, 1)),
        (GOOD, b"", (0, 0, 1)),
        (GOOD, b"\xff" * 36, (0, 0, 1)),
        (None, KEY, (0, 0, 1)),
        (b"", KEY, (0, 0, 1)),
        (GOOD[:-1], KEY, (0, 0, 1)),
        (GOOD + b"x", KEY, (0, 0, 1)),
        (order_created("order-1", RUN.customer_id(7)), None, (0, 0, 1)),
    ],
)
def test_what_counts(value: bytes | None, key: bytes | None, counted: tuple[int, int, int]) -> None:
    assert one(value, key) == counted


def test_one_odd_record_does_not_change_its_neighbours() -> None:
    orders = [uuid.uuid4() for _ in range(5)]
    values: list[bytes | None] = [order_created(order, RUN.customer_id(i)) for i, order in enumerate(orders)]
    keys: list[bytes | None] = [str(order).encode() for order in orders]
    values[2], keys[4] = b"garbage", b"garbage"
    decoded = EventDecoder(RUN).batch(values, keys)
    assert decoded.where.tolist() == [0, 1, 3]
    assert decoded.sequences.tolist() == [0, 1, 3]
    assert texts(decoded.orders) == sorted(str(orders[i]) for i in (0, 1, 3))


def test_event_ids_that_are_no_uuid_still_tell_redelivered_from_published_twice() -> None:
    events = ["evt-1", "evt-1", "evt-2", str(uuid.UUID(int=5))]
    decoded = EventDecoder(RUN).batch([order_created(ORDER, RUN.first, event) for event in events], [KEY] * 4)
    first, again, second, usual = (element.tobytes() for element in decoded.events)
    assert first == again != second
    assert usual == uuid.UUID(int=5).bytes


def test_an_empty_batch() -> None:
    decoded = EventDecoder(RUN).batch([], [])
    assert (len(decoded.where), decoded.foreign, decoded.unreadable) == (0, 0, 0)


def test_keys_that_only_fit_together_do_not_agree() -> None:
    """Joined by line ends the keys read like the order ids, and yet none of them is one."""
    first, second = uuid.uuid4(), uuid.uuid4()
    values: list[bytes | None] = [order_created(one, RUN.customer_id(0)) for one in (first, second)]
    decoded = EventDecoder(RUN).batch(values, [f"{first}\n{second}".encode(), None])
    assert decoded.where.tolist() == [1]
    values[0] = order_created(f"{first}\n{first}", RUN.customer_id(0))
    decoded = EventDecoder(RUN).batch(values, [str(first).encode(), f"{first}\n{second}".encode()])
    assert decoded.where.tolist() == []
    assert decoded.unreadable == 2
