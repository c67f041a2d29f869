"""Verdict, reason and exit code: what proves, what only suggests, and which code wins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile.judge.judge import Judgement, judge
from reconcile.report.summary import summary
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder, facts

Change = Callable[[RunBuilder], object]


def judged(*changes: Change, expect: str = "consistent", **more: object) -> Judgement:
    builder = RunBuilder().calm()
    for change in changes:
        change(builder)
    builder.facts = facts(expect=expect, **more)
    return judge(builder.history())


def lost(builder: RunBuilder) -> None:
    builder.order(1, 12, event=False)


def lost_unanswered(builder: RunBuilder) -> None:
    builder.order(2, 12.5, Outcome.AMBIGUOUS, event=False)


def phantom(builder: RunBuilder) -> None:
    builder.order(3, 13, Outcome.AMBIGUOUS, row=False)


def lost_order(builder: RunBuilder) -> None:
    builder.order(4, 13.5, row=False, event=False)


def refused_but_there(builder: RunBuilder) -> None:
    builder.order(5, 14, Outcome.REJECTED)


def harmless(builder: RunBuilder) -> None:
    """Late, recovered, unresolved, pending and redelivered: none of them decides anything."""
    builder.order(10, 12, appended=25).order(11, 12, Outcome.AMBIGUOUS, appended=20.85)
    builder.order(12, 12, Outcome.AMBIGUOUS, row=False, event=False).order(13, 12, event=False).published(10, 10, 30)
    builder.pending = [13]


def evidence(builder: RunBuilder) -> None:
    builder.mark(m.DRAINED, complete=False, missing=["an order sent after healed"])


def vacuity(builder: RunBuilder) -> None:
    builder.mark(m.ENDED, wall_step=2)


def trouble(name: str, code: int | None, *, not_restored: bool = False) -> Change:
    detail = {"reason": "asked to stop", "exit_code": code, "not_restored": not_restored}
    return lambda builder: builder.marks.append(Mark(T0 + 34, name, None, detail))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ((), "consistent"),
        ((harmless,), "consistent"),
        ((lost,), "inconsistent"),
        ((lost_unanswered,), "inconsistent"),
        ((phantom,), "inconsistent"),
        ((lost_order,), "inconsistent"),
        ((refused_but_there,), "inconsistent"),
        ((lost, vacuity), "inconsistent"),
        ((lost, evidence), "inconclusive"),
        ((refused_but_there, evidence), "inconclusive"),
        ((evidence,), "inconclusive"),
        ((vacuity,), "inconclusive"),
    ],
)
def test_verdicts(changes: tuple[Change, ...], verdict: str) -> None:
    assert judged(*changes).ruling.verdict.value == verdict


@pytest.mark.parametrize(
    ("expect", "changes", "code"),
    [
        ("consistent", (), 0),
        ("consistent", (lost,), 1),
        ("lost-events", (lost,), 0),
        ("lost-events", (lost, phantom, lost_order), 0),
        ("lost-events", (lost, vacuity), 0),
        ("lost-events", (), 1),
        ("lost-events", (phantom,), 1),
        ("phantom-events", (phantom,), 0),
        ("phantom-events", (lost,), 1),
        ("any", (), 0),
        ("any", (lost,), 0),
        ("consistent", (vacuity,), 3),
        ("lost-events", (lost, evidence), 3),
        ("phantom-events", (evidence,), 3),
        ("any", (vacuity,), 3),
        ("any", (trouble(m.INTERRUPTED, 130), lost), 130),
        ("lost-events", (trouble(m.INTERRUPTED, 143), lost), 143),
        ("consistent", (trouble(m.INTERRUPTED, 130),), 130),
        ("consistent", (trouble(m.FAILED, None),), 2),
        ("consistent", (trouble(m.FAILED, 77),), 2),
        ("consistent", (trouble(m.FAILED, 2), trouble(m.INTERRUPTED, 130)), 2),
        ("consistent", (trouble(m.FAILED, 4, not_restored=True), trouble(m.FAILED, 2)), 4),
        ("lost-events", (trouble(m.INTERRUPTED, 130, not_restored=True), lost), 4),
    ],
)
def test_exit_codes(expect: str, changes: tuple[Change, ...], code: int) -> None:
    assert judged(*changes, expect=expect).ruling.exit_code == code


@pytest.mark.parametrize(("expect", "met"), [("consistent", False), ("lost-events", True), ("any", True)])
def test_expectation_of_a_lossy_run(expect: str, met: bool) -> None:
    assert judged(lost, expect=expect).ruling.met is met


def test_expectation_of_an_inconclusive_run_is_unknown() -> None:
    assert judged(vacuity).ruling.met is None


@pytest.mark.parametrize(("asked", "verdict"), [(False, "consistent"), (True, "inconsistent")])
def test_published_twice_counts_only_when_asked(asked: bool, verdict: str) -> None:
    judgement = judged(lambda builder: builder.order(1, 5).published(1, 1, 5.5, event=77), fail_on_duplicates=asked)
    assert judgement.counts["published_twice"] == 1
    assert judgement.ruling.verdict.value == verdict


@pytest.mark.parametrize(("target", "restarted"), [("broker", False), ("database", False), ("service", True)])
def test_a_run_that_stops_the_service_says_something_about_its_restart(target: str, restarted: bool) -> None:
    reason = judged(fault_target=target).ruling.reason
    assert "; this says nothing about longer outages" in reason
    assert ("a restart of the service" not in reason) is restarted


MISSING = " (topic read until 14.0 s after the broker's return)"
SCOPE = "; this says nothing about longer outages or a restart of the service in between"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ((lost,), "1 order was acknowledged and stored, but its event never reached Kafka" + MISSING),
        (
            (lost, lost_unanswered),
            "2 orders were stored, 1 of them acknowledged, but their events never reached Kafka" + MISSING,
        ),
        (
            (lost_unanswered,),
            "1 order was stored without an acknowledgement, but its event never reached Kafka" + MISSING,
        ),
        (
            (phantom, lost_order),
            "1 event reached Kafka without an order in PostgreSQL; 1 order was acknowledged, but never stored",
        ),
        ((refused_but_there,), "1 order was rejected, yet left a row or an event"),
        ((), "the events of all 6 stored orders reached Kafka, 2 of them late by up to 8.9 s" + SCOPE),
        ((harmless,), "the events of all 8 stored orders reached Kafka, 4 of them late by up to 13.0 s" + SCOPE),
        (
            (vacuity,),
            "nothing was lost, but that proves little; "
            "clock steady: the wall clock moved by +2.000 s against the monotonic clock",
        ),
    ],
)
def test_reasons(changes: tuple[Change, ...], reason: str) -> None:
    assert judged(*changes).ruling.reason == reason


def test_a_drain_cut_short_turns_absences_into_suspicions() -> None:
    counts = judged(lost, phantom, lost_order, evidence).counts
    assert (counts["lost_events"], counts["suspected_lost"]) == (0, 1)
    assert (counts["phantom_events"], counts["suspected_phantom"]) == (0, 1)
    assert (counts["lost_orders"], counts["suspected_lost_orders"]) == (1, 0)


def test_what_is_proven_is_not_suspected_as_well() -> None:
    counts = judged(lost, phantom, lost_order).counts
    assert (counts["lost_events"], counts["phantom_events"], counts["lost_orders"]) == (1, 1, 1)
    assert (counts["suspected_lost"], counts["suspected_phantom"], counts["suspected_lost_orders"]) == (0, 0, 0)


def test_an_incomplete_snapshot_casts_doubt_on_phantoms_and_lost_orders_only() -> None:
    def no_rows(builder: RunBuilder) -> None:
        builder.rows_changes = {"complete": False, "problem": "PostgreSQL cannot be reached"}

    judgement = judged(lost, phantom, lost_order, no_rows)
    counts = judgement.counts
    assert (counts["lost_events"], counts["suspected_lost"]) == (1, 0)
    assert (counts["suspected_phantom"], counts["suspected_lost_orders"]) == (1, 1)
    assert judgement.ruling.exit_code == 3
    assert "PostgreSQL cannot be reached" in judgement.ruling.reason


def test_an_unread_topic_casts_doubt_on_lost_events_only() -> None:
    def unread(builder: RunBuilder) -> None:
        builder.events_changes = {"complete": False, "problem": "no answer"}

    counts = judged(lost, phantom, unread).counts
    assert (counts["lost_events"], counts["suspected_lost"], counts["phantom_events"]) == (0, 1, 1)


def test_suspected_losses_are_no_failure_window() -> None:
    judgement = judged(lost, evidence)
    assert judgement.windows[0].lost == 0
    assert "failure window: none proven" in summary(RunBuilder().history(), judgement, Path("runs/x")).plain
    assert judgement.ruling.reason.startswith("1 event may be lost, unproven; drain complete: the drain was cut short")


@pytest.mark.parametrize(
    ("changes", "verdict", "code"),
    [((), "consistent", 1), ((lost,), "inconsistent", 1), ((vacuity,), "inconclusive", 3)],
)
def test_a_listener_of_locust_makes_the_exit_code_worse_and_never_better(
    changes: tuple[Change, ...], verdict: str, code: int
) -> None:
    """The verdict is the stores' alone."""

    def complain(builder: RunBuilder) -> None:
        builder.mark_late(m.LISTENER, 33, reason="shop.check set the exit code 5", exit_code=1)

    ruling = judged(*changes, complain).ruling
    assert (ruling.verdict.value, ruling.exit_code) == (verdict, code)
    assert ruling.raised_by == ("shop.check set the exit code 5",)
    assert judged(*changes).ruling.raised_by == ()


def fault_not_done(builder: RunBuilder) -> None:
    builder.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED, m.RECOVERY, m.DRAIN, m.DRAINED)
    builder.mark_late(m.FAILED, 30, reason="the fault could not be done: the break command ended with 7", exit_code=4)


def broker_never_down(builder: RunBuilder) -> None:
    builder.without(m.INJECTED).mark(m.DRAINED, complete=False, missing=["a whole order"])


def drain_cut_short(builder: RunBuilder) -> None:
    builder.mark(m.DRAINED, complete=False, missing=["a whole order"])


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        (
            fault_not_done,
            "plan completed: the run was ended by a failure: the fault could not be done: the break command",
        ),
        (broker_never_down, "fault proven: the broker was proven down in 0 of 1 outage"),
        (drain_cut_short, "drain complete: the drain was cut short while waiting for a whole order"),
    ],
)
def test_the_cause_comes_before_its_effects(change: Change, begins: str) -> None:
    assert judged(change).ruling.reason.startswith(begins), judged(change).ruling.reason
