"""The ruling of an audit: verdicts, exit codes, doubts in words, and the guard of its topic."""

import uuid
from dataclasses import replace

import pytest

from contract.event import Why
from reconcile.audit.audit_guards import topic_guards
from reconcile.audit.audit_ruling import AuditFindings, AuditGuard, Mention, rule, with_suspicions
from stores.topic import TopicBounds

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
