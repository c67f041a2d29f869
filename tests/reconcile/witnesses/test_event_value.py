"""Records of the reference service: what counts as an event of the run."""

from __future__ import annotations

import json
import uuid

import pytest

from contract.event import EventContract
from contract.run_events import RunEvents
from contract.run_key import RunKey
from tests.reconcile.witnesses.witness_data import order_created, texts

RUN = RunKey(0x0123456789AB4DEF)
OTHER = RunKey(0x0123456789AB4DEE)


def reader() -> RunEvents:
    return RunEvents(EventContract(reference=True), RUN)


def one(value: bytes | None, key: bytes | None) -> tuple[int, int, int]:
    read = reader().batch([value], [key])
    return len(read.where), read.foreign, len(read.rejected_at)


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
        (json.dumps({"orderId": str(ORDER), "customerId": str(RUN.first), "eventId": "1"}).encode(), KEY, (1, 0, 0)),
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
    read = reader().batch(values, keys)
    assert read.where.tolist() == [0, 1, 3]
    assert read.sequences.tolist() == [0, 1, 3]
    assert texts(read.orders) == sorted(str(orders[i]) for i in (0, 1, 3))


def test_event_ids_that_are_no_uuid_still_tell_redelivered_from_published_twice() -> None:
    events = ["evt-1", "evt-1", "evt-2", str(ORDER)]
    read = reader().batch([order_created(ORDER, RUN.first, event) for event in events], [KEY] * 4)
    first, again, second, usual = (element.tobytes() for element in read.events)
    assert first == again != second
    assert usual == ORDER.bytes


def test_an_empty_batch() -> None:
    read = reader().batch([], [])
    assert (len(read.where), read.foreign, len(read.rejected_at)) == (0, 0, 0)


def test_keys_that_only_fit_together_do_not_agree() -> None:
    """Joined by line ends the keys read like the order ids, and yet none of them is one."""
    first, second = uuid.uuid4(), uuid.uuid4()
    values: list[bytes | None] = [order_created(one, RUN.customer_id(0)) for one in (first, second)]
    read = reader().batch(values, [f"{first}\n{second}".encode(), None])
    assert read.where.tolist() == [1]
    values[0] = order_created(f"{first}\n{first}", RUN.customer_id(0))
    read = reader().batch(values, [str(first).encode(), f"{first}\n{second}".encode()])
    assert read.where.tolist() == []
    assert len(read.rejected_at) == 2
