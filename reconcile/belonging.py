"""Evidence guards for a service that options describe: are they right? Each is a pure function of the findings.

A wrong option makes every event unreadable, every row invisible, or every id another one. That looks like a total loss
and is none. So where next to nothing fits, what rests on it is suspected only, and the reason says what was found.
"""

from typing import Final

import numpy as np

from reconcile.evidence import ALL_IN_DOUBT, EVENTS_IN_DOUBT
from reconcile.findings import Findings, Guard, Kind, evidence, not_applicable
from reconcile.history import Misfits, ids_of
from reconcile.joins import Ints, number_ids, split_ids, words
from reconcile.wording import some
from runlog.facts import RunFacts

_OPTIONS: Final = "--topic, --event-id, --event-filter and --event-tag"


def events_readable(findings: Findings) -> Guard:
    """Events of the run were read, and more than records that name its orders and are no event of it."""
    name, history = "events readable", findings.history
    events, rows, misfits = len(history.events.events), len(history.rows.rows), history.events.misfits
    if misfits is None:
        return not_applicable(name, Kind.EVIDENCE, "unknown: the records that are no event were not looked at")
    where = _where(history.facts)
    if not events and rows:
        order = history.facts.check_order
        proven = order is not None and order.event
        if misfits.naming or misfits.unreadable or misfits.untagged or not proven:
            found = _found(misfits) or "no record came at all, and the check order's event was never seen"
            text = f"no event of the run could be read ({where}): {found}; are {_OPTIONS} right?"
            return evidence(name, False, text, EVENTS_IN_DOUBT)
        text = f"the check order's event was read ({where}), and no record that could be one of the run came after it"
        return evidence(name, True, text, EVENTS_IN_DOUBT)
    lost = int(findings.table.lost.sum())
    overlooked = min(lost, round(misfits.naming / max(1, misfits.looked_at) * misfits.total))
    if overlooked > events:
        text = (
            f"only {some(events, 'event')} of the run could be read ({where}), while some {overlooked} records name "
            f"orders that seem lost: {_found(misfits)}; are {_OPTIONS} right?"
        )
        return evidence(name, False, text, EVENTS_IN_DOUBT)
    return evidence(name, True, f"{some(events, 'event')} of the run were read ({where})", EVENTS_IN_DOUBT)


def ids_belong_together(findings: Findings) -> Guard:
    """Table, topic and answers speak of the same orders."""
    name, history = "ids belong together", findings.history
    if history.facts.scenario == "phantom-event":
        return not_applicable(name, Kind.EVIDENCE, "this scenario makes events without rows")
    attempts = history.ledger.attempts
    told_hi, told_lo = split_ids(attempts["order_id"][attempts["has_id"] != 0])
    rows = np.concatenate([ids_of(history.rows.rows), history.rows.elsewhere])
    events = ids_of(history.events.events)
    hi = np.concatenate([words(rows, "hi"), words(events, "hi"), told_hi])
    lo = np.concatenate([words(rows, "lo"), words(events, "lo"), told_lo])
    numbers, count = number_ids(hi, lo)
    of_rows, of_events, of_answers = (
        _marked(part, count) for part in np.split(numbers, [len(rows), len(rows) + len(events)])
    )
    told, seen = int(of_answers.sum()), int(of_rows.sum())
    if told and not seen:
        text = (
            f"{some(told, 'order id')} told by answers, and no row of the run in {history.facts.orders_table}: are "
            "--orders-table and its columns right?"
        )
        return evidence(name, False, text, ALL_IN_DOUBT)
    pairs = (
        ("row", of_rows, "event", of_events, "--orders-id-column and --event-id"),
        ("row", of_rows, "answer", of_answers, "--orders-id-column and --order-id"),
        ("event", of_events, "answer", of_answers, "--event-id and --order-id"),
    )
    for one, these, other, those, options in pairs:
        least, both = min(int(these.sum()), int(those.sum())), int((these & those).sum())
        if 2 * both < least:
            text = (
                f"{some(int(these.sum()), one)} and {some(int(those.sum()), other)} share {some(both, 'order id')} "
                f"only: are {options} right?"
            )
            return evidence(name, False, text, ALL_IN_DOUBT)
    return evidence(name, True, "rows, events and answers speak of the same orders", ALL_IN_DOUBT)


def _marked(numbers: Ints, count: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    marks = np.zeros(count, dtype=np.bool_)
    marks[numbers] = True
    return marks


def _where(facts: RunFacts) -> str:
    """Return by which settings events were read."""
    parts = [f"id in {facts.event_id or 'value:orderId, with which the key agrees'}"]
    parts += [f"filter {facts.event_filter}"] if facts.event_filter else []
    if facts.attribution == "tagged":
        parts.append(f"customer id in {facts.event_tag or 'value:customerId'}")
    return ", ".join(parts)


def _found(misfits: Misfits) -> str:
    """Return what there was instead; empty when there was nothing."""
    told = [
        text
        for number, text in (
            (misfits.unreadable, f"{some(misfits.unreadable, 'record')} counted as no event"),
            (misfits.untagged, f"{some(misfits.untagged, 'event')} carried no customer id that could be read"),
        )
        if number
    ]
    if misfits.naming:
        places = ", ".join(f"{place} ({count})" for place, count in misfits.places.items())
        told.append(
            f"of {some(misfits.looked_at, 'record')} looked at {misfits.naming} name orders of the run: {places}"
        )
    return "; ".join(told)
