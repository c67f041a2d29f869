"""The end of a run: the publish horizon, and a service that publishes nothing any more."""

from dataclasses import replace
from typing import Any

import pytest

from reconcile.judge.drain_guards import waited_of
from reconcile.judge.findings import Findings, Guard
from reconcile.judge.judge import Judgement, judge
from reconcile.judge.ruling import Verdict
from runlog import marks as m
from tests.reconcile.core.run_builder import T0, RunBuilder, facts

HORIZON = "publish horizon passed"


def guard(judgement: Judgement, name: str) -> Guard:
    return next(one for one in judgement.guards if one.name == name)


def external(**changes: Any) -> RunBuilder:
    """A lossy run of a service of which nothing is known: an outage of 11 s, one order lost in it."""
    unknown = {"stack": "external", "service_variant": None, "delivery_timeout_s": None, **changes}
    return RunBuilder(facts=facts(**unknown)).calm().order(1, 12, event=False)


def read_at(builder: RunBuilder, second: float) -> Judgement:
    """Judge the run as if the topic had been read to its end at this second; the target was back at 21."""
    builder.events_changes["read_at"] = T0 + second
    return judge(builder.history())


@pytest.mark.parametrize(("second", "passed"), [(33.4, False), (33.5, True)])
def test_unknown_publishers_have_as_long_as_the_longest_outage(second: float, passed: bool) -> None:
    """11 s and the margin after the return."""
    judgement = read_at(external(), second)
    assert guard(judgement, HORIZON).passed is passed
    counts = judgement.counts
    assert (counts["lost_events"], counts["suspected_lost"]) == ((1, 0) if passed else (0, 1))
    assert judgement.ruling.verdict is (Verdict.INCONSISTENT if passed else Verdict.INCONCLUSIVE)


def test_the_sentence_states_the_horizon() -> None:
    passed, early = (guard(read_at(external(), at), HORIZON).reason for at in (35, 31))
    assert passed == (
        "the topic was read 14.0 s after the broker's return, past the publish horizon of 12.5 s (as long as the "
        "longest outage)"
    )
    assert early == (
        "the topic was read 10.0 s after the broker's return, the publish horizon is 12.5 s (as long as the longest "
        "outage); give a longer --drain-timeout, give --publish-horizon if it is known, or use --look-again later"
    )
    assert read_at(external(), 35).ruling.reason == (
        "1 order was acknowledged and stored, but its event never reached Kafka (topic read until 14.0 s after the "
        "broker's return)"
    )


def test_a_late_arrival_begins_the_horizon_again() -> None:
    def late(second: float) -> Judgement:
        return read_at(external().order(2, 13, appended=24.0), second)

    assert guard(late(36.4), HORIZON).failed
    assert "after the last late arrival" in guard(late(36.4), HORIZON).reason
    assert guard(late(36.7), HORIZON).passed


def test_what_comes_after_the_monitor_has_ended_is_a_late_arrival_of_unknown_time() -> None:
    builder = external().order(2, 13, appended=60.0)
    assert guard(read_at(builder, 60), HORIZON).failed


def test_an_event_that_only_the_reading_found_is_no_arrival_of_known_time() -> None:
    builder = external()
    sent_before_and_after = [each for each in builder.attempts if not 10 < each[8] - T0 < 21]
    kept = {int(each[6]) for each in sent_before_and_after}
    builder.events = [each for each in builder.events if each[0] in kept]
    builder.observations = []
    assert "the topic was read 39.0 s after the broker's return" in guard(read_at(builder, 60), HORIZON).reason


def test_nothing_missing_needs_no_horizon() -> None:
    builder = external()
    builder.events.append((1, 1, 26.0, 1))
    judgement = read_at(builder, 30)
    assert not guard(judgement, HORIZON).applies
    assert judgement.ruling.verdict is Verdict.CONSISTENT
    assert judgement.ruling.reason == (
        "the events of all 7 stored orders reached Kafka, 3 of them late by up to 14.0 s; this says nothing about "
        "longer outages or a restart of the service in between"
    )


@pytest.mark.parametrize(
    ("changes", "second", "passed"),
    [
        # The last answer came at 28.02.
        ({"publish_horizon_s": 30.0}, 58.0, False),
        ({"publish_horizon_s": 30.0}, 58.1, True),
        ({"publish_horizon_s": 0.0}, 35.0, True),
        ({"backlog_watched": True}, 28.1, True),
        ({"stack": "embedded", "delivery_timeout_s": 3.0, "block_time_s": 1.0}, 32.0, False),
        ({"stack": "embedded", "delivery_timeout_s": 3.0, "block_time_s": 1.0}, 32.1, True),
        # The limit of a producer says nothing of a relay before it.
        ({"delivery_timeout_s": 3.0}, 33.4, False),
    ],
)
def test_known_horizons(changes: dict[str, Any], second: float, passed: bool) -> None:
    assert guard(read_at(external(**changes), second), HORIZON).passed is passed


def test_a_request_without_an_answer_counts_until_it_was_given_up() -> None:
    builder = external(publish_horizon_s=5.0).unanswered(2, 30)
    assert guard(read_at(builder, 39.9), HORIZON).failed
    assert guard(read_at(builder, 40), HORIZON).passed


def test_a_backlog_that_was_not_seen_empty_proves_nothing() -> None:
    builder = external(backlog_watched=True).mark(m.DRAINED, complete=False, missing=["a backlog of 2 events"])
    judgement = read_at(builder, 60)
    assert guard(judgement, HORIZON).failed
    assert judgement.counts["suspected_lost"] == 1


def test_without_an_outage_no_pause_has_grown() -> None:
    builder = external(scenario="control").without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)
    passed = guard(read_at(builder, 31), HORIZON)
    assert passed.passed
    assert passed.reason == "no outage made the publisher wait between attempts"


def test_a_topic_that_was_not_read_has_no_horizon() -> None:
    builder = external()
    builder.events_changes = {"read_at": None, "complete": False, "problem": "the broker is down"}
    assert guard(judge(builder.history()), HORIZON).reason == "unknown: the topic was not read"


def findings_of(builder: RunBuilder) -> Findings:
    history = builder.history()
    judged = judge(history)
    return Findings(history, judged.outages, judged.table, judged.rates, judged.late)


def test_from_which_moment_on_the_topic_was_read_long_enough() -> None:
    known = RunBuilder().order(1, 1).order(2, 12, event=False)
    returned = waited_of(findings_of(known))
    assert (returned.since, round(returned.seconds or -1, 3)) == ("the broker's return", 14.0)
    answered = waited_of(findings_of(known.order(3, 24)))
    assert (answered.since, round(answered.seconds or -1, 3)) == ("the last answer", 10.98)
    calm = external().without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)
    started = waited_of(findings_of(calm))
    assert (started.since, round(started.seconds or -1, 3)) == ("the start of the run", 35.0)
    calm.events_changes["read_at"] = T0 - 1
    assert waited_of(findings_of(calm)).seconds == 0
    calm.events_changes["read_at"] = None
    assert waited_of(findings_of(calm)) == replace(started, seconds=None, since="")


@pytest.mark.parametrize(("lost", "passed"), [(False, True), (True, False)])
def test_a_drain_whose_own_order_repeated_an_id_proves_no_loss(lost: bool, passed: bool) -> None:
    builder = RunBuilder().calm().mark(m.DRAINED, repeated_id="aaaa")
    if lost:
        builder.order(1, 12, event=False)
    assert guard(judge(builder.history()), "drain complete").passed is passed
