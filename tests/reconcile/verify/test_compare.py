"""The second look set against the first: what is confirmed, what the harness was wrong about, what came too late."""

from dataclasses import replace

import pytest

from reconcile.history.confirmation import Candidate, Candidates, Confirmation, Contradiction
from reconcile.judge.findings import Guard
from reconcile.judge.judge import judge, with_confirmation
from reconcile.judge.ruling import Verdict
from reconcile.report.json_report import json_report
from reconcile.verify.candidates import candidates_of
from reconcile.verify.compare import FoundEvents, FoundRows, compare
from runlog import exit_codes
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, order_id

A = str(order_id(1))
LOST = Candidate(A, ("lost event",), row=True, event=False)
PHANTOM = Candidate(A, ("phantom event",), row=False, event=True)
NOWHERE = Candidate(A, ("lost order",), row=False, event=False)
NONE: set[str] = set()
ONE = {A}


def look(one: Candidate, rows: FoundRows, events: FoundEvents) -> Confirmation:
    return compare(Candidates([one]), rows, events)


@pytest.mark.parametrize(
    ("one", "rows", "events"),
    [
        (LOST, FoundRows(ONE, NONE), FoundEvents(NONE, NONE)),
        (PHANTOM, FoundRows(NONE, NONE), FoundEvents(ONE, NONE)),
        (NOWHERE, FoundRows(NONE, NONE), FoundEvents(NONE, NONE)),
        # A second event behind the end that was read changes nothing about one that is there.
        (PHANTOM, FoundRows(NONE, NONE), FoundEvents(ONE, ONE)),
    ],
)
def test_what_is_found_again_is_confirmed(one: Candidate, rows: FoundRows, events: FoundEvents) -> None:
    found = look(one, rows, events)
    assert (found.checked, found.refuted, found.unsettled, found.complete) == (1, [], [], True)


@pytest.mark.parametrize(
    ("one", "rows", "events", "found"),
    [
        (LOST, FoundRows(ONE, NONE), FoundEvents(ONE, NONE, ONE), "a row, an event"),
        (LOST, FoundRows(NONE, NONE), FoundEvents(NONE, NONE), "no row, no event"),
        (PHANTOM, FoundRows(ONE, NONE), FoundEvents(ONE, NONE), "a row, an event"),
        (PHANTOM, FoundRows(NONE, NONE), FoundEvents(NONE, NONE), "no row, no event"),
        (PHANTOM, FoundRows(NONE, NONE), FoundEvents(NONE, ONE), "no row, no event"),
        (NOWHERE, FoundRows(ONE, NONE), FoundEvents(NONE, NONE), "a row, no event"),
        # Changed later, but its event is not as it was either.
        (LOST, FoundRows(NONE, ONE), FoundEvents(ONE, NONE), "no row, an event"),
    ],
)
def test_a_contradiction_within_what_was_read_refutes(
    one: Candidate, rows: FoundRows, events: FoundEvents, found: str
) -> None:
    assert [each.found for each in look(one, rows, events).refuted] == [found]


@pytest.mark.parametrize(
    ("one", "rows", "events", "came"),
    [
        (LOST, FoundRows(ONE, NONE), FoundEvents(NONE, ONE), "an event that came"),
        (PHANTOM, FoundRows(NONE, ONE), FoundEvents(ONE, NONE), "a row that came"),
        (NOWHERE, FoundRows(NONE, ONE), FoundEvents(NONE, ONE), "a row and an event that came"),
        (LOST, FoundRows(NONE, ONE), FoundEvents(NONE, NONE), "no row, no event"),
    ],
)
def test_what_came_after_the_reading_refutes_nothing(
    one: Candidate, rows: FoundRows, events: FoundEvents, came: str
) -> None:
    found = look(one, rows, events)
    assert found.refuted == []
    assert [each.found.startswith(came) for each in found.unsettled] == [True]


def lossy() -> RunBuilder:
    return RunBuilder().calm().order(1, 12, event=False).order(2, 13, row=False).order(3, 14, row=False, event=False)


def test_every_kind_of_violation_is_a_candidate_by_send_time() -> None:
    builder = lossy().order(4, 15, Outcome.REJECTED, event=False).order(5, 16).published(5, 5, 17, 77)
    asked = candidates_of(judge(builder.history()))
    assert [(one.order_id, one.kinds) for one in asked.orders] == [
        (str(order_id(1)), ("lost event",)),
        (str(order_id(2)), ("phantom event", "lost order")),
        (str(order_id(3)), ("lost order",)),
        (str(order_id(4)), ("lost event", "visible after reject")),
        (str(order_id(5)), ("published twice",)),
    ]
    assert asked.eligible == 5


def test_a_clean_run_has_nothing_to_confirm() -> None:
    builder = RunBuilder().calm().order(1, 12).published(1, 1, 13)  # redelivered: the same event id
    assert candidates_of(judge(builder.history())).eligible == 0
    guard = guard_of(builder, None)
    assert not guard.applies


def test_all_violations_are_looked_up() -> None:
    builder = RunBuilder()
    for seq in range(10_002):
        builder.order(seq, 10 + seq / 1e4, event=False)
    asked = candidates_of(judge(builder.history()))
    assert asked.eligible == 10_002
    assert (asked.orders[-1].order_id, asked.orders[-1].identity) == (str(order_id(10_001)), order_id(10_001).hex)


def test_another_question_has_another_digest() -> None:
    one = Candidates([LOST])
    assert one.digest == Candidates([LOST]).digest
    others = [Candidates([LOST, LOST]), Candidates([]), Candidates([replace(LOST, event=True)])]
    assert one.digest not in {other.digest for other in others}


def guard_of(builder: RunBuilder, confirmation: Confirmation | None) -> Guard:
    history = replace(builder.history(), confirmation=confirmation)
    return next(guard for guard in judge(history).guards if guard.name == "violations confirmed")


def ruled(confirmation: Confirmation) -> tuple[str, int, int]:
    judgement = judge(replace(lossy().history(), confirmation=confirmation))
    return judgement.ruling.verdict.value, judgement.ruling.exit_code, judgement.counts["lost_events"]


WRONG = Contradiction(A, "lost event", "a row, no event", "a row, an event", order_id(1).hex)
GUARDS = {"unsettled": "no order changed", "disputed": "no order disputed"}


def test_a_refuted_violation_means_that_the_harness_is_wrong() -> None:
    assert ruled(Confirmation("", 3, 3, refuted=[WRONG])) == ("inconclusive", exit_codes.USAGE_OR_CRASH, 0)


def doubting(kind: str, asked: int) -> Confirmation:
    found = {name: [WRONG] if name == kind else [] for name in GUARDS}
    return Confirmation("", asked, asked, unsettled=found["unsettled"], disputed=found["disputed"])


@pytest.mark.parametrize("kind", ["unsettled", "disputed"])
def test_an_order_that_changed_or_is_disputed_doubts_itself_alone(kind: str) -> None:
    """Of the two lost events one stands; the phantom and the lost order stand as well."""
    builder = lossy().order(4, 15, event=False)
    history = replace(builder.history(), confirmation=doubting(kind, 4))
    judgement = judge(history)
    counts, named = judgement.counts, {"unsettled": "suspected_lost", "disputed": "disputed"}[kind]
    assert (judgement.ruling.verdict, judgement.ruling.exit_code) == (Verdict.INCONSISTENT, exit_codes.NOT_AS_EXPECTED)
    assert (counts["lost_events"], counts[named], counts["phantom_events"], counts["lost_orders"]) == (1, 1, 1, 2)
    guard = next(one for one in judgement.guards if one.name == GUARDS[kind])
    assert (guard.failed, A in guard.reason) == (True, True)


@pytest.mark.parametrize("kind", ["unsettled", "disputed"])
def test_nothing_is_proven_where_the_only_violation_is_in_doubt(kind: str) -> None:
    history = RunBuilder().calm().order(1, 12, event=False).history()
    judgement = judge(replace(history, confirmation=doubting(kind, 1)))
    assert (judgement.ruling.verdict, judgement.ruling.exit_code) == (Verdict.INCONCLUSIVE, exit_codes.INCONCLUSIVE)
    assert judgement.counts["lost_events"] == 0


def test_a_store_that_failed_means_that_nothing_is_proven() -> None:
    away = Confirmation("", 3, 0, complete=False, problem="PostgreSQL cannot be reached")
    assert ruled(away) == ("inconclusive", exit_codes.INCONCLUSIVE, 0)


def test_confirmed_ones_stand() -> None:
    verdict, code, lost = ruled(Confirmation("", 3, 3))
    assert (verdict, code, lost) == (Verdict.INCONSISTENT.value, exit_codes.NOT_AS_EXPECTED, 1)


@pytest.mark.parametrize(
    "confirmation",
    [
        None,
        Confirmation("", 3, 3),
        Confirmation("", 3, 3, refuted=[WRONG]),
        Confirmation("", 3, 3, unsettled=[WRONG]),
        Confirmation("", 3, 3, disputed=[WRONG]),
        Confirmation("", 3, 0, complete=False, problem="gone"),
    ],
)
def test_the_short_way_to_the_judgement_gives_the_same(confirmation: Confirmation | None) -> None:
    history = replace(lossy().history(), confirmation=confirmation)
    short, whole = with_confirmation(judge(lossy().history()), history), judge(history)
    assert json_report(history, short) == json_report(history, whole)
