"""A service that publishes nothing any more after an outage: what proves it, and what each gap in the proof says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconcile.analysis.lost_causes import LostCause
from reconcile.judge.publish_silence import NOTHING, PublishSilence, lacking, silence_of
from reconcile.judge.ruling import Verdict
from runlog import exit_codes
from runlog import marks as m
from runlog.marks import Mark
from tests.reconcile.core.run_builder import DOWN_EDGE, T0, RunBuilder, facts
from tests.reconcile.core.test_settling import findings_of, guard, read_at

OWN = "the drain's canary order to be complete (order 7 was answered with 201 but its event is not in order.created)"
SEEN = {"answered_at": T0 + 33, "led": True, "open_transaction": False}


def silent(**changes: Any) -> RunBuilder:
    """Stops publishing in the outage for good: the orders 3 and 4 after it were acknowledged and have no event."""
    builder = (
        RunBuilder(facts=facts(**changes)).order(1, 1).order(2, 5).order(11, 12, event=False).order(12, 15, event=False)
    )
    builder.order(3, 24, event=False).order(4, 28, event=False)
    return builder.mark(m.DRAINED, complete=False, missing=[OWN], silence=SEEN)


def test_a_service_that_publishes_nothing_any_more_is_a_finding() -> None:
    judgement = read_at(silent(), 40)
    assert judgement.ruling.verdict is Verdict.INCONSISTENT
    assert judgement.ruling.exit_code == exit_codes.NOT_AS_EXPECTED
    assert judgement.counts["lost_events"] == 4
    assert judgement.ruling.reason == (
        f"4 orders were acknowledged and stored, but their events never reached Kafka: {NOTHING} (topic "
        "read until 19.0 s after the broker's return)"
    )
    drained = guard(judgement, "drain complete")
    assert drained.passed
    assert drained.casts.lost_events
    assert (
        drained.reason
        == f"{NOTHING}: no event of 2 orders acknowledged since then, and none of the drain's canary order"
    )
    causes = {one.cause for one in judgement.evidence}
    assert causes == {LostCause.SENT_WHILE_DOWN, LostCause.PUBLISHES_NOTHING}


@pytest.mark.parametrize(
    ("sent", "cause"), [(20.99, LostCause.SENT_WHILE_RETURNING), (21.0, LostCause.PUBLISHES_NOTHING)]
)
def test_the_silence_begins_with_the_order_sent_at_the_return(sent: float, cause: LostCause) -> None:
    judgement = read_at(silent().order(5, sent, event=False), 40)
    assert [one.cause for one in judgement.evidence][2] is cause


def without_delivery_timeout(builder: RunBuilder) -> None:
    builder.facts = replace(builder.facts, stack="external", delivery_timeout_s=None)
    builder.mark(m.DRAINED, silence=None)


DOUBTS: list[tuple[Callable[[RunBuilder], object], str]] = [
    (without_delivery_timeout, "--delivery-timeout is not given (Java's default is 120 s)"),
    (lambda s: s.mark(m.DRAINED, silence={**SEEN, "led": False}), "not every partition is known to have had a leader"),
    (lambda s: s.mark(m.DRAINED, silence={**SEEN, "led": None}), "not every partition is known to have had a leader"),
    (lambda s: s.mark(m.DRAINED, silence={**SEEN, "open_transaction": True}), "a transaction may have been open"),
    (lambda s: s.mark(m.DRAINED, silence={**SEEN, "open_transaction": None}), "a transaction may have been open"),
    (lambda s: s.mark(m.DRAINED, silence=None), "the drain has no canary order"),
    (lambda s: s.mark(m.DRAINED, missing=[OWN, "a backlog of 4 events"]), "the drain has no canary order"),
    (lambda s: s.mark(m.DRAINED, silence={**SEEN, "answered_at": T0 + 36}), "the topic was read 4 s after the last"),
    # Whatever it publishes since, it publishes something.
    (lambda s: s.mentioned(4), "records that do not count name 1 order acknowledged after the outage"),
]


@pytest.mark.parametrize(("change", "doubt"), DOUBTS)
def test_each_gap_in_that_proof_leaves_a_doubt_that_names_it(
    change: Callable[[RunBuilder], object], doubt: str
) -> None:
    builder = silent()
    change(builder)
    judgement = read_at(builder, 40)
    assert judgement.ruling.verdict is Verdict.INCONCLUSIVE
    assert judgement.ruling.exit_code == exit_codes.INCONCLUSIVE
    assert judgement.counts["lost_events"] == 0
    drained = guard(judgement, "drain complete")
    assert drained.failed
    assert drained.reason.startswith("the drain was cut short while waiting for the drain's canary order")
    assert "; 2 orders acknowledged since the outage, none with an event" in drained.reason
    assert f"it is not proven that the service publishes nothing any more: {doubt}" in drained.reason
    assert LostCause.PUBLISHES_NOTHING not in {one.cause for one in judgement.evidence}


@pytest.mark.parametrize(
    "change",
    [lambda s: s.events.append((3, 3, 24.5, 3)), lambda s: s.attempts.__setitem__(slice(4, 6), [])],
)
def test_an_event_since_or_no_order_since_is_no_silence_at_all(change: Callable[[RunBuilder], object]) -> None:
    builder = silent()
    change(builder)
    drained = guard(read_at(builder, 40), "drain complete")
    assert drained.failed
    assert "publishes nothing" not in drained.reason


PROVEN = PublishSilence(
    since=T0,
    acknowledged=1,
    delivered=0,
    named=0,
    last_at=T0 + 10,
    canary=True,
    led=True,
    open_transaction=False,
    delivery_s=3.0,
    settle_s=5.5,
    read_at=T0 + 18.5,
)


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ({}, None),
        ({"since": None}, "no outage was proven to be over"),
        ({"acknowledged": 0}, "no order was acknowledged after the outage"),
        ({"delivered": 1}, "it published 1 event of orders acknowledged after the outage"),
        ({"delivered": 2}, "it published 2 events of orders acknowledged after the outage"),
        ({"named": 1}, "records that do not count name 1 order acknowledged after the outage"),
        ({"named": 2}, "records that do not count name 2 orders acknowledged after the outage"),
        ({"delivery_s": None}, "--delivery-timeout is not given (Java's default is 120 s)"),
        ({"canary": False}, "the drain has no canary order that was stored and got no event"),
        ({"led": False}, "not every partition is known to have had a leader"),
        ({"led": None}, "not every partition is known to have had a leader"),
        ({"open_transaction": True}, "a transaction may have been open"),
        ({"open_transaction": None}, "a transaction may have been open"),
        ({"read_at": None}, "the topic was not read"),
        ({"last_at": None}, "the topic was not read"),
        (
            {"read_at": T0 + 18.4},
            "the topic was read 8.4 s after the last of them, less than delivery timeout and settle time, 8.5 s",
        ),
        (
            {"read_at": T0 + 9},
            "the topic was read 0 s after the last of them, less than delivery timeout and settle time, 8.5 s",
        ),
    ],
)
def test_each_gap_in_words(changes: dict[str, Any], gap: str | None) -> None:
    silence = replace(PROVEN, **changes)
    assert (lacking(silence), silence.proven) == (gap, gap is None)


def test_what_the_history_says_of_a_silence() -> None:
    """Orders 3 and 4 were acknowledged after the return at second 21, one more at that very moment."""
    seen = silence_of(findings_of(silent().order(5, 21, event=False)))
    assert (seen.since, seen.acknowledged, seen.last_at) == (T0 + 21, 3, T0 + 33)
    earlier = silence_of(findings_of(silent().mark(m.DRAINED, silence={**SEEN, "answered_at": T0 + 25})))
    assert earlier.last_at == pytest.approx(T0 + 28.02, abs=1e-5)
    never = silent()
    never.marks += [Mark(T0 + 29, m.INJECTING, 1, {}), Mark(T0 + 29.5, m.INJECTED, 1, {"down_edge": list(DOWN_EDGE)})]
    unknown = silence_of(findings_of(never))
    assert (unknown.since, unknown.acknowledged) == (None, 0)
