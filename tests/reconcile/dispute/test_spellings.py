"""Every spelling of the closed list is found wherever it stands, and nothing is found in ordinary data."""

import base64
import json
import uuid

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.witnesses.id_spellings import KnownIds, Spellings
from tests.property_examples import examples

KNOWN = [
    uuid.UUID("4f1b8d1e-6b0a-4c52-9f37-0a5d3f1c9e21"),
    # Ids that a clock made share their first half, those of one machine their second; one has a half of zeros.
    uuid.UUID("0193671d-4e8f-7aaa-8000-000000000001"),
    uuid.UUID("0193671d-4e8f-7aaa-8000-000000000002"),
    uuid.UUID("c232ab00-9414-11ec-b3c8-9f6bdeced846"),
    uuid.UUID("d7a2ab00-9414-11ec-b3c8-9f6bdeced846"),
    uuid.UUID("00000000-0000-0000-9e8d-7c6b5a493827"),
    # None of RFC 9562: both halves begin with what ASCII has.
    uuid.UUID("30313233-3435-3637-3839-414243444546"),
]
TEXTS = {b"ORDER-2026-11-0001": 100, b"ORDER-2026-11-0002": 101, "Bestellung-ä-2026/1".encode(): 102}


def seeker(ids: list[uuid.UUID]) -> Spellings:
    hi = np.array([one.int >> 64 for one in ids], dtype=np.uint64)
    lo = np.array([one.int & (2**64 - 1) for one in ids], dtype=np.uint64)
    return Spellings(KnownIds(hi, lo, np.arange(len(ids))), TEXTS)


SEEKER, RFC_ONLY = seeker(KNOWN), seeker(KNOWN[:-1])


def found_in(*texts: bytes) -> set[tuple[int, int]]:
    found = SEEKER.find(texts)
    return set(zip(found.text.tolist(), found.target.tolist(), strict=True))


def spelled(one: uuid.UUID, spelling: int) -> bytes:
    text, plain = str(one), one.hex
    forms = [text, text.upper(), plain, plain.upper(), f"{{{text}}}", f"{{{text.upper()}}}", one.urn, f"ORD-{text}"]
    mixed = "".join(sign.upper() if at % 3 else sign for at, sign in enumerate(text))
    raw = [form.encode() for form in (*forms, mixed)]
    return [*raw, one.bytes, one.bytes_le][spelling]


@st.composite
def planted(draw: st.DrawFn) -> tuple[int, bytes]:
    """An id in some spelling, perhaps in base64 of either alphabet, with or without padding, within anything."""
    which = draw(st.integers(0, len(KNOWN) - 1))
    raw = spelled(KNOWN[which], draw(st.integers(0, 10)))
    if draw(st.booleans()):
        raw = draw(st.binary(max_size=7)) + raw + draw(st.binary(max_size=7))
        raw = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))(raw)
        raw = raw.rstrip(b"=") if draw(st.booleans()) else raw
    elif draw(st.booleans()):
        raw = draw(st.sampled_from([b'{"x":"', b"<id>", b"a=1&id=", b"\x00\x00\x00\x00\x2aH", b""])) + raw
    return which, raw + draw(st.sampled_from([b"", b'"}', b"</id>", b"\x00\xff", b" "]))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(planted(), min_size=1, max_size=4))
def test_a_planted_spelling_is_found_and_nothing_else(texts: list[tuple[int, bytes]]) -> None:
    assert found_in(*(raw for _, raw in texts)) == {(at, which) for at, (which, _) in enumerate(texts)}


@settings(max_examples=examples(50), deadline=None)
@given(planted())
def test_escapes_of_json_hide_nothing(one: tuple[int, bytes]) -> None:
    """As PHP escapes a slash and .NET a plus sign, and once more in JSON within JSON."""
    which, raw = one
    if not raw.isascii():
        return
    once = json.dumps({"id": raw.decode()}).replace("/", "\\/").replace("+", "\\u002B").replace("-", "\\u002d")
    assert found_in(once.encode(), json.dumps({"body": once}).encode()) == {(0, which), (1, which)}


ORDINARY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=30),
        st.uuids().map(str),
        st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
        st.datetimes().map(str),
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(max_size=8), below, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(ORDINARY, max_size=3), st.binary(max_size=200))
@example([{"price": 17.0, "quantity": 17, "sku": "0" * 32, "more": "8" * 40}], b"\x00" * 64)
def test_ordinary_data_names_no_order(values: list[object], raw: bytes) -> None:
    assert found_in(*(json.dumps(value).encode() for value in values), raw) == set()


def test_an_id_cut_in_two_is_none() -> None:
    for at in range(1, 16):
        assert found_in(KNOWN[0].bytes[:at], KNOWN[0].bytes[at:]) == set()
    for at in range(1, 36):
        text = str(KNOWN[0]).encode()
        assert found_in(text[:at], text[at:]) == set()


def test_a_digit_off_is_another_id() -> None:
    for at in (0, 15, 16, 31):
        digits = list(KNOWN[0].hex)
        digits[at] = "0" if digits[at] != "0" else "1"
        other = uuid.UUID("".join(digits))
        raw = [spelled(other, spelling) for spelling in range(11)]
        assert found_in(*raw, *map(base64.b64encode, raw)) == set()


def test_long_texts_are_found_anywhere_in_full() -> None:
    texts = list(TEXTS)
    assert found_in(b'{"id":"ORDER-2026-11-0001"}', texts[2] + texts[1]) == {(0, 100), (1, 102), (1, 101)}
    assert found_in(base64.b64encode(b"x" + texts[0])) == {(0, 100)}
    assert found_in(texts[0][1:], texts[0][:-1], b"order-2026-11-0001") == set()


def test_text_needs_no_look_for_bytes_where_no_id_could_be_ascii() -> None:
    """The last id is: its sixteen bytes are a text."""
    assert found_in(b"..0123456789ABCDEF..") == {(0, 6)}
    assert RFC_ONLY.find([b"..0123456789ABCDEF.."]).target.tolist() == []


def test_no_texts_at_all() -> None:
    found = SEEKER.find([])
    assert (len(found.text), len(found.target)) == (0, 0)
