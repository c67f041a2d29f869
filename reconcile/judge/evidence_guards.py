"""Evidence guards: may a witness be incomplete? Each is a pure function of the findings.

If one fails, an absence in that witness proves nothing, so the lost events, phantom events or lost orders that rest on
it are only suspected.
"""

import math
from dataclasses import replace
from typing import Final

from health.state import is_back_in
from reconcile.analysis.counts import Equation
from reconcile.analysis.plural import numbered, some
from reconcile.analysis.probe_summary import effect_of, probe_series
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import EventsWitness
from reconcile.judge.findings import (
    ALL_IN_DOUBT,
    EVENTS_IN_DOUBT,
    NO_DOUBT,
    ROWS_IN_DOUBT,
    Findings,
    Guard,
    GuardKind,
    evidence,
    not_applicable,
)

_VOUCH: Final = "if you know that it is neither compacted nor re-created, give --vouch-topic-intact"


def recovery_proven(findings: Findings) -> Guard:
    """After each outage the target answered as before it, on each connection."""
    name = "recovery proven"
    if not findings.outages:
        return not_applicable(name, GuardKind.EVIDENCE, "no fault was injected")
    back = {o.index: o.up_edge for o in findings.outages if o.healed is not None and o.up_edge is not None}
    open_ones = [str(o.number) for o in findings.outages if o.index not in back]
    if open_ones:
        which = ", ".join(open_ones)
        text = f"outage {which}: the {findings.target} was never proven {findings.fault.back}"
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    silent = _not_back(findings)
    if silent:
        return evidence(name, False, silent, EVENTS_IN_DOUBT)
    last = findings.outages[-1]
    last_failure, first_answer = back[last.index]
    if findings.fault.effect.is_partial and last.healed is not None:
        first_answer = last.healed  # while it lasts it spares connections, so one answer does not end it
    gap = first_answer - last_failure
    again = f"{_as_usual(findings)}again after {some(len(findings.outages), 'outage')}"
    return evidence(
        name, True, f"the {findings.target} answered {again}; when is known to {gap:.3f} s", EVENTS_IN_DOUBT
    )


def _as_usual(findings: Findings) -> str:
    return "" if findings.fault.state == "down" else "as usual "


def _not_back(findings: Findings) -> str | None:
    """Return on which connection the target did not answer as before an outage; None when it did on each."""
    effect, series = effect_of(findings.history), probe_series(findings.history)
    ends = [*(outage.begin for outage in findings.outages[1:]), math.inf]
    for outage, end in zip(findings.outages, ends, strict=True):
        healing = outage.edges[2]
        for one in series:
            # A probe that hung until the target was healed counts as answered after that.
            if not is_back_in(effect, [probe for probe in one.results if healing <= probe.answered <= end]):
                again = f"was not observed to answer {_as_usual(findings)}again{one.where}"
                return f"outage {outage.number}: the {findings.target} {again}"
    return None


def end_of_topic_reached(findings: Findings) -> Guard:
    """Every partition was read up to the end that it had after the drain."""
    name, events = "end of topic reached", findings.history.events
    if not events.complete:
        return evidence(name, False, f"Kafka was not read to the end: {events.problem}", EVENTS_IN_DOUBT)
    short = {p: end - events.reached.get(p, 0) for p, end in events.ends.items() if events.reached.get(p, 0) < end}
    if short:
        text = f"not read: {some(sum(short.values()), 'record')} of {numbered(short)}"
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    unread = set(findings.history.facts.topic.starts) - set(events.ends)
    if unread:
        text = f"{numbered(unread)} {'was' if len(unread) == 1 else 'were'} not read"
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    records = sum(end - events.starts.get(p, 0) for p, end in events.ends.items())
    return evidence(
        name, True, f"all {records} offsets in {some(len(events.ends), 'partition')} were read", EVENTS_IN_DOUBT
    )


def topic_intact(findings: Findings) -> Guard:
    """The topic is still that of the start, and no record of the run was removed at either end."""
    name, events, topic = "topic not truncated or re-created", findings.history.events, findings.history.facts.topic
    if topic.topic_id and events.topic_id and topic.topic_id != events.topic_id:
        return evidence(
            name, False, f"topic {topic.name} was deleted and created again during the run", EVENTS_IN_DOUBT
        )
    if not events.ends:
        return evidence(name, False, "unknown: the topic was not read", EVENTS_IN_DOUBT)
    behind = {p for p, start in topic.starts.items() if events.lows.get(p, 0) > start}
    if behind:
        text = f"the log of {numbered(behind)} begins after the start of the run: records were deleted"
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    highest, _ = _ends_observed(findings)
    cut = {p for p, end in highest.items() if events.ends.get(p, end) < end}
    if cut:
        text = f"the log of {numbered(cut)} is shorter than before: records were cut off"
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    if findings.table.lost.any() and not findings.vouched:
        doubt = _compaction_doubt(events, topic.name) or _recreation_doubt(findings)
        if doubt is not None:
            return evidence(name, False, doubt, EVENTS_IN_DOUBT)
    return evidence(name, True, f"no partition lost a record, {_same_topic(findings)}", EVENTS_IN_DOUBT)


def _ends_observed(findings: Findings) -> tuple[dict[int, int], set[int]]:
    """Return the highest end that each partition had at the start or since, and the partitions whose end fell."""
    highest, fell = dict(findings.history.facts.topic.starts), set[int]()
    for seen in findings.history.observations:
        for partition, end in (seen.ends or {}).items():
            if end < highest.setdefault(partition, end):
                fell.add(partition)
            highest[partition] = max(end, highest[partition])
    return highest, fell


def _compaction_doubt(events: EventsWitness, topic: str) -> str | None:
    """Return why an event that seems lost may have been compacted away; None when it was not.

    If each offset has a record, none was removed, whatever the topic's configuration.
    """
    if events.skipped == 0 or events.compacted is False:
        return None
    holes = (
        f"{some(events.skipped, 'offset')} of the range without a record"
        if events.skipped
        else "offsets were not counted"
    )
    if events.compacted:
        return f"topic {topic} is compacted: a later record may have removed an event that seems lost ({holes})"
    return (
        f"unknown whether topic {topic} is compacted, so an event that seems lost may have been removed ({holes}): "
        f"{events.settings_problem or 'its settings were not read'}; {_VOUCH}"
    )


def _recreation_doubt(findings: Findings) -> str | None:
    """Return why the topic may have been re-created; None when its id, or ends that never fell, exclude it."""
    topic, events = findings.history.facts.topic, findings.history.events
    if topic.topic_id and events.topic_id:
        return None
    _, fell = _ends_observed(findings)
    unseen = set(topic.starts).difference(*(seen.ends or {} for seen in findings.history.observations))
    if not (unseen or fell):
        return None
    why = f"the end of {numbered(fell)} fell" if fell else f"no end of {numbered(unseen)} was observed"
    return (
        f"unknown whether topic {topic.name} was re-created during the run: the broker reports no topic id and {why}; "
        f"{_VOUCH}"
    )


def _same_topic(findings: Findings) -> str:
    topic, events = findings.history.facts.topic, findings.history.events
    if topic.topic_id and events.topic_id:
        return "the topic id is unchanged"
    if findings.vouched:
        return "the broker reports no topic id, --vouch-topic-intact says that it is the same"
    return "the broker reports no topic id, and its ends never fell"


def snapshot_complete(findings: Findings) -> Guard:
    """PostgreSQL was read to the end of one snapshot."""
    name, rows = "snapshot complete", findings.history.rows
    if not rows.complete:
        return evidence(name, False, f"PostgreSQL was not read completely: {rows.problem}", ROWS_IN_DOUBT)
    return evidence(name, True, f"{some(len(rows.rows), 'row')} of the run in one snapshot", ROWS_IN_DOUBT)


def violations_confirmed(findings: Findings) -> Guard:
    """The verification found each violation again, another way."""
    return confirmed_by(findings.history.confirmation)


def confirmed_by(confirmation: Confirmation | None) -> Guard:
    """Return the guard `violations confirmed` for the result of a verification."""
    name = "violations confirmed"
    if confirmation is None:
        return not_applicable(name, GuardKind.EVIDENCE, "no violation had a second look")
    if confirmation.refuted:
        first = confirmation.refuted[0]
        text = (
            f"the harness is wrong about {some(len(confirmation.refuted), 'order')}: for {first.order_id} it "
            f"reported {first.said}; the second look found {first.found}"
        )
        return replace(evidence(name, False, text, ALL_IN_DOUBT), harness_wrong=True)
    if not confirmation.complete:
        text = f"the second look at the violations failed: {confirmation.problem}"
        return evidence(name, False, text, ALL_IN_DOUBT)
    again = confirmation.eligible - len(confirmation.unsettled) - len(confirmation.disputed)
    found = "all" if again == confirmation.eligible else f"{again} of"
    verb = "is" if confirmation.eligible == 1 else "are"
    text = f"{found} {some(confirmation.eligible, 'order')} {verb} as reported, by SQL and a plain consumer too"
    return evidence(name, True, text, ALL_IN_DOUBT)


def events_readable(findings: Findings) -> Guard:
    """Events were read, or the check order proved that they can be."""
    order, events = findings.history.facts.check_order, len(findings.history.events.events)
    passed = bool(events) or not len(findings.history.rows.rows) or (order is not None and order.event)
    text = (
        f"events of the run that were read: {events}"
        if passed
        else "no event of the run was read, and the event of the check order was not found: are --topic, --event-id, "
        "--event-filter and --event-tag right?"
    )
    return evidence("events readable", passed, text, EVENTS_IN_DOUBT)


def rows_readable(findings: Findings) -> Guard:
    """Rows were read, or the check order proved that they can be."""
    facts, read = findings.history.facts, findings.history.rows
    order, rows = facts.check_order, len(read.rows) + len(read.elsewhere)
    passed = bool(rows) or (order is not None and order.row)
    text = (
        f"rows of the run that were read: {rows}"
        if passed
        else "no row of the run was read, and the row of the check order was not found: are --orders-table "
        f"({facts.contract.table.name}) and its columns right?"
    )
    return evidence("rows readable", passed, text, ROWS_IN_DOUBT)


def conservation(equations: list[Equation]) -> Guard:
    """The counts add up. When they do not, the harness is wrong, not the service."""
    broken = [f"{e.text}: {e.left} is not {e.right}" for e in equations if not e.holds]
    if broken:
        text = "the counts do not add up: " + "; ".join(broken)
        return replace(evidence("conservation", False, text, NO_DOUBT), harness_wrong=True)
    return evidence("conservation", True, f"all {len(equations)} equations between the counts hold", NO_DOUBT)
