"""Why events or orders are missing, as far as facts show it, and what to do; the rest is called unknown."""

import re
from collections import Counter
from typing import Final

from reconcile.analysis.plural import some
from reconcile.analysis.truth_table import OUTCOMES
from reconcile.history.history import History
from reconcile.history.moments import Moment
from reconcile.history.service_log import Said
from reconcile.judge.judge import Judgement
from reconcile.judge.ruling import Verdict
from reconcile.report.sentences.losses import causes, proven_evidence
from reconcile.report.sentences.outages import outside
from reconcile.report.sentences.registry import sentence
from reconcile.report.text_format import capital
from runlog.facts import RunFacts
from settings.duration import format_duration

_DUAL_WRITES: Final = {
    "naive": "inserts the order, publishes its event, then commits, and ignores a publish that fails",
    "after-commit": "commits the order, then publishes its event, and ignores a publish that fails",
    "awaited": "commits the order, publishes its event, and waits for the broker's report before it answers",
    "raised": "inserts the order, publishes its event, and commits only after the broker's report",
}
_AGAIN: Final = "Repair what the failed guards name, and run the plan again."
_OUTBOX: Final = "outbox"
_TIMED_OUT: Final = "_MSG_TIMED_OUT"
_REASON: Final = re.compile(r"delivery failed \((\w+)\)")


def variant(facts: RunFacts) -> str | None:
    """Return how the service publishes; None where only its owner knows that."""
    return None if facts.stack == "external" else facts.service_variant


@sentence("fault", "scenario, fault, target, rate")
def fault(history: History, judgement: Judgement) -> str:
    """What the run was to break, under which load."""
    facts = history.facts
    load = f"while orders fall due at {facts.rate:g} orders/s"
    if facts.scenario == "lost-event":
        return f"{facts.scenario} ({facts.fault.of(facts.fault_target)} {load})"
    return f"{facts.scenario} (no fault {load})"


@sentence("infrastructure", "stack, service variant, topic, table")
def infrastructure(history: History, judgement: Judgement) -> str:
    """Which service was tested, with which table and topic."""
    facts = history.facts
    service = f"order service, variant {variant(facts)}" if variant(facts) else "order service"
    return (
        f"{facts.stack} stack: {service}; PostgreSQL table {facts.contract.table.name}; Kafka topic {facts.topic.name}"
        + (f"; outbox table {facts.contract.table.outbox}" if facts.contract.table.outbox else "")
    )


@sentence("root cause", "verdict, variant, fault, target, outcomes, the service's log, moments of the lost events")
def root_cause(history: History, judgement: Judgement) -> str:
    """Why events or orders are missing, or why none is, as far as that is known."""
    if judgement.ruling.verdict is Verdict.INCONCLUSIVE:
        return "Unknown: nothing is proven. The failed guards say what was missing."
    if judgement.ruling.verdict is Verdict.CONSISTENT:
        return _why_kept(history, judgement)
    counts = judgement.counts
    parts = [
        _why_lost(history, judgement) if counts["lost_events"] else "",
        _why_phantom(history, judgement) if counts["phantom_events"] else "",
        _why_no_row(history, judgement) if counts["lost_orders"] else "",
        _why_visible(judgement) if counts["visible_after_reject"] else "",
        f"Events published twice: {counts['published_twice']}. The run does not show why."
        if _only_duplicates(counts)
        else "",
    ]
    return " ".join([_how(history.facts), *(part for part in parts if part)])


@sentence("fix", "verdict, violations, variant")
def fix(history: History, judgement: Judgement) -> str:
    """What to do about what the run proves."""
    facts, counts = history.facts, judgement.counts
    how = variant(facts)
    if judgement.ruling.verdict is Verdict.INCONCLUSIVE:
        suspected = (
            ""
            if not counts["suspected_lost"]
            else (f" Whether the suspected events came after all: `python -m reconcile {facts.run_id} --look-again`.")
        )
        return f"None proposed: nothing is proven. {_AGAIN}{suspected}"
    if judgement.ruling.verdict is Verdict.CONSISTENT:
        if how in _DUAL_WRITES and judgement.outages:
            stronger = f"{facts.fault.effect.stronger} and in " if facts.fault.effect.stronger else ""
            return (
                f"This run needs no fix. A dual write ({how}) can still lose events in {stronger}other faults; an "
                f"outbox prevents that. {_THE_OUTBOX}"
            )
        return "This run needs no fix."
    parts = []
    if counts["lost_events"] and (how == _OUTBOX or facts.contract.table.outbox):
        parts.append("Find out where events leave the outbox without an acknowledgement of the broker: a relay must "
                     "delete or mark a row only after that.")  # fmt: skip
    elif counts["lost_events"]:
        condition = "" if how in _DUAL_WRITES else "If the service publishes outside the transaction of the order: "
        parts.append(condition + _THE_OUTBOX)
    if counts["phantom_events"]:
        named = any(_THE_OUTBOX in part for part in parts)
        parts += ["A rollback takes nothing back from Kafka.", *([] if named else [_THE_OUTBOX]),
                  "Publishing right after the commit is no fix: it loses events in an outage."]  # fmt: skip
    if counts["lost_orders"]:
        parts.append("Acknowledge an order only after its commit, and check that the database keeps what it committed.")
    if counts["visible_after_reject"]:
        parts.append("Reject an order only where nothing of it is stored or published.")
    return " ".join(parts) or "Publish each event under one event id, so that consumers can recognise a repetition."


_THE_OUTBOX: Final = (
    "Implement the transactional outbox pattern: write the event to an outbox table in the same database transaction "
    "as the order, and let a relay (a poller or change data capture) publish it, at least once."
)


_CODE: Final = """\
BEGIN;
INSERT INTO orders (id, ...) VALUES (...);
INSERT INTO outbox (order_id, payload) VALUES (...);
COMMIT;  -- both or neither; only now is the order acknowledged

-- The relay, over and over:
SELECT id, payload FROM outbox
ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED;
-- publish each, wait for the broker's acknowledgement, and only then:
DELETE FROM outbox WHERE id = ANY(...);
"""


@sentence("fix as code", "verdict, violations, variant")
def fix_code(history: History, judgement: Judgement) -> str:
    """The outbox in a few lines of SQL, where the fix names it; else empty."""
    return _CODE if _THE_OUTBOX in fix(history, judgement) else ""


def _why_kept(history: History, judgement: Judgement) -> str:
    table, outages = judgement.table, judgement.outages
    if not outages:
        return "Nothing was broken, and no event is missing."
    down = (judgement.moments == Moment.DOWN) & (table.attempt >= 0)
    stored = int((down & table.row).sum())
    of = some(int(down[: len(table.attempts)].sum()), "order")
    state = f"the {outages[0].target or 'target'} was proven {history.facts.fault.state}"
    sent = int(down[: len(table.attempts)].sum())
    text = f"Of {of} sent while {state}, {stored} have a row and its event"
    text += f", the other {sent - stored} neither" if sent > stored else ""
    late = judgement.counts["late_events"]
    text += f"; {some(late, 'event')} of the run came late." if late else "."
    warning = " A dual write does not guarantee that." if variant(history.facts) in _DUAL_WRITES else ""
    return f"{text} {_how(history.facts)}{warning}"


_HOW_OUTBOX: Final = (
    "The service (variant outbox) writes each event to its outbox table in the transaction of the order, and a relay "
    "publishes from there, at least once."
)


def _how(facts: RunFacts) -> str:
    """Return how the service publishes, as far as the harness knows."""
    how = variant(facts)
    if how == _OUTBOX:
        return _HOW_OUTBOX
    if how in _DUAL_WRITES:
        return (
            f"The service (variant {how}) {_DUAL_WRITES[how]}; the publish is no part of the database transaction (a "
            "dual write)."
        )
    return "The harness does not know how the service publishes."


def _why_lost(history: History, judgement: Judgement) -> str:
    facts = history.facts
    parts = [
        f"Stored orders without an event in topic {facts.topic.name}, as far as it was read: "
        f"{judgement.counts['lost_events']}.",
        _observed(history, judgement),
        _with_process(history, judgement),
    ]
    if facts.contract.table.outbox:
        parts.append(
            f"Table {facts.contract.table.outbox} does not hold them either. "
            "The run does not show why; see the service's log."
        )
    elif variant(facts) not in _DUAL_WRITES:
        parts.append("So the run does not show the cause.")
    apart = outside(history, judgement)
    parts.append(f"{capital(apart)}: look for another cause." if apart else "")
    return " ".join(part for part in parts if part)


def _observed(history: History, judgement: Judgement) -> str:
    """Return what was observed of the lost events, cause by cause."""
    parts = [causes(history, judgement)]
    reasons = Counter(
        match[1]
        for one in proven_evidence(judgement)
        if one.line and one.line.said is Said.EVENT_LOST and (match := _REASON.search(one.line.text))
    )
    limit = history.facts.delivery_timeout_s
    for reason, count in sorted(reasons.items()):
        after = f", its delivery timeout of {format_duration(limit)} over" if reason == _TIMED_OUT and limit else ""
        parts.append(f"{count} with the client's reason {reason}{after}")
    return "Observed: " + "; ".join(parts) + "."


def _with_process(history: History, judgement: Judgement) -> str:
    """Return how many lost events belong to requests under way when the service itself was stopped or killed."""
    facts = history.facts
    under_way = sum(one.in_flight for one in proven_evidence(judgement))
    if facts.fault_target != "service" or not facts.fault.ends_process or not under_way:
        return ""
    return f"The fault was a {facts.fault.of('service itself')}: {under_way} of these requests were under way in it."


def _why_phantom(history: History, judgement: Judgement) -> str:
    table, total = judgement.table, judgement.counts["phantom_events"]
    by_outcome = Counter(OUTCOMES[code] for code in table.outcome[table.phantom].tolist())
    whose = ", ".join(f"{name} {count}" for name, count in sorted(by_outcome.items()))
    text = f"Events in the topic without a row in {history.facts.contract.table.name}: {total} (by outcome: {whose})."
    if history.facts.scenario == "phantom-event" and by_outcome.get("provoked") == total:
        return (
            f"{text} The service published each of them before it rolled its transaction back, as this scenario asks "
            "for; a published event cannot be rolled back. Phantom events need no outage."
        )
    return f"{text} The run does not show why."


def _why_no_row(history: History, judgement: Judgement) -> str:
    facts = history.facts
    text = f"Acknowledged orders without a row in {facts.contract.table.name}: {judgement.counts['lost_orders']}"
    broken = f" (the run's fault: {facts.fault.of('database')})" if facts.fault_target == "database" else ""
    return f"{text}{broken if judgement.outages else ''}. The run does not show why."


def _why_visible(judgement: Judgement) -> str:
    table = judgement.table
    attempts = table.attempt[table.visible_after_reject]
    statuses = Counter(table.attempts["status"][attempts[attempts >= 0]].tolist())
    parts = ", ".join(f"{f'HTTP {code}' if code else 'refused'}: {count}" for code, count in sorted(statuses.items()))
    total = judgement.counts["visible_after_reject"]
    return f"Rejected orders that left a row or an event: {total} ({parts}). The run does not show why."


def _only_duplicates(counts: dict[str, int]) -> bool:
    return not any(counts[key] for key in ("lost_events", "phantom_events", "lost_orders", "visible_after_reject"))
