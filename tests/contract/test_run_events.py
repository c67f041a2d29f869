"""Whose an event is: by its tag, by its order where the tag is missing, and never another's."""

from __future__ import annotations

import json
import uuid
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.attribution import ACKNOWLEDGED_ONLY, EXCLUSIVE, Attribution
from contract.event import EventContract, Why
from contract.ids import IDS, bytes_of
from contract.run_events import NO_EVENT_ID, NO_SEQUENCE, RunEvents
from contract.run_key import CHECK_KEY, RunKey

RUN = RunKey(0x0123456789AB4DEF)
ORDERS = [uuid.UUID(int=0x10000000_0000_4000_8000_000000000000 + at) for at in range(6)]
KNOWN = np.frombuffer(b"".join(one.bytes for one in ORDERS[:3]), dtype=IDS)


def record(order: uuid.UUID, tag: object, **members: Any) -> bytes:
    return json.dumps({"orderId": str(order), "customerId": tag, **members}).encode()


def read(values: list[bytes | None], attribution: Attribution | None = None) -> Any:
    return RunEvents(EventContract(reference=True), RUN, attribution, KNOWN).batch(values, [None] * len(values))


def tag(seq: int, key: RunKey = RUN) -> str:
    return str(key.customer_id(seq))


def test_each_record_is_exactly_one_thing() -> None:
    batch = read(
        [
            record(ORDERS[0], tag(7), eventId=str(ORDERS[5])),
            record(ORDERS[4], tag(8)),  # the run's tag, whatever the order
            record(ORDERS[1], None),  # no tag, and a known order
            record(ORDERS[2], "customer-7"),  # a tag that is none, and a known order
            record(ORDERS[5], None),  # no tag, and an unknown order
            record(ORDERS[1], tag(7, CHECK_KEY)),  # another tag, and a known order
            record(ORDERS[5], tag(7, CHECK_KEY)),  # other traffic
            None,
            record(ORDERS[0], tag(7), type="paid"),
            b"garbage",
        ]
    )
    assert batch.where.tolist() == [0, 1, 2, 3]
    assert list(bytes_of(batch.orders)) == [ORDERS[at].bytes for at in (0, 4, 1, 2)]
    assert batch.sequences.tolist() == [7, 8, int(NO_SEQUENCE), int(NO_SEQUENCE)]
    assert batch.no_tag_at.tolist() == [4]
    assert batch.other_tag_at.tolist() == [5]
    assert batch.foreign_at.tolist() == [6]
    assert batch.foreign == 3
    assert batch.rejected_at.tolist() == [7, 8, 9]
    assert batch.why.tolist() == [Why.TOMBSTONE, Why.FILTERED, Why.UNREADABLE]


def test_events_without_an_id_of_their_own_differ_and_others_are_kept() -> None:
    events = RunEvents(EventContract(reference=True), RUN, None, KNOWN)
    values: list[bytes | None] = [
        record(ORDERS[0], tag(1), eventId=str(ORDERS[5])),
        record(ORDERS[1], tag(2)),
        record(ORDERS[2], tag(3), eventId="e-3"),
        record(ORDERS[3], tag(4), eventId=None),
    ]
    first, second = (events.batch(values, [None] * 4).events for _ in range(2))
    assert bytes(first[0].tobytes()) == ORDERS[5].bytes
    assert first[[0, 2]].tolist() == second[[0, 2]].tolist()
    unnamed = [one.tobytes() for one in (*first[[1, 3]], *second[[1, 3]])]
    assert all(one[:8] == NO_EVENT_ID for one in unnamed)
    assert len(set(unnamed)) == 4


def test_without_tags_the_order_alone_decides() -> None:
    values: list[bytes | None] = [record(one, None) for one in ORDERS]
    nothing = np.empty(0, dtype=IDS)
    exclusive = read(values, Attribution(EXCLUSIVE, KNOWN[:1], nothing))
    assert exclusive.where.tolist() == [1, 2, 3, 4, 5]
    assert exclusive.foreign_at.tolist() == [0]
    named = read(values, Attribution(ACKNOWLEDGED_ONLY, nothing, KNOWN))
    assert named.where.tolist() == [0, 1, 2]
    assert named.foreign_at.tolist() == [3, 4, 5]
    assert not len(named.other_tag_at) and not len(named.no_tag_at)
    assert set(named.sequences.tolist()) == {int(NO_SEQUENCE)}


TAGS = st.one_of(
    st.none(), st.just("customer-7"), st.integers(0, 9).map(tag), st.integers(0, 9).map(lambda one: tag(one, CHECK_KEY))
)


@given(st.lists(st.tuples(st.sampled_from(ORDERS), TAGS), max_size=8))
def test_in_bulk_as_one_by_one(records: list[tuple[uuid.UUID, str | None]]) -> None:
    batch = read([record(*one) for one in records])
    where: list[int] = []
    without_tag: list[int] = []
    other: list[int] = []
    foreign: list[int] = []
    for at, (order, text) in enumerate(records):
        known = order in ORDERS[:3]
        if text is None or "-7" in text[:10]:
            (where if known else without_tag).append(at)
        elif text.startswith(RUN.text_prefix):
            where.append(at)
        else:
            (other if known else foreign).append(at)
    found = (batch.where, batch.no_tag_at, batch.other_tag_at, batch.foreign_at)
    assert [one.tolist() for one in found] == [where, without_tag, other, foreign]
    assert not len(batch.rejected_at)
