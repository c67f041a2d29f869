"""UUID texts in bulk say the same as one by one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ids import parse_ids
from contract.order_id import parse_uuid
from tests.reconcile.witnesses.witness_data import ids_array

UUIDS = st.uuids()
SPELLINGS = st.one_of(
    UUIDS.map(str),
    UUIDS.map(lambda one: str(one).upper()),
    UUIDS.map(lambda one: "{" + str(one) + "}"),
    UUIDS.map(lambda one: one.hex),
    UUIDS.map(lambda one: str(one)[:-1]),
    UUIDS.map(lambda one: str(one)[:-1] + "\n"),
    UUIDS.map(lambda one: str(one)[:8] + "_" + str(one)[9:]),
    UUIDS.map(lambda one: "urn:uuid:" + str(one)),
    st.text(max_size=40),
    st.just(""),
)


@given(st.lists(SPELLINGS, max_size=30))
def test_bulk_is_the_same_as_one_by_one(spellings: list[str]) -> None:
    ids, valid = parse_ids(spellings)
    assert len(ids) == len(valid) == len(spellings)
    for position, text in enumerate(spellings):
        single = parse_uuid(text)
        assert valid[position] == (single is not None)
        assert ids[position].tobytes() == (single or bytes(16))


@given(st.lists(UUIDS, max_size=30))
def test_the_usual_spelling_gives_the_bytes_of_the_ids(ids: list[uuid.UUID]) -> None:
    parsed, valid = parse_ids([str(one) for one in ids])
    assert valid.all()
    assert parsed.tobytes() == ids_array(ids).tobytes()


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_texts_that_only_fit_together_are_not_taken_for_ids(moved: int) -> None:
    """Some characters too many and as many too few: the same length joined, and not an id among them."""
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    _, valid = parse_ids([first + second[:moved], second[moved:]])
    assert not valid.any()


@pytest.mark.parametrize("text", ["", "{}", "nonsense", "1" * 31, "１" * 32, "0x" + "1" * 30, " " + "1" * 32])
def test_what_is_no_uuid(text: str) -> None:
    assert parse_uuid(text) is None
