"""The one reading of an event: each reason fires and nearly fires, and a batch says what single records say."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.event import EventContract, KafkaRecord, Why
from contract.ids import bytes_of
from contract.order_id import IdKind, encode_order_id
from contract.place import EventFilter, Place, parse_place
from contract.reading import EventReader, Reading
from tests.property_examples import examples

ID = "0b5e55ed-0b5e-4afe-8000-0000000000aa"
OTHER = "11111111-2222-4333-8444-555555555555"
TAG = "c4ecc4ec-c4ec-4c4e-8000-000000000001"
DEFAULT = EventContract()
OWN = EventContract(reference=True)
STATED = EventContract(id_place=Place("value", "orderId"))
BY_KEY = EventContract(id_place=Place("key"), tag_place=None)


def value(**members: Any) -> bytes:
    return json.dumps({"orderId": ID, "customerId": TAG, **members}).encode()


def why(contract: EventContract, record: KafkaRecord) -> Why | None:
    return EventReader(contract).read(record).why


WHOLE = KafkaRecord(ID.encode(), value())


def test_a_complete_event_holds_its_order_and_its_tag() -> None:
    assert EventReader(DEFAULT).read(WHOLE) == Reading(None, uuid.UUID(ID).bytes, TAG)


@pytest.mark.parametrize("contract", [DEFAULT, OWN, STATED, BY_KEY])
def test_a_tombstone(contract: EventContract) -> None:
    assert why(contract, KafkaRecord(ID.encode(), None)) is Why.TOMBSTONE
    assert why(contract, KafkaRecord(ID.encode(), value())) is None


def test_a_stated_filter() -> None:
    by_value = replace(STATED, filter=EventFilter(Place("value", "kind"), "Placed"))
    assert why(by_value, KafkaRecord(None, value(kind="Paid"))) is Why.FILTERED
    assert why(by_value, KafkaRecord(None, value())) is Why.FILTERED
    assert why(by_value, KafkaRecord(None, value(kind="Placed", type="Other"))) is None
    assert why(by_value, KafkaRecord(None, b"garbage")) is Why.UNREADABLE
    by_header = replace(STATED, filter=EventFilter(Place("header", "kind"), "Placed"))
    assert why(by_header, KafkaRecord(None, b"garbage", [("kind", b"Paid")])) is Why.FILTERED
    assert why(by_header, KafkaRecord(None, b"garbage", [("kind", b"Placed")])) is Why.UNREADABLE
    assert why(by_header, KafkaRecord(None, value(), [("kind", b"Paid"), ("kind", b"Placed")])) is None


@pytest.mark.parametrize("name", ["type", "eventType"])
def test_another_type_is_certainly_no_event_of_our_own_service_only(name: str) -> None:
    assert why(OWN, KafkaRecord(ID.encode(), value(**{name: "OrderPaid"}))) is Why.FILTERED
    assert why(DEFAULT, KafkaRecord(ID.encode(), value(**{name: "OrderPaid"}))) is Why.OTHER_TYPE
    assert why(DEFAULT, KafkaRecord(ID.encode(), value(**{name: ["created"]}))) is None
    assert why(DEFAULT, KafkaRecord(ID.encode(), value(**{name: "order.CREATED"}))) is None
    assert why(DEFAULT, KafkaRecord(ID.encode(), value(**{name: None}))) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"garbage", b"[1]", b"17", b'"' + ID.encode() + b'"', b"\x00\x00\x00\x00\x2a" + ID.encode(),
        value()[:-1], value() + b"x", value().decode().encode("utf-16"), value(note="x").replace(b"x", b"\xe9"),
        value().replace(b"}", b', "n": NaN}'), b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_json_object_in_utf_8(raw: bytes) -> None:
    assert why(DEFAULT, KafkaRecord(ID.encode(), raw)) is Why.UNREADABLE
    assert why(BY_KEY, KafkaRecord(ID.encode(), raw)) is None


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf" + value(), b" " + value() + b"\n", value(note="é")])
def test_what_is_json_nevertheless(raw: bytes) -> None:
    assert why(DEFAULT, KafkaRecord(ID.encode(), raw)) is None


def test_a_tag_in_the_value_makes_it_needed() -> None:
    tagged = EventContract(id_place=Place("key"))
    assert why(tagged, KafkaRecord(ID.encode(), b"garbage")) is Why.UNREADABLE
    assert why(replace(tagged, tag_place=Place("header", "tag")), KafkaRecord(ID.encode(), b"garbage")) is None


@pytest.mark.parametrize("found", [None, "", "x", 17, True, [ID], {"id": ID}, ID[:-1]])
def test_no_order_id(found: object) -> None:
    assert why(STATED, KafkaRecord(ID.encode(), value(orderId=found))) is Why.NO_ID
    assert why(STATED, KafkaRecord(ID.encode(), value(orderId="{" + ID.upper() + "}"))) is None


def test_ids_of_the_other_kinds() -> None:
    whole = replace(STATED, id_kind=IdKind.INTEGER)
    assert why(whole, KafkaRecord(None, value(orderId=17))) is None
    assert why(whole, KafkaRecord(None, value(orderId="17"))) is None
    assert why(whole, KafkaRecord(None, value(orderId=17.5))) is Why.NO_ID
    text = replace(BY_KEY, id_kind=IdKind.TEXT)
    assert why(text, KafkaRecord(b"ORD-1", b"x")) is None
    assert why(text, KafkaRecord(b"\xff", b"x")) is Why.NO_ID


@pytest.mark.parametrize("key", [OTHER.encode(), b"customer-7", b"", b"\xff", ID.encode() + b"\n", f'"{ID}"'.encode()])
def test_a_key_has_a_say_only_without_a_stated_place(key: bytes) -> None:
    assert why(DEFAULT, KafkaRecord(key, value())) is Why.KEY_DIFFERS
    assert why(STATED, KafkaRecord(key, value())) is None
    assert why(DEFAULT, KafkaRecord(None, value())) is None
    assert why(DEFAULT, KafkaRecord(ID.upper().encode(), value())) is None


def test_only_tombstones_and_filtered_records_are_certain() -> None:
    assert [one for one in Why if one.certain] == [Why.TOMBSTONE, Why.FILTERED]
    assert all(DEFAULT.explain(one) for one in Why)


PLACES = ["key", "header:id", "value:orderId", "value:order.id"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(0, 30), st.sampled_from([ID, OTHER, ID.upper(), f"{{{ID}}}", "", "é", 7.0]),
    st.lists(st.integers(), max_size=1),
)  # fmt: skip
OBJECTS = st.fixed_dictionaries(
    {"orderId": SCALARS},
    optional={
        "order": st.one_of(SCALARS, st.fixed_dictionaries({"id": SCALARS})),
        "customerId": SCALARS,
        "type": st.sampled_from([None, "order.created", "other", 5, {}]),
        "eventType": st.sampled_from([None, "CREATED", "other", [1]]),
        "note": st.sampled_from(["é", "x", "\ud800"]),
    },
)
VALUES = st.one_of(
    st.none(),
    OBJECTS.map(lambda one: json.dumps(one).encode()),
    OBJECTS.map(lambda one: json.dumps(one, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    OBJECTS.map(lambda one: b"\xef\xbb\xbf" + json.dumps(one).encode()),
    st.binary(max_size=6),
)
BYTES = st.sampled_from([None, b"", ID.encode(), OTHER.encode(), ID.upper().encode(), b"17", b"\xff", b"a\nb"])
RECORDS = st.builds(KafkaRecord, BYTES, VALUES, st.lists(st.tuples(st.sampled_from(["id", "kind"]), BYTES), max_size=2))
CONTRACTS = st.builds(
    EventContract,
    st.sampled_from([None, *map(parse_place, PLACES)]),
    st.sampled_from(IdKind),
    st.sampled_from([None, EventFilter(Place("value", "type"), "other"), EventFilter(Place("header", "kind"), "17")]),
    st.sampled_from([None, Place("value", "customerId"), Place("value", "order.id"), Place("header", "kind")]),
    st.booleans(),
)


def by_definition(contract: EventContract, record: KafkaRecord) -> Reading:  # noqa: PLR0911
    """Read a record as the contract says it, the slow and obvious way."""

    def text(found: object) -> str | None:
        if isinstance(found, bytes):
            try:
                return found.decode()
            except UnicodeDecodeError:
                return None
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            return None
        return str(int(found)) if isinstance(found, float) else str(found)

    def at(place: Place) -> str | None:
        if place.part == "key":
            return text(record.key)
        if place.part == "header":
            return text(dict(record.headers).get(place.name))
        found: Any = members
        for name in place.name.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return text(found)

    if record.value is None:
        return Reading(Why.TOMBSTONE)
    try:
        members = json.loads(record.value.decode("utf-8-sig"))
        # Half of a surrogate pair is no character.
        members = members if isinstance(members, dict) and b"\\ud800" not in record.value else None
    except ValueError:
        members = None
    if contract.filter is None:
        for name in ("type", "eventType"):
            if members and members.get(name) is not None and "created" not in str(members[name]).lower():
                return Reading(Why.FILTERED if contract.reference else Why.OTHER_TYPE)
    elif (contract.filter.place.part != "value" or members is not None) and (
        at(contract.filter.place) != contract.filter.value
    ):
        return Reading(Why.FILTERED)
    if members is None and contract.needs_value:
        return Reading(Why.UNREADABLE)
    order = encode_order_id(contract.id_kind, at(contract.id_at))
    if order is None:
        return Reading(Why.NO_ID)
    named = order if record.key is None else encode_order_id(contract.id_kind, text(record.key))
    if contract.id_place is None and named != order:
        return Reading(Why.KEY_DIFFERS)
    return Reading(None, order, (at(contract.tag_place) or "") if contract.tag_place else "")


@settings(max_examples=examples(400))
@given(CONTRACTS, st.lists(RECORDS, max_size=6))
def test_a_batch_says_what_single_records_say(contract: EventContract, records: list[KafkaRecord]) -> None:
    reader = EventReader(contract)
    single = [reader.read(record) for record in records]
    assert single == [by_definition(contract, record) for record in records]
    batch = reader.batch(
        [record.value for record in records], [record.key for record in records], [record.headers for record in records]
    )
    assert batch.why.tolist() == [one.why or 0 for one in single]
    events = [one for one in single if one.why is None]
    assert batch.at.tolist() == [at for at, one in enumerate(single) if one.why is None]
    assert list(bytes_of(batch.orders)) == [one.order for one in events]
    assert reader.tags(batch) == [one.tag for one in events]


def test_a_large_batch_goes_by_whole_columns() -> None:
    ids = [str(uuid.uuid4()) for _ in range(500)]
    values: list[bytes | None] = [value(orderId=one, eventId=one) for one in ids]
    keys: list[bytes | None] = [one.encode() for one in ids]
    values[7], keys[9] = None, OTHER.encode()
    reader = EventReader(OWN)
    batch = reader.batch(values, keys)
    assert np.flatnonzero(batch.why).tolist() == [7, 9]
    assert reader.event_ids(batch) == batch.texts == [one for at, one in enumerate(ids) if at not in (7, 9)]


@pytest.mark.parametrize(
    ("texts", "keys", "agree"),
    [
        (["1", "2"], [b"1", b"2"], [True, True]),
        (["1", "2"], [b"1\n2", b""], [False, False]),
        (["1", "2"], [b"2", b"1"], [False, False]),
        (["1", "2"], [b"1", None], [True, True]),
        (["1", "2"], [b"\xff", b"02"], [False, True]),
        (["a\nb", "c"], [b"a", b"b\nc"], [False, False]),
    ],
)
def test_keys_are_not_mixed_up_with_their_neighbours(
    texts: list[str], keys: list[bytes | None], agree: list[bool]
) -> None:
    kind = IdKind.INTEGER if texts[0] == "1" else IdKind.TEXT
    batch = EventReader(EventContract(id_kind=kind)).batch([value(orderId=text) for text in texts], keys)
    assert (batch.why == 0).tolist() == agree
