"""Each guard: a run in which it must fire, and a near miss in which it must not."""

from chaos.run.command_line import texts_of
from contract.event import Why
from reconcile.judge.findings import GuardKind
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.guard_changes import (
    Change,
    answer_at,
    both,
    delayed,
    down_edge_at,
    drop_phase,
    end_that_fell,
    hanging_at,
    hanging_then_refused,
    long_hangs,
    lost_and_read_at,
    mentioned,
    nothing,
    one_lost,
    set_to,
    unanswered_at,
    unsent,
    worker_lost,
)
from tests.reconcile.core.run_builder import START_OFFSET, T0, facts

EVIDENCE, VACUITY = GuardKind
Case = tuple[str, GuardKind, Change, Change]
VOUCHED = texts_of({"vouch_topic_intact": True})
COMMAND = texts_of({"break_command": "systemctl stop broker"})

ALONE = set_to(facts=facts(attribution="exclusive"))
PHANTOM = set_to(facts=facts(scenario="phantom-event"))

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
    ("fault proven", VACUITY, long_hangs(3), long_hangs(2)),
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
        both(set_to(events_changes={"topic_id": None}), end_that_fell, one_lost),
        both(set_to(events_changes={"topic_id": None}, facts=facts(options=VOUCHED)), end_that_fell, one_lost),
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
