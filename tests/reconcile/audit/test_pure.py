"""The pure parts of an audit: ids, differences, time zones, windows, verdicts; what must fire, and what must not."""

import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.event import Why
from contract.ids import IDS, IdReader, bytes_of, integer_ids
from contract.order_id import IdKind, encode_order_id, integer_id, kind_of_type, spellings
from reconcile.audit.audit_guards import topic_guards
from reconcile.audit.audit_ruling import AuditFindings, AuditGuard, Mention, rule, with_suspicions
from reconcile.audit.coverage_window import CoverageWindow, choose_window
from reconcile.audit.id_difference import id_difference
from reconcile.audit.recheck import exclusion_of
from reconcile.audit.sampling import sample_ranges
from reconcile.audit.time_zone_inference import offset_of, offset_text
from stores.topic import TopicBounds

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


HOUR = 3600.0


@pytest.mark.parametrize(
    ("pairs", "offset"),
    [
        ([(0.2, 0.0)] * 5, 0),
        ([(2 * HOUR - 0.5, 0.0)] * 5, 7200),
        ([(-3.5 * HOUR, 0.0)] * 9, -12600),
        ([(-3.5 * HOUR, 0.0)] * 9 + [(0.0, 0.0)], None),  # an event an hour and more before its row
        ([(0.0, 0.0)] * 4, None),
        ([], None),
        ([(0.0, 400.0)] * 9, None),  # neither here nor there
        ([(20 * HOUR, 0.0)] * 9, None),
        # Whatever lies below was late: a backlog of minutes, orders published again after a day.
        ([(2 * HOUR, 0.0)] * 5 + [(2 * HOUR, delay) for delay in (70.0, 840.0, 900.0, 9 * HOUR, 24 * HOUR)] * 9, 7200),
        ([(0.0, 840.0)] * 9, None),  # all of them a quarter of an hour late: no time zone is UTC-00:15
        ([(0.0, 900.0)] * 9, None),
        ([(0.0, 61.0)] * 9, None),
        ([(0.0, 59.0)] * 9, 0),
        # Half of them an hour late, or from before the clocks were set back: either may be.
        ([(0.0, 0.0)] * 5 + [(0.0, HOUR)] * 5, None),
        ([(0.0, 0.0)] * 5 + [(0.0, HOUR)] * 4, 0),
        ([(10.5 * HOUR, 0.0)] * 5 + [(10.5 * HOUR, HOUR / 2)] * 5, None),
        ([(0.0, 0.0)] * 5 + [(0.0, 2 * HOUR)] * 5, 0),
    ],
)
def test_the_time_zone_is_known_only_when_pairs_agree(pairs: list[tuple[float, float]], offset: int | None) -> None:
    assert offset_of(pairs) == offset


def test_offsets_as_text() -> None:
    assert [offset_text(offset) for offset in (0, 7200, -12600)] == ["UTC+00:00", "UTC+02:00", "UTC-03:30"]


def bounds(*lows: int) -> TopicBounds:
    return TopicBounds("t", dict(enumerate(lows)), {partition: low + 10 for partition, low in enumerate(lows)})


@pytest.mark.parametrize(
    ("lows", "first", "since", "judged_from"),
    [
        ((0, 0), {0: 1000.0, 1: 2000.0}, None, 1300.0),  # the topic's own beginning, with a margin
        ((0, 0), {0: 1000.0}, 100.0, 100.0),  # asked for, and the log is whole
        ((0, 5), {0: 1000.0, 1: 2000.0}, None, 2300.0),  # what partition 1 holds, with a margin
        ((0, 5), {0: 1000.0, 1: 2000.0}, 2100.0, 2300.0),
        ((0, 5), {0: 1000.0, 1: 2000.0}, 2400.0, 2400.0),
        ((3, 5), {0: 3000.0, 1: 2000.0}, None, 3300.0),  # the worst of them
        ((0, 5), {0: 1000.0}, None, float("inf")),  # partition 1 has let everything go
        ((0, 0), {}, None, float("inf")),
    ],
)
def test_from_when_on_rows_are_judged(
    lows: tuple[int, ...], first: dict[int, float], since: float | None, judged_from: float
) -> None:
    assert choose_window(bounds(*lows), first, since, 300.0, []).judged_from == judged_from


def test_from_the_oldest_row_on_whose_event_is_there() -> None:
    """By the database's own clock alone, where a record at the topic's beginning has a row."""
    rows = [1100.0, 1200.0]
    assert choose_window(bounds(0, 0), {0: 1000.0}, None, 300.0, rows).judged_from == 1100.0
    assert choose_window(bounds(0, 0), {0: 1000.0}, 50.0, 300.0, rows).judged_from == 50.0


def test_a_producer_with_a_wrong_clock_does_not_decide_what_a_cut_topic_holds() -> None:
    rows = [1100.0, 1200.0]
    assert choose_window(bounds(0, 5), {1: 1000.0}, None, 300.0, rows).judged_from == 1500.0
    assert choose_window(bounds(0, 5), {1: 4000.0}, None, 300.0, rows).judged_from == 4300.0
    assert choose_window(bounds(0, 5), {1: 1000.0}, 900.0, 300.0, rows).judged_from == 1500.0


@pytest.mark.parametrize(
    ("ends", "ranges"),
    [
        ({0: 0}, []),
        ({0: 40}, [(0, 40)]),
        ({0: 130}, [(0, 100), (100, 130)]),
        ({0: 1100}, [(0, 100), (250, 350), (500, 600), (750, 850), (1000, 1100)]),
    ],
)
def test_where_samples_are_taken(ends: dict[int, int], ranges: list[tuple[int, int]]) -> None:
    found = sample_ranges("t", dict.fromkeys(ends, 0), ends, 5)
    assert [(one.begin[0], one.ends[0]) for one in found] == ranges
    assert [(one.begin[0], one.ends[0]) for one in sample_ranges("t", {0: 0}, ends, 1)] == ranges[:1]


@pytest.mark.parametrize(
    ("at", "exclusion"),
    [
        (None, "unjudged"),
        (941.0, "young"),
        (940.0, None),
        (100.0, None),
        (99.9, "unjudged"),
        (1060.0, "young"),
        (1060.1, "future"),
    ],
)
def test_the_fate_of_a_row_without_an_event(at: float | None, exclusion: str | None) -> None:
    assert exclusion_of(at, 1000.0, 60.0, CoverageWindow(100.0, None)) == exclusion
    assert exclusion_of(1.0, 1000.0, 60.0, CoverageWindow(None, None)) is None


CLEAN = AuditFindings(
    rows=10, events=10, events_raw=10, lost=[], phantoms=[], phantoms_suspected=False, repeated=[], surplus=0,
    young=0, unjudged=0, pending=0, vanished=0, unreadable=0, guards=[AuditGuard("g", True, "fine")],
)  # fmt: skip
ONE_LOST: list[tuple[str, float | None]] = [(str(uuid.UUID(int=1)), 5.0)]
DISPUTED = [("7", 5.0, Mention(0, 12, 2, Why.KEY_DIFFERS))]


@pytest.mark.parametrize(
    ("changes", "expect", "verdict", "code"),
    [
        ({}, "consistent", "consistent", 0),
        ({}, "lost-events", "consistent", 1),
        ({"lost": ONE_LOST}, "consistent", "inconsistent", 1),
        ({"lost": ONE_LOST}, "lost-events", "inconsistent", 0),
        ({"lost": ONE_LOST}, "phantom-events", "inconsistent", 1),
        ({"phantoms": ["x"]}, "consistent", "inconsistent", 1),
        ({"phantoms": ["x"]}, "phantom-events", "inconsistent", 0),
        ({"phantoms": ["x"], "phantoms_suspected": True}, "any", "inconclusive", 3),
        ({"phantoms": ["x"], "phantoms_suspected": True, "lost": ONE_LOST}, "any", "inconsistent", 0),
        ({"young": 4, "unjudged": 6}, "any", "inconclusive", 3),
        ({"young": 4, "unjudged": 5}, "any", "consistent", 0),
        ({"young": 4, "unjudged": 5, "future": 1}, "any", "inconclusive", 3),
        ({"rows": 0, "events": 0}, "any", "inconclusive", 3),
        ({"guards": [AuditGuard("g", False, "no")], "lost": ONE_LOST}, "lost-events", "inconclusive", 3),
        ({"disputed": DISPUTED}, "any", "inconclusive", 3),
        ({"disputed": DISPUTED}, "consistent", "inconclusive", 3),
        ({"disputed": DISPUTED, "lost": ONE_LOST}, "lost-events", "inconsistent", 0),
        ({"disputed": DISPUTED, "phantoms": ["x"]}, "consistent", "inconsistent", 1),
        ({"disputed": DISPUTED, "disputed_phantoms": ["x"]}, "phantom-events", "inconclusive", 3),
        ({"suspected": ONE_LOST, "opaque": 1}, "any", "inconclusive", 3),
        ({"suspected": ONE_LOST * 2, "opaque": 1}, "lost-events", "inconsistent", 0),
        ({"opaque": 5}, "consistent", "consistent", 0),
        ({"surplus": 3, "repeated": ["x"], "pending": 2, "vanished": 1}, "consistent", "consistent", 0),
    ],
)
def test_verdict_and_exit_code(changes: dict[str, object], expect: str, verdict: str, code: int) -> None:
    ruling = rule(replace(CLEAN, **changes), expect)  # type: ignore[arg-type]
    assert (ruling.verdict, ruling.exit_code) == (verdict, code), ruling.reason


def test_with_a_guard_that_failed_every_violation_is_suspected() -> None:
    wrong = replace(CLEAN, lost=ONE_LOST, phantoms=["x"], guards=[AuditGuard("g", False, "no")])
    found = with_suspicions(wrong)
    assert (found.lost, found.suspected, found.phantoms_suspected, found.lost_at_least) == ([], ONE_LOST, True, 0)
    reason = rule(found, "any").reason
    assert reason == "1 row without an event in the topic, suspected; 1 event without a row, suspected; g: no"
    whole = replace(wrong, guards=CLEAN.guards)
    assert with_suspicions(whole) is whole
    assert rule(whole, "any").reason == "1 row without an event in the topic; 1 event without a row"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"disputed": DISPUTED, "named_at": ["value:orderId"]},
            "1 row without an event is disputed: the record at partition 0, offset 12 names 7 at value:orderId and "
            "does not count; give --event-id value:orderId to ignore the key",
        ),
        ({"disputed": DISPUTED, "lost": ONE_LOST}, "1 row without an event in the topic; 1 more disputed"),
        (
            {"suspected": ONE_LOST * 3, "opaque": 2},
            "at least 1 of 3 rows without an event in the topic are lost "
            "(2 records without an order id may each be the event of one of them)",
        ),
        (
            {"suspected": ONE_LOST, "opaque": 1},
            "1 row without an event, and 1 record without an order id may be the event of one of them: give "
            "an --event-filter that selects the events",
        ),
    ],
)
def test_doubt_in_words(changes: dict[str, object], reason: str) -> None:
    assert rule(replace(CLEAN, **changes), "any").reason == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "passed", "words"),
    [
        (
            TopicBounds("a", {0: 0, 1: 5}, {0: 9, 1: 9}),
            True,
            "its id is unchanged; no partition was truncated",
        ),
        (
            TopicBounds(None, {0: 0, 1: 5}, {0: 9, 1: 8}),
            True,
            "the broker reports no topic id, and no partition became shorter; no partition was truncated",
        ),
        (TopicBounds("b", {0: 0, 1: 5}, {0: 9, 1: 9}), False, "it was re-created or truncated while it was read"),
        (TopicBounds(None, {0: 0, 1: 5}, {0: 7, 1: 8}), False, "it was re-created or truncated while it was read"),
        (
            TopicBounds("a", {0: 0, 1: 6}, {0: 9, 1: 9}),
            False,
            "partition 1 was truncated at the beginning",
        ),
    ],
)
def test_a_topic_is_said_to_be_the_same_only_where_its_id_says_so(after: TopicBounds, passed: bool, words: str) -> None:
    found = topic_guards(TopicBounds("a", {0: 0, 1: 5}, {0: 8, 1: 8}), after)[1]
    assert (found.passed, found.reason) == (passed, words)
