"""Each guard: a run in which it must fire, a near miss in which it must not, and one to which it does not apply."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from chaos.run.command_line import texts_of
from contract.event import Why
from health.replies import HANGING, How
from reconcile.analysis.counts import Equation
from reconcile.history.history import History
from reconcile.judge.evidence_guards import conservation
from reconcile.judge.findings import Guard, GuardKind
from reconcile.judge.guards import GUARDS
from reconcile.judge.judge import judge
from runlog import exit_codes
from runlog import marks as m
from runlog.marks import Mark
from runlog.offsets import Observation
from runlog.outcomes import Outcome
from tests.e2e.harness import CHECKOUT
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts

EVIDENCE, VACUITY = GuardKind
Change = Callable[[RunBuilder], object]
Case = tuple[str, GuardKind, Change, Change]
VOUCHED = texts_of({"vouch_topic_intact": True})
COMMAND = texts_of({"break_command": "systemctl stop broker"})


def calm() -> RunBuilder:
    return RunBuilder().calm()


def guard_of(builder: RunBuilder, name: str) -> Guard:
    return next(guard for guard in judge(builder.history()).guards if guard.name == name)


def answer_at(at: float) -> Change:
    def change(builder: RunBuilder) -> None:
        kept = [seen for seen in builder.monitor() if abs(seen.asked - T0 - at) > 0.01]
        ends = {0: START_OFFSET + 2}
        builder.observations = sorted([*kept, Observation(T0 + at, T0 + at + 0.004, ends)], key=lambda seen: seen.asked)

    return change


def unanswered_at(at: float, count: int) -> Change:
    """Leave `count` questions in a row unanswered from second `at` on."""

    def change(builder: RunBuilder) -> None:
        seen = builder.monitor()
        first = round(at * 10)
        for place in range(first, first + count):
            seen[place] = Observation(seen[place].asked, seen[place].asked + 0.054, None, "no answer")
        builder.observations = seen

    return change


def hanging_at(at: float, count: int, last: How = HANGING) -> Change:
    """Let `count` questions in a row on each connection hang from second `at` on, the last one end as `last`."""

    def change(builder: RunBuilder) -> None:
        unanswered_at(at, count)(builder)
        seen = builder.history().probe_results
        failed = [one.asked for one in seen if not one.ok and one.asked - T0 < at + count / 10]
        hows = {**dict.fromkeys(failed, HANGING), failed[-1]: last}
        builder.probe_results = [replace(one, how=hows.get(one.asked, one.how)) for one in seen]

    return change


def hanging_then_refused(builder: RunBuilder) -> None:
    """Let three questions in a row hang, and later in the baseline have five refused."""
    hanging_at(2.0, 3)(builder)
    builder.probe_results = [
        replace(one, how="refused") if 6.0 <= one.asked - T0 < 6.45 else one for one in builder.probe_results or []
    ]


def one_lost(builder: RunBuilder) -> None:
    builder.order(7, 12, event=False)


def end_that_fell(builder: RunBuilder) -> None:
    """Let the end of the topic be observed once below where it was before, and above it again."""
    seen = builder.monitor()
    seen[50] = replace(seen[50], ends={0: START_OFFSET + 1})
    seen[51] = replace(seen[51], ends={0: START_OFFSET})
    builder.observations = seen


def mentioned(number: int, why: Why = Why.NO_ID, *, event: bool = False) -> Change:
    """Store an order, and let a record name it that is not its event."""
    return lambda builder: builder.order(number, 5, event=event).mentioned(number, why)


def down_edge_at(at: float) -> Change:
    return lambda builder: builder.mark(m.INJECTED, down_edge=[T0 + at - 0.1, T0 + at])


def delayed(count: int, of: int, by: float) -> Change:
    """Send `of` more orders in the baseline, the first `count` of them `by` seconds after they were due."""

    def change(builder: RunBuilder) -> None:
        for seq in range(of):
            builder.order(seq, 2 + seq / 100)
        for place, attempt in enumerate(builder.attempts):
            if attempt[6] < count:
                late = (*attempt[:7], attempt[7] - by, *attempt[8:])
                builder.attempts[place] = late

    return change


def unsent(count: int, sent: int, at: float) -> Change:
    def change(builder: RunBuilder) -> None:
        for seq in range(count):
            builder.not_sent(seq, at)
        for seq in range(count, count + sent):
            builder.order(seq, at, row=False, event=False, outcome=Outcome.REJECTED)

    return change


def set_to(**attributes: object) -> Change:
    def change(builder: RunBuilder) -> None:
        for name, value in attributes.items():
            setattr(builder, name, value)

    return change


def both(*changes: Change) -> Change:
    return lambda builder: [change(builder) for change in changes]


def drop_phase(first: float, last: float) -> Change:
    """Turn the acknowledgements of a stretch into errors."""

    def change(builder: RunBuilder) -> None:
        builder.attempts = [
            (*a[:1], Outcome.AMBIGUOUS, 500, *a[3:]) if first <= a[8] - T0 < last else a for a in builder.attempts
        ]

    return change


def lost_and_read_at(second: float) -> Change:
    """Lose one event and take the end of the topic at this second; the last answer comes at 28.02."""

    def change(builder: RunBuilder) -> None:
        builder.order(7, 12, event=False)
        builder.events_changes["read_at"] = T0 + second

    return change


def nothing(builder: RunBuilder) -> None:
    """Leave the run as it is."""


def worker_lost(builder: RunBuilder) -> None:
    builder.facts = facts(workers=2)
    builder.mark_late(m.WORKER_LOST, 12)


ALONE = set_to(facts=facts(attribution="exclusive"))
PHANTOM = set_to(facts=facts(scenario="phantom-event"))
FAULTLESS = facts(scenario="control")

# name, kind, what fires it, what nearly does
CASES: list[Case] = [
    ("fault proven", VACUITY, lambda s: s.without(m.INJECTED), nothing),
    ("fault proven", VACUITY, lambda s: s.mark(m.INJECTED, down_edge=None), nothing),
    # Away already before it was broken: by its own edge, or three questions in a row in the baseline.
    ("fault proven", VACUITY, down_edge_at(9.9), down_edge_at(10.0)),
    ("fault proven", VACUITY, unanswered_at(3.0, 3), unanswered_at(3.0, 2)),
    ("fault proven", VACUITY, unanswered_at(9.6, 4), unanswered_at(9.8, 5)),
    # A machine that stands still for a while is no target that is down; a refusal is no stall.
    ("fault proven", VACUITY, hanging_at(3.0, 31), hanging_at(3.0, 30)),
    ("fault proven", VACUITY, hanging_at(8.9, 11), hanging_at(9.0, 10)),
    ("fault proven", VACUITY, hanging_at(3.0, 10, last="refused"), hanging_at(3.0, 3)),
    ("fault proven", VACUITY, hanging_then_refused, hanging_at(2.0, 3)),
    ("fault held", VACUITY, answer_at(15.0), answer_at(10.4)),
    ("fault held", VACUITY, answer_at(19.9), answer_at(20.1)),
    ("fault held", VACUITY, set_to(observations=[]), nothing),
    ("fault held", VACUITY, lambda s: s.without(m.INJECTED), nothing),
    ("recovery proven", EVIDENCE, lambda s: s.without(m.HEALED), nothing),
    ("recovery proven", EVIDENCE, lambda s: s.mark(m.HEALED, up_edge=None), nothing),
    ("load went on", VACUITY, unsent(20, 100, 15), unsent(10, 100, 15)),
    ("load went on", VACUITY, unsent(5, 0, 15), unsent(50, 0, 5)),
    ("offered rate held", VACUITY, unsent(3, 100, 5), unsent(2, 100, 5)),
    ("offered rate held", VACUITY, delayed(11, 200, 0.3), delayed(10, 200, 0.3)),
    ("offered rate held", VACUITY, delayed(60, 200, 0.26), delayed(60, 200, 0.2494)),
    ("offered rate held", VACUITY, set_to(ledger_changes={"missing": 1}), nothing),
    ("acknowledgements before and after", VACUITY, drop_phase(0, 10), drop_phase(0, 2)),
    ("acknowledgements before and after", VACUITY, drop_phase(21, 40), drop_phase(10, 21)),
    ("drain complete", EVIDENCE, lambda s: s.mark(m.DRAINED, complete=False, missing=["2 requests"]), nothing),
    ("drain complete", EVIDENCE, lambda s: s.without(m.DRAINED), nothing),
    ("publish horizon passed", EVIDENCE, lost_and_read_at(31.0), lost_and_read_at(31.1)),
    ("end of topic reached", EVIDENCE, set_to(events_changes={"reached": {0: START_OFFSET + 5}}), nothing),
    ("end of topic reached", EVIDENCE, set_to(events_changes={"complete": False, "problem": "cut"}), nothing),
    (
        "end of topic reached",
        EVIDENCE,
        set_to(events_changes={"ends": {1: 5}, "reached": {1: 5}}),
        set_to(events_changes={"reached": {0: START_OFFSET + 7}}),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        set_to(events_changes={"lows": {0: START_OFFSET + 1}}),
        set_to(events_changes={"lows": {0: START_OFFSET}}),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        set_to(events_changes={"topic_id": "topic-2"}),
        set_to(events_changes={"topic_id": None}),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        set_to(events_changes={"ends": {0: START_OFFSET + 5}, "reached": {0: START_OFFSET + 5}}),
        set_to(events_changes={"ends": {0: START_OFFSET + 6}, "reached": {0: START_OFFSET + 6}}),
    ),
    ("topic not truncated or re-created", EVIDENCE, set_to(events_changes={"ends": {}}), nothing),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        both(set_to(events_changes={"compacted": True, "skipped": 1}), lambda s: s.order(7, 12, event=False)),
        set_to(events_changes={"compacted": True, "skipped": 1}),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        both(
            set_to(events_changes={"compacted": None, "settings_problem": "no permission", "skipped": 2}),
            lambda s: s.order(7, 12, event=False),
        ),
        # A record at every offset proves that none was removed, whatever the broker says of its configuration.
        both(set_to(events_changes={"compacted": None, "skipped": 0}), lambda s: s.order(7, 12, event=False)),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        both(
            set_to(events_changes={"compacted": None, "skipped": 2}),
            lambda s: s.order(7, 12, event=False),
        ),
        both(
            set_to(events_changes={"compacted": None, "skipped": 2}, facts=facts(options=VOUCHED)),
            lambda s: s.order(7, 12, event=False),
        ),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        both(set_to(events_changes={"topic_id": None}, observations=[]), lambda s: s.order(7, 12, event=False)),
        both(set_to(events_changes={"topic_id": None}), lambda s: s.order(7, 12, event=False)),
    ),
    (
        "topic not truncated or re-created",
        EVIDENCE,
        both(set_to(events_changes={"topic_id": None}), end_that_fell, lambda s: s.order(7, 12, event=False)),
        both(end_that_fell, lambda s: s.order(7, 12, event=False)),
    ),
    (
        "broker keeps what it acknowledged",
        EVIDENCE,
        both(set_to(events_changes={"write_caching": True}, facts=facts(fault="kill")), one_lost),
        both(set_to(events_changes={"write_caching": False}, facts=facts(fault="kill")), one_lost),
    ),
    (
        "broker keeps what it acknowledged",
        EVIDENCE,
        both(set_to(events_changes={"write_caching": None}, facts=facts(fault="kill")), one_lost),
        both(set_to(events_changes={"write_caching": None}, facts=facts(fault="kill", options=VOUCHED)), one_lost),
    ),
    (
        "broker keeps what it acknowledged",
        EVIDENCE,
        both(set_to(events_changes={"write_caching": True}, facts=facts(options=COMMAND)), one_lost),
        both(set_to(events_changes={"write_caching": None}, facts=facts(options=COMMAND)), one_lost),
    ),
    (
        "broker keeps what it acknowledged",
        EVIDENCE,
        both(set_to(events_changes={"write_caching": True}, facts=facts(fault="kill", options=VOUCHED)), one_lost),
        set_to(events_changes={"write_caching": True}, facts=facts(fault="kill")),
    ),
    ("snapshot complete", EVIDENCE, set_to(rows_changes={"complete": False, "problem": "refused"}), nothing),
    ("ledger complete", VACUITY, set_to(ledger_changes={"closed": False}), lambda s: s.not_sent(5, 5)),
    ("ledger complete", VACUITY, set_to(ledger_changes={"torn_bytes": 3}), lambda s: s.unanswered(5, 5)),
    ("ledger complete", VACUITY, lambda s: s.stored(7, 7), lambda s: s.order(7, 5)),
    ("no worker lost", VACUITY, worker_lost, set_to(facts=facts(workers=2))),
    ("orders attributable", VACUITY, lambda s: s.stored(7, None), lambda s: s.stored(7, 7)),
    ("orders attributable", VACUITY, lambda s: s.published(7, None), lambda s: s.published(7, 7)),
    ("orders attributable", VACUITY, lambda s: s.published(7, None), lambda s: s.stored(7, 7).published(7, None)),
    ("no order disputed", VACUITY, mentioned(7), mentioned(7, event=True)),
    ("no order disputed", VACUITY, mentioned(7), mentioned(7, Why.TOMBSTONE)),
    ("no order disputed", VACUITY, mentioned(7), both(mentioned(7), set_to(pending=[7]))),
    ("no order disputed", VACUITY, lambda s: s.stored(7, 7).published(8, 7), lambda s: s.published(8, 7)),
    (
        "no order disputed",
        VACUITY,
        lambda s: s.order(7, 5, event=False).published(8, 7),
        lambda s: s.order(7, 5, event=False).stored(8, 7).published(8, 7),
    ),
    ("no order disputed", VACUITY, lambda s: s.order(7, 5, answered_id=50), lambda s: s.order(7, 5)),
    (
        "no opaque record",
        VACUITY,
        both(set_to(events_changes={"opaque": 2}), lambda s: s.order(7, 5, event=False)),
        both(set_to(events_changes={"opaque": 2}), mentioned(7)),
    ),
    (
        "no opaque record",
        VACUITY,
        both(ALONE, lambda s: s.stored(7, None).published(8, None).order(9, 5, event=False)),
        both(ALONE, lambda s: s.stored(7, None).stored(8, None).published(8, None).order(9, 5, event=False)),
    ),
    (
        "answers return ids of their own",
        EVIDENCE,
        lambda s: s.order(7, 5).order(8, 5, answered_id=7, row=False, event=False),
        lambda s: s.order(7, 5).order(8, 5, row=False, event=False),
    ),
    (
        "no other writer",
        VACUITY,
        both(ALONE, lambda s: s.stored(7, None)),
        both(ALONE, lambda s: s.stored(7, None).order(7, 5, Outcome.AMBIGUOUS, row=False, event=False)),
    ),
    ("orders attributable", VACUITY, lambda s: s.stored(7, 7).published(7, 8), lambda s: s.stored(7, 8)),
    (
        "backlog empty",
        VACUITY,
        both(set_to(facts=facts(outbox_table="outbox"), pending=[7]), lambda s: s.order(7, 5, event=False)),
        both(set_to(facts=facts(outbox_table="outbox"), pending=[7]), lambda s: s.order(7, 5)),
    ),
    ("clock steady", VACUITY, lambda s: s.mark(m.ENDED, wall_step=0.51), lambda s: s.mark(m.ENDED, wall_step=0.5)),
    ("clock steady", VACUITY, lambda s: s.mark(m.ENDED, wall_step=-3), lambda s: s.mark(m.ENDED, wall_step=-0.5)),
    ("plan completed", VACUITY, lambda s: s.without(m.RECOVERY), lambda s: s.without(m.STARTED)),
    ("plan completed", VACUITY, lambda s: s.without(m.ENDED), nothing),
    ("plan completed", VACUITY, lambda s: s.without(m.HEALING), nothing),
    (
        "plan completed",
        VACUITY,
        set_to(facts=facts(options={"outages": "2"})),
        set_to(facts=facts(options={"outages": "1"})),
    ),
    (
        "plan completed",
        VACUITY,
        lambda s: s.marks.append(Mark(T0 + 34, m.INTERRUPTED, None, {"reason": "SIGINT", "exit_code": 130})),
        nothing,
    ),
    (
        "phantoms provoked",
        VACUITY,
        both(PHANTOM, lambda s: s.order(7, 5, Outcome.PROVOKED, row=False, event=False)),
        both(PHANTOM, lambda s: s.order(7, 5, Outcome.PROVOKED, row=False)),
    ),
]


@pytest.mark.parametrize(("name", "kind", "fires", "nearly"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_fires_and_nearly_fires(name: str, kind: GuardKind, fires: Change, nearly: Change) -> None:
    broken, close = calm(), calm()
    fires(broken)
    nearly(close)
    fired, passed = guard_of(broken, name), guard_of(close, name)
    assert (fired.kind, fired.applies, fired.passed) == (kind, True, False), fired.reason
    assert (passed.applies, passed.passed) == (True, True), passed.reason
    assert fired.reason and "\n" not in fired.reason


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fault proven", set_to(facts=FAULTLESS)),
        ("fault held", set_to(facts=FAULTLESS)),
        ("load went on", set_to(facts=FAULTLESS)),
        ("recovery proven", lambda s: s.without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)),
        ("acknowledgements before and after", set_to(facts=facts(scenario="phantom-event"))),
        ("orders attributable", set_to(facts=facts(attribution="exclusive"))),
        ("no other writer", nothing),
        ("no order changed", nothing),
        ("phantoms provoked", nothing),
        ("backlog empty", nothing),
        ("no worker lost", lambda s: s.mark_late(m.WORKER_LOST, 12)),
        ("clock steady", lambda s: s.mark(m.ENDED, wall_step=None)),
        ("clock steady", lambda s: s.without(m.ENDED)),
        ("publish horizon passed", nothing),
    ],
)
def test_does_not_apply(name: str, change: Change) -> None:
    builder = calm()
    change(builder)
    guard = guard_of(builder, name)
    assert (guard.applies, guard.passed, guard.failed) == (False, None, False)


def test_a_calm_run_passes_every_guard() -> None:
    judgement = judge(calm().history())
    assert [guard.name for guard in judgement.guards if guard.failed] == []
    assert len({guard.name for guard in judgement.guards}) == len(judgement.guards) == len(GUARDS) + 1


def test_each_guard_of_the_list_is_tripped_by_a_case() -> None:
    listed = {guard.name for guard in judge(calm().history()).guards}
    assert listed - {name for name, *_ in CASES} == {
        "conservation",
        "phantoms rolled back",  # test_rollback.py
        "violations confirmed",  # tests/reconcile/verify
        "no order changed",  # tests/reconcile/verify
    }


def test_the_docs_list_each_guard_in_the_order_of_the_reports() -> None:
    builder = calm()
    builder.facts = facts(stack="external")
    docs = (CHECKOUT / "docs" / "verdicts.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (evidence|vacuity) \|", docs, re.MULTILINE)
    assert rows == [(guard.name, guard.kind.value) for guard in judge(builder.history()).guards]


def test_conservation_near_miss() -> None:
    right, wrong = Equation("a = b", 3, 3), Equation("a = b", 3, 4)
    assert conservation([right, right]).passed
    assert conservation([right, wrong]).failed
    assert "3 is not 4" in conservation([wrong]).reason


def twice_the_same_row(history: History) -> History:
    rows = history.rows
    return replace(history, rows=replace(rows, rows=np.concatenate([rows.rows, rows.rows[:1]])))


def test_a_row_read_twice_breaks_conservation() -> None:
    """The harness is wrong then, and says so: inconclusive, exit 2."""
    ruling = judge(twice_the_same_row(calm().history())).ruling
    assert (ruling.verdict.value, ruling.exit_code) == ("inconclusive", exit_codes.USAGE_OR_CRASH)
    assert "conservation" in ruling.reason
