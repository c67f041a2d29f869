"""Guards and late events of a run whose target was probed on a kept connection and on new ones."""

from dataclasses import replace

import pytest

from health.replies import CONNECTIONS, How
from reconcile.judge.findings import Guard, GuardKind
from reconcile.judge.judge import judge
from runlog import marks as m
from runlog.offsets import Observation
from tests.reconcile.core.probed import Change, probe, probed, probes
from tests.reconcile.core.run_builder import RunBuilder
from tests.reconcile.core.run_changes import again

EVIDENCE, VACUITY = GuardKind
TARGETS = [("broker", "stop"), ("broker", "partition"), ("database", "stop"), ("service", "kill")]


def guard_of(builder: RunBuilder, name: str) -> Guard:
    return next(guard for guard in judge(builder.history()).guards if guard.name == name)


@pytest.mark.parametrize(("target", "fault"), TARGETS)
def test_a_calm_run_passes_whatever_the_target_is(target: str, fault: str) -> None:
    guards = judge(probed(target=target, fault=fault).history()).guards
    assert [guard.reason for guard in guards if guard.failed] == []
    held = next(guard for guard in guards if guard.name == "fault held")
    assert held.reason == (
        f"the {target} answered none of 95 probes on the kept connection and none of 47 probes on a new "
        "connection until healing began"
    )


def hung(until: float) -> Change:
    """Leave of the kept connection two answers: one to a question that hung `until`, and one of second 21."""

    def change(builder: RunBuilder) -> None:
        probes("kept", 19.5, 40, None)(builder)
        probe("kept", 19.9, until)(builder)
        probe("kept", 21, 21.004)(builder)

    return change


# name, kind, what fires it, what nearly does
CASES: list[tuple[str, GuardKind, Change, Change]] = [
    # An answer on either connection in between: the fault did not hold.
    ("fault held", VACUITY, probes("kept", 14.95, 15.0, "answered"), probes("kept", 10.4, 10.4, "answered")),
    ("fault held", VACUITY, probes("new", 15, 15.1, "answered"), probes("new", 10.4, 10.45, "answered")),
    ("fault held", VACUITY, probe("new", 19.9, 19.99), probe("new", 19.9, 20.01)),
    # No probe on one of them.
    ("fault held", VACUITY, probes("new", 10.5, 20, None), probes("new", 10.7, 20, None)),
    ("fault held", VACUITY, probes("kept", 10.45, 20, None), probes("kept", 10.65, 20, None)),
    # The target was down before, for either kind of client.
    ("fault proven", VACUITY, probes("kept", 3.0, 3.35, "refused"), probes("kept", 3.0, 3.25, "refused")),
    # A stall of a busy machine hangs, for less than three seconds, or less than one until the fault.
    ("fault proven", VACUITY, probes("kept", 3.0, 6.15, "hanging"), probes("kept", 3.0, 5.95, "hanging")),
    ("fault proven", VACUITY, probes("kept", 8.85, 10.0, "hanging"), probes("kept", 9.15, 10.0, "hanging")),
    ("fault proven", VACUITY, probes("new", 3.0, 3.5, "refused"), probes("new", 3.0, 3.3, "refused")),
    # Slow is not down.
    ("fault proven", VACUITY, probes("kept", 3.0, 3.5, "refused"), probe("kept", 3.0, 4.2)),
    # Never seen down on one of them.
    ("fault proven", VACUITY, probes("new", 10.8, 21, "answered"), probes("new", 10.9, 21, "answered")),
    ("fault proven", VACUITY, probes("kept", 10.5, 21, None), probes("kept", 10.75, 21, None)),
    ("fault proven", VACUITY, lambda s: s.mark(m.INJECTED, down_edge=None), lambda s: None),
    # Never seen back on one of them.
    ("recovery proven", EVIDENCE, probes("new", 20.8, 40, "hanging"), probes("new", 21.3, 40, "hanging")),
    ("recovery proven", EVIDENCE, probes("kept", 20.95, 40, None), probes("kept", 21.05, 40, None)),
    # Asked before healing: answered before it, or after.
    ("recovery proven", EVIDENCE, hung(until=19.99), hung(until=20)),
]


@pytest.mark.parametrize("what", TARGETS, ids=" ".join)
@pytest.mark.parametrize(("name", "kind", "fires", "nearly"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_fires_and_nearly_fires(
    name: str, kind: GuardKind, fires: Change, nearly: Change, what: tuple[str, str]
) -> None:
    target, fault = what
    broken, close = probed(target=target, fault=fault), probed(target=target, fault=fault)
    fires(broken)
    nearly(close)
    fired, passed = guard_of(broken, name), guard_of(close, name)
    assert (fired.kind, fired.applies, fired.passed) == (kind, True, False), fired.reason
    assert (passed.applies, passed.passed) == (True, True), passed.reason


def test_an_early_return_is_reported_by_connection_number_and_moment() -> None:
    builder = probed(target="database")
    probes("new", 15, 15.3, "answered")(builder)
    probes("kept", 16, 16, "answered")(builder)
    assert guard_of(builder, "fault held").reason == (
        "the database answered 1 of 95 probes on the kept connection and 2 of 47 probes on a new "
        "connection while it should have been down, first 4.554 s after it was proven down"
    )


def test_the_broker_answering_says_nothing_of_another_target_nor_of_a_partition() -> None:
    """The offsets go on all the while; and where they stop, it is not the target that is down."""
    for target, fault in TARGETS[1:]:
        builder = probed(target=target, fault=fault)
        assert guard_of(builder, "fault held").passed
        silent = [Observation(seen.asked, seen.answered, None, "no answer") for seen in builder.observations or []]
        builder.observations = silent
        assert guard_of(builder, "fault proven").passed
        assert guard_of(builder, "fault held").passed


def test_a_fault_during_which_nothing_was_probed_did_not_hold() -> None:
    empty = probed()
    empty.probe_results = []
    assert guard_of(empty, "fault held").reason == (
        "outage 1: the broker was not probed on the kept connection while it should have been down"
    )


def twice_down() -> RunBuilder:
    builder = probed()
    again(builder)
    builder.facts = replace(builder.facts, options={"outages": "2"})
    return builder


@pytest.mark.parametrize(
    ("end", "how", "up"), [(21.85, "refused", False), (21.75, "refused", True), (21.95, "hanging", True)]
)
def test_a_target_that_was_down_by_itself_between_two_outages_proves_nothing(end: float, how: How, up: bool) -> None:
    builder = twice_down()
    for connection in CONNECTIONS:
        probes(connection, 23.35, 25.85, "refused")(builder)
    probes("kept", 21.5, end, how)(builder)
    guard = guard_of(builder, "fault proven")
    words = (
        "the broker did not answer 4 probes in a row on the kept connection between outage 1 and the next, for 0.304 s"
    )
    assert (guard.passed, guard.reason == words) == (up, not up), guard.reason


def test_each_of_two_outages_is_looked_at() -> None:
    builder = twice_down()
    first = guard_of(builder, "fault proven")
    assert first.reason == "outage 2: the broker was not observed down on the kept connection"
    for connection in CONNECTIONS:
        probes(connection, 23.35, 25.85, "refused")(builder)
    for name in ("fault proven", "fault held", "recovery proven"):
        assert guard_of(builder, name).passed, name
    probes("new", 24, 24.1, "answered")(builder)
    held = guard_of(builder, "fault held")
    assert held.reason == (
        "the broker answered 1 of 54 probes on a new connection while it should have been down, first 0.554 s after it "
        "was proven down"
    )
    # Back after the second outage does not prove it back after the first.
    probes("new", 20.8, 23, "refused")(builder)
    assert guard_of(builder, "recovery proven").reason == (
        "outage 1: the broker was not observed to answer again on a new connection"
    )


def test_what_is_answered_when_the_next_outage_begins_still_counts_for_the_one_before() -> None:
    for settled, passed in ((23, True), (23.01, False)):
        builder = probed()
        again(builder)
        probes("kept", 20.8, 25.85, None)(builder)
        probe("kept", 21, 21.004)(builder)
        probe("kept", 22.9, settled)(builder)
        assert guard_of(builder, "recovery proven").passed is passed


def late(builder: RunBuilder) -> tuple[int, int]:
    counts = judge(builder.history()).counts
    return counts["late_events"], counts["late_undecided"]


def sent(at: float, appended: float, *changes: Change, target: str = "broker", fault: str = "stop") -> tuple[int, int]:
    builder = probed(RunBuilder().order(1, at, appended=appended), target=target, fault=fault)
    for change in changes:
        change(builder)
    return late(builder)


def test_what_a_new_connection_was_answered_moves_the_absence() -> None:
    assert sent(12, 20.87) == (1, 0)
    assert sent(10.41, 20.87) == (1, 0)
    # Still served on a new connection after the kept one had failed: an event of then may have come at once.
    assert sent(10.41, 20.87, probe("new", 10.41, 10.43)) == (0, 1)
    assert sent(10.41, 20.87, probe("new", 10.39, 10.405)) == (1, 0)
    assert sent(10.44, 20.87, probe("new", 10.41, 10.43)) == (1, 0)
    assert sent(10.41, 20.87, probe("new", 10.41, 10.5)) == (0, 1)
    # Served while it should have been down: nothing is known of when an event came.
    assert sent(12, 20.87, probe("new", 15, 15.1)) == (0, 1)
    assert sent(12, 20.87, probe("new", 10.45, 10.49)) == (1, 0)
    assert sent(12, 20.87, probe("new", 15, 15.1, "refused")) == (1, 0)
    # Served again on a new connection before the kept one was: that is when it was back.
    assert sent(20.7, 23) == (1, 0)
    assert sent(20.7, 23, probe("new", 20.65, 20.66)) == (0, 0)
    assert sent(20.6, 23, probe("new", 20.65, 20.66)) == (1, 0)
    # Asked before healing, answered after it: back with the healing at the earliest.
    assert sent(20.1, 23, probe("new", 19.9, 20.05)) == (0, 0)
    assert sent(19.95, 23, probe("new", 19.9, 20.05)) == (1, 0)
    # On the very marks: an answer of `injected` is one from before, one of `healing` the first of after.
    assert sent(12, 20.87, probe("new", 10.45, 10.5)) == (1, 0)
    assert sent(12, 20.87, probe("new", 19.9, 20)) == (1, 0)
    assert sent(20.4, 23, probe("new", 19.9, 20)) == (0, 0)


@pytest.mark.parametrize(("target", "fault"), TARGETS[1:])
def test_only_a_broker_that_is_down_itself_appends_nothing(target: str, fault: str) -> None:
    """The offsets are unknown all the while here: only the silence of the broker could bound an event."""

    def unknown(builder: RunBuilder) -> None:
        builder.observations = [seen for seen in builder.monitor() if seen.ok]

    assert sent(12, 20.87, unknown) == (1, 0)
    assert sent(12, 20.87, unknown, target=target, fault=fault) == (0, 1)
