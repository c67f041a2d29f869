"""Custom contracts as values: both paths hold the same for an event."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from confluent_kafka import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.attribution import EXCLUSIVE, TAGGED, Attribution
from contract.ids import IDS
from contract.order_id import IdKind, encode_order_id
from contract.run_events import NO_EVENT_ID, RunBatch, RunEvents
from reconcile.history.id_texts import IdTexts
from reconcile.judge.judge import judge
from reconcile.verify.event_reading import plain_reader
from runlog.facts import RunFacts
from tests.property_examples import examples
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts, order_id

NO_IDS = np.empty(0, dtype=IDS)
OURS, OTHERS = str(KEY.customer_id(5)), str(uuid.UUID(int=1 << 100))
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
LONG = "invoice/2026/11/25/000123"


@dataclass
class Record:
    """What of a Kafka message is looked at."""

    content: bytes | None
    name: bytes | None = None
    labels: list[tuple[str, bytes | None]] | None = None

    def value(self) -> bytes | None:
        return self.content

    def key(self) -> bytes | None:
        return self.name

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self.labels


def reader(known: RunFacts, answered_ids: Any = NO_IDS) -> RunEvents:
    return RunEvents(known.contract.event, known.run_key, Attribution(known.attribution, NO_IDS, NO_IDS), answered_ids)


def batch(events: RunEvents, *records: Record) -> RunBatch:
    return events.batch(
        [one.content for one in records], [one.name for one in records], [one.labels for one in records]
    )


def read(known: RunFacts, *records: Record, answered_ids: Any = NO_IDS) -> RunBatch:
    return batch(reader(known, answered_ids), *records)


IDS_IN_RECORDS: list[Any] = [
    4711, 4711.0, -5, "4711", "004711", "x", "", None, True, 2**63, -(2**63), 1e30, [1], {"id": 1}, ULID, ULID.lower(),
    LONG, str(order_id(1)), str(order_id(1)).upper(), order_id(1).hex, "{" + str(order_id(1)) + "}", "ORD-1", " ORD-1",
    "Ä", "a\u0000b", "0" * 32, "9" * 20, "-" * 40,
]  # fmt: skip
TAGS: list[Any] = [OURS, OURS.upper(), OTHERS, "no customer", None, 7, OURS[:-1], OURS.replace("-", "")]
KINDS: list[Any] = ["order.created", "ORDER_CREATED", "order.cancelled", None, 7, "", "created"]
SETTINGS = [
    ("header:id", "header:type=order.created", "key"),
    ("", "", ""), ("", "", "none"), ("key", "", "value:customerId"), ("key", "value:type=order.created", "header:tag"),
    ("header:id", "header:type=order.created", "header:tag"), ("header:id", "", ""), ("value:a.id", "", "value:a.tag"),
    ("value:orderId", "type=order.created", "none"), ("value:orderId", "header:type=order.created", ""),
    ("key", "value:a.n=7", "none"),
]  # fmt: skip


def as_bytes(text: Any) -> bytes | None:
    return None if text is None else text.encode() if isinstance(text, str) else json.dumps(text).encode()


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Records with anything in any place, and values whose bytes were changed on the way."""
    one, tag, kind = (st.sampled_from(values) for values in (IDS_IN_RECORDS, TAGS, KINDS))
    members = {"orderId": draw(one), "customerId": draw(tag), "type": draw(kind), "eventId": draw(one)}
    members["a"] = draw(st.sampled_from([None, 5])) or {"id": draw(one), "tag": draw(tag), "n": draw(kind)}
    value: bytes | None = json.dumps(members, ensure_ascii=draw(st.booleans())).encode()
    if draw(st.integers(0, 4)) == 0 and value is not None:
        at = draw(st.integers(0, len(value) - 1))
        value = value[:at] + draw(st.binary(max_size=2)) + value[at + draw(st.integers(0, 2)) :]
    value = draw(
        st.sampled_from([value] * 8 + [None, b"", b"[]", b"7", b'"x"', b"\xff\x00avro", b'{"orderId":"\\ud800"}'])
    )
    headers = [("id", as_bytes(draw(one))), ("type", as_bytes(draw(kind))), ("tag", as_bytes(draw(tag)))]
    headers += draw(st.sampled_from([[], [("id", b"\xff")], [("id", None)], [("id", b"4712")]]))
    return Record(value, as_bytes(draw(one | tag)), draw(st.sampled_from([headers, headers, None])))


def every_word(record: Record) -> list[Any]:
    """All values that a record holds anywhere."""
    words: list[Any] = [record.name, *(value for _, value in record.labels or [])]
    try:
        left = [json.loads(record.content or b"")]
    except (ValueError, RecursionError):
        return words
    while left:
        one = left.pop()
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
        words.append(one)
    return words


@settings(max_examples=examples(1500), deadline=None)
@given(records(), st.sampled_from(SETTINGS), st.sampled_from(IdKind), st.booleans())
@example(Record(b'{"orderId":1e400}', b"1"), ("key", "", "none"), IdKind.INTEGER, True)
@example(Record(b'{"orderId":NaN}', b"1"), ("key", "", "none"), IdKind.INTEGER, True)
@example(Record(b'{"orderId":1,"n":' + b"1" * 5000 + b"}", b"1"), ("", "", "none"), IdKind.INTEGER, True)
def test_both_paths_hold_the_same_for_an_event(
    record: Record, described: tuple[str, str, str], kind: IdKind, exclusive: bool
) -> None:
    """They share no code, and must not contradict each other: that would mean that the harness is wrong."""
    event_id, event_filter, event_tag = described
    known = facts(
        stack="external", id_kind=kind.value, event_id=event_id, event_filter=event_filter, event_tag=event_tag,
        attribution=EXCLUSIVE if exclusive or event_tag == "none" else TAGGED,
    )  # fmt: skip
    second = plain_reader(known)
    order = second.read(cast("Message", record)).order
    # What the first path takes for an event, and whose, when every id in the record is known.
    every = [encode_order_id(kind, one) for one in every_word(record)]
    answered = np.unique(np.frombuffer(b"".join(one for one in every if one), dtype=IDS))
    found = read(known, record, answered_ids=answered)
    assert (order is not None) == (len(found.where) == 1), (order, found)
    if order is not None:
        names = reader(known, answered)
        batch(names, record)
        text = IdTexts(kind, names.names).one(int(found.orders["hi"][0]), int(found.orders["lo"][0]))
        assert second.normalized(text) == order


def test_event_ids_and_records_without_one() -> None:
    known = facts(stack="external", id_kind="integer", event_id="key", event_tag="none", attribution=EXCLUSIVE)
    values = ['{"eventId":"e-1"}', '{"eventId":"e-1"}', "{}", "{}", '{"eventId":5}', f'{{"eventId":"{LONG}"}}']
    found = read(known, *(Record(value.encode(), b"7") for value in values)).events
    raw = [found[at].tobytes() for at in range(6)]
    assert raw[0] == raw[1]
    assert len(set(raw)) == 5
    assert all(one.startswith(NO_EVENT_ID) for one in raw[2:4])
    texts = IdTexts(IdKind.INTEGER, {}).of_events(found["hi"].astype(np.uint64), found["lo"].astype(np.uint64))
    assert texts[:5] == ["e-1", "e-1", "", "", "5"]
    assert texts[5].startswith("digest:")


def test_a_record_with_another_tag_is_foreign_and_one_without_a_tag_is_of_its_order() -> None:
    known = facts(stack="external", id_kind="integer", event_id="key", event_tag="value:who")
    answered = np.frombuffer(encode_order_id(IdKind.INTEGER, 7) or b"", dtype=IDS)
    values = [f'{{"who":"{OURS}"}}', f'{{"who":"{OTHERS}"}}', '{"who":"x"}', "{}"]
    found = read(known, *(Record(value.encode(), b"7") for value in values), answered_ids=answered)
    assert found.where.tolist() == [0, 2, 3]
    assert found.other_tag_at.tolist() == [1]
    assert found.sequences.tolist() == [5, 2**64 - 1, 2**64 - 1]
    found = read(known, *(Record(value.encode(), b"8") for value in values), answered_ids=answered)
    assert [one.tolist() for one in (found.where, found.no_tag_at, found.foreign_at)] == [[0], [2, 3], [1]]


def test_the_key_may_be_the_tag() -> None:
    known = facts(
        stack="external", id_kind="text", event_id="header:ce_subject", event_filter="header:ce_type=placed",
        event_tag="key",
    )  # fmt: skip
    answered = np.frombuffer(encode_order_id(IdKind.TEXT, "pur_7") or b"", dtype=IDS)
    keys = [str(OURS), str(OTHERS), "x", None, str(OURS)]
    records = [
        Record(b"\x00avro", None if key is None else key.encode(), [("ce_subject", b"pur_7"), ("ce_type", kind)])
        for key, kind in zip(keys, [b"placed"] * 4 + [b"paid"], strict=True)
    ]
    found = read(known, *records, answered_ids=answered)
    assert (found.where.tolist(), found.other_tag_at.tolist(), found.rejected_at.tolist()) == ([0, 2, 3], [1], [4])
    assert found.sequences.tolist() == [5, 2**64 - 1, 2**64 - 1]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(records(), max_size=8), st.sampled_from(SETTINGS))
def test_every_record_is_in_one_place(all_of_them: list[Record], described: tuple[str, str, str]) -> None:
    names = dict(zip(("event_id", "event_filter", "event_tag"), described, strict=True))
    kind = EXCLUSIVE if names["event_tag"] == "none" else TAGGED
    found = read(facts(stack="external", id_kind="text", attribution=kind, **names), *all_of_them)
    lists = (found.where, found.rejected_at, found.no_tag_at, found.other_tag_at, found.foreign_at)
    assert sorted(at for one in lists for at in one.tolist()) == list(range(len(all_of_them)))


def test_a_run_of_the_reference_service_lists_neither() -> None:
    names = [one.name for one in judge(RunBuilder().calm().history()).guards]
    assert not {"events readable", "rows readable"} & set(names)
