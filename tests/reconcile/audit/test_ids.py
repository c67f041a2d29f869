"""Ids of an audit: which spellings are one id, and what rows and events have in common."""

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ids import IDS, IdReader, bytes_of, integer_ids
from contract.order_id import IdKind, encode_order_id, integer_id, kind_of_type, spellings
from reconcile.audit.id_difference import id_difference

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
UUID = "0b5e55ed-0b5e-4afe-8000-0000000000aa"


def ids(numbers: list[int]) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    spread = [(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128 for number in numbers]
    return np.array([(value >> 64, value & (2**64 - 1)) for value in spread], dtype=IDS)


@given(st.lists(st.integers(0, 300), unique=True), st.lists(st.integers(0, 300)))
def test_differences_agree_with_sets(rows: list[int], events: list[int]) -> None:
    found = id_difference(ids(rows), ids(events))
    assert set(bytes_of(found.only_rows)) == set(bytes_of(ids(sorted(set(rows) - set(events)))))
    assert set(bytes_of(found.only_events)) == set(bytes_of(ids(sorted(set(events) - set(rows)))))
    assert set(bytes_of(found.repeated)) == set(bytes_of(ids([e for e in set(events) if events.count(e) > 1])))
    assert (found.rows, found.events) == (len(rows), len(set(events)))
    assert found.surplus == len(events) - len(set(events))


def test_the_id_zero_is_seen() -> None:
    zero, other = np.array([(0, 0)], dtype=IDS), np.array([(0, 1)], dtype=IDS)
    assert id_difference(zero, other[:0]).only_rows.tolist() == [(0, 0)]
    assert id_difference(other, np.concatenate([other, zero])).only_events.tolist() == [(0, 0)]
    assert id_difference(zero, np.concatenate([zero, zero])).surplus == 1


def test_ids_that_share_a_half_are_different_ids() -> None:
    one, other = np.array([(7, 1), (7, 2), (8, 1)], dtype=IDS), np.array([(7, 1), (8, 2)], dtype=IDS)
    found = id_difference(one, other)
    assert found.only_rows.tolist() == [(7, 2), (8, 1)]
    assert found.only_events.tolist() == [(8, 2)]


def test_integers_in_any_spelling_that_is_one() -> None:
    reader = IdReader(IdKind.INTEGER)
    found, valid = reader.of_events(["7", "-7", "007", "7.0", "x", "", str(2**63), str(2**63 - 1)])
    assert valid.tolist() == [True, True, True, False, False, False, False, True]
    assert found[0] == found[2]
    assert integer_ids(np.array([7, -7, 2**63 - 1])).tobytes() == b"".join(map(integer_id, (7, -7, 2**63 - 1)))
    assert [reader.text(integer_id(number)) for number in (7, -7, 2**63 - 1)] == ["7", "-7", str(2**63 - 1)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (UUID, UUID.upper(), True),
        (UUID, "{" + UUID + "}", True),
        (ULID, ULID.lower(), True),
        ("Order-1", "order-1", False),
        ("7", "07", False),
        (UUID, UUID[:-1] + "b", False),
        (ULID, "8" + ULID[1:], False),
        (ULID[:-1] + "U", (ULID[:-1] + "U").lower(), False),  # no letter of a ULID
        ("deadbeef", "DEADBEEF", False),  # hexadecimal, but no UUID
    ],
)
def test_which_texts_are_one_id(one: str, other: str, same: bool) -> None:
    reader = IdReader(IdKind.TEXT)
    found, valid = reader.of_events([one, other])
    assert valid.all()
    assert bool(found[0] == found[1]) is same
    assert reader.text(next(iter(bytes_of(found)))) == one


def test_rows_that_would_be_taken_for_one_are_remembered() -> None:
    reader = IdReader(IdKind.TEXT)
    reader.of_rows([ULID, "a", "A"])
    assert reader.ambiguous == []
    reader.of_rows([UUID, UUID.upper()])
    assert reader.ambiguous == [UUID.upper()]


def test_ids_that_would_be_taken_for_one_are_remembered_over_all_parts_of_a_table() -> None:
    reader = IdReader(IdKind.TEXT)
    reader.of_rows([ULID])
    reader.of_rows(["x", ULID])
    assert reader.ambiguous == []
    reader.of_rows([ULID.lower()])
    assert reader.ambiguous == [ULID.lower()]


def test_blanks_at_the_end_of_a_padded_id_mean_nothing() -> None:
    (found, _), (other, _) = (IdReader(IdKind.TEXT, padded).of_events(["a  ", "a"]) for padded in (True, False))
    assert found[0] == found[1]
    assert other[0] != other[1]


def test_spellings_that_are_one_id() -> None:
    assert spellings(ULID.lower()) == [ULID.lower(), ULID]
    assert spellings("order-1") == ["order-1"]
    braced = "{" + UUID.upper() + "}"
    assert {braced, UUID, UUID.upper(), UUID.replace("-", "")} <= set(spellings(braced))
    assert {encode_order_id(IdKind.TEXT, one) for one in spellings(UUID)} == {uuid.UUID(UUID).bytes}


def test_kinds_of_columns() -> None:
    named = {name: kind_of_type(name) for name in ("uuid", "bigint", "integer", "text", "character varying", "numeric")}
    assert list(named.values()) == [
        IdKind.UUID, IdKind.INTEGER, IdKind.INTEGER, IdKind.TEXT, IdKind.TEXT, None,
    ]  # fmt: skip
