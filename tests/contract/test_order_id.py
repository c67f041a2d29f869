"""Order ids of all kinds: 16 bytes each, decoded as they were written, and never two ids in the same bytes."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.order_id import (
    IdKind,
    decode_order_id,
    encode_order_id,
    name_of,
    text_of,
)
from runlog.order_id_texts import ORDER_ID_TEXTS, OrderIdTextWriter, read_order_id_texts

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
UUID = "0b5e55ed-0b5e-4afe-8000-0000000000aa"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULIDS = st.tuples(st.sampled_from("01"), st.text(CROCKFORD, min_size=25, max_size=25)).map("".join)
TEXTS = st.one_of(
    ULIDS, ULIDS.map(str.lower), st.uuids().map(str), st.uuids().map(lambda one: str(one).upper()),
    st.uuids().map(lambda one: one.hex), st.text(min_size=1, max_size=20),
    st.from_regex(r"ORD-[0-9]{1,12}", fullmatch=True),
    st.binary(min_size=16, max_size=16).map(bytes.hex),
)  # fmt: skip


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_come_back(number: int) -> None:
    identity = encode_order_id(IdKind.INTEGER, number)
    assert identity is not None
    assert encode_order_id(IdKind.INTEGER, str(number)) == identity
    assert decode_order_id(IdKind.INTEGER, identity) == str(number)


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, "x", "7.5", 7.5, "", None, True, " 7", "٧", b"\xff", [7], "1e3"]
)
def test_what_is_no_whole_number(value: object) -> None:
    assert encode_order_id(IdKind.INTEGER, value) is None


@pytest.mark.parametrize("value", ["4711", 4711, 4711.0, b"4711", "004711"])
def test_a_number_is_one_id_in_each_spelling(value: object) -> None:
    assert encode_order_id(IdKind.INTEGER, value) == encode_order_id(IdKind.INTEGER, 4711)


@given(st.uuids())
def test_uuids_are_their_bytes(one: uuid.UUID) -> None:
    for spelling in (str(one), str(one).upper(), one.hex, f"{{{one}}}", one, str(one).encode()):
        assert encode_order_id(IdKind.UUID, spelling) == one.bytes
    assert decode_order_id(IdKind.UUID, one.bytes) == str(one)


@pytest.mark.parametrize("value", ["", "nonsense", 4711, None, UUID + "0"])
def test_what_is_no_uuid(value: object) -> None:
    assert encode_order_id(IdKind.UUID, value) is None


@given(TEXTS)
def test_a_text_comes_back_by_its_bytes_or_by_its_name(text: str) -> None:
    identity = encode_order_id(IdKind.TEXT, text)
    assert identity is not None
    assert len(identity) == 16
    name = name_of(IdKind.TEXT, identity, text)
    assert text_of(IdKind.TEXT, identity, {identity: name} if name else {}) == text


@given(st.lists(TEXTS, min_size=2, max_size=30))
def test_two_texts_are_one_id_only_where_case_or_dashes_of_a_uuid_or_ulid_differ(texts: list[str]) -> None:
    seen: dict[bytes | None, str] = {}
    for text in texts:
        other = seen.setdefault(encode_order_id(IdKind.TEXT, text), text)
        assert other == text or other.upper().replace("-", "") == text.upper().replace("-", "")


@pytest.mark.parametrize("text", ["ORD-000123", "4711", "x", " ", "=1+1", "a" * 15, ULID, UUID])
def test_texts_that_need_no_name(text: str) -> None:
    identity = encode_order_id(IdKind.TEXT, text)
    assert identity is not None
    assert name_of(IdKind.TEXT, identity, text) is None
    assert decode_order_id(IdKind.TEXT, identity) == text


@pytest.mark.parametrize("text", ["a" * 16, "Bestellung ä", ULID.lower(), UUID.upper(), MD5, "a\nb", "7" + ULID[1:]])
def test_texts_that_need_one_are_never_shown_as_another_id(text: str) -> None:
    identity = encode_order_id(IdKind.TEXT, text)
    assert identity is not None
    assert name_of(IdKind.TEXT, identity, text) == text
    shown = text_of(IdKind.TEXT, identity)
    assert shown.startswith("digest:") or shown.upper() == text.upper()


@given(ULIDS, st.uuids(), st.text(min_size=1, max_size=15))
def test_the_forms_of_a_text_never_meet(ulid: str, one: uuid.UUID, short: str) -> None:
    ids = [encode_order_id(IdKind.TEXT, text) for text in (ulid, str(one), short, "long " * 4)]
    assert len(set(ids)) == 4


def test_a_ulid_is_no_uuid_with_the_same_bytes() -> None:
    as_uuid = str(uuid.UUID(int=sum(CROCKFORD.index(c) << 5 * (25 - at) for at, c in enumerate(ULID))))
    assert encode_order_id(IdKind.TEXT, as_uuid) != encode_order_id(IdKind.TEXT, ULID)
    assert encode_order_id(IdKind.TEXT, ULID.lower()) == encode_order_id(IdKind.TEXT, ULID)


@pytest.mark.parametrize("sign", ["\u212a", "\u017f"])
def test_letters_that_only_look_like_those_of_a_ulid_make_another_text(sign: str) -> None:
    """The Kelvin sign and the long s are letters of a ULID when case is ignored."""
    text = ULID[:-1] + sign
    identity = encode_order_id(IdKind.TEXT, text)
    assert identity is not None
    assert name_of(IdKind.TEXT, identity, text) == text


def test_names_are_kept_beside_the_ledger(tmp_path: Path) -> None:
    assert read_order_id_texts(tmp_path) == {}
    writer = OrderIdTextWriter(tmp_path, IdKind.TEXT)
    long, short = "order/2025/11/25/000123", "ORD-000123"
    for text in (short, long, long):
        identity = encode_order_id(IdKind.TEXT, text)
        assert identity is not None
        writer.note(identity, text)
    writer.close()
    assert list(read_order_id_texts(tmp_path).values()) == [long]
    path = tmp_path / ORDER_ID_TEXTS
    assert path.stat().st_mode & 0o777 == 0o600
    # Cut short, no array, or not the name of its bytes: left out, and the rest still counts.
    path.write_bytes(path.read_bytes() + b'["00", 5]\n[]\nnull\n["' + b"ff" * 16 + b'", "another"]\n["ab')
    assert list(read_order_id_texts(tmp_path).values()) == [long]


def test_short_names_make_no_file(tmp_path: Path) -> None:
    writer = OrderIdTextWriter(tmp_path, IdKind.INTEGER)
    writer.note(encode_order_id(IdKind.INTEGER, 7) or b"", "7")
    writer.close()
    assert not (tmp_path / ORDER_ID_TEXTS).exists()
