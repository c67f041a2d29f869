"""Contract guards: doubts about single orders, by a record, an answer or a change. Pure functions of the findings.

If one fails, what is proven of other orders stands (kind *vacuity*). Only a record that cannot be attributed may be the
event of any order, so such records bound how many events are lost (`lost_at_least`).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE
from contract.event import EventContract, Why
from contract.ids import among
from reconcile.analysis.counts import Suspicion
from reconcile.analysis.plural import some
from reconcile.analysis.truth_table import UNRECORDED, Table
from reconcile.history.history import History
from reconcile.history.id_texts import texts_of
from reconcile.history.joins import Bools, split_ids
from reconcile.judge.findings import (
    ALL_IN_DOUBT,
    EVENTS_IN_DOUBT,
    Findings,
    Guard,
    GuardKind,
    evidence,
    not_applicable,
    vacuity,
)

# Without a tag.
_UNKNOWN: Final = "is the event of an order that this run does not know"
# No header of an order has placeholders.
_KEYS: Final = ": put ${customer_id} into --order-body; a key in a header needs a locustfile of your own"
# The option that would settle a dispute, by why the record does not count; `{}` is the place that names the order.
_SETTLES: Final = {
    Why.OTHER_TYPE: "--event-filter says which records are events",
    Why.UNREADABLE: "--event-id {} may count it, if the tag is no part of the value",
    Why.NO_ID: "--event-id {} would count it",
    Why.KEY_DIFFERS: "--event-id {} would count it, whatever the key is",
    Why.OTHER_TAG: "--event-tag says where the customer id is",
    Why.NO_TAG: "--event-tag says where the customer id is",
}


def no_order_disputed(findings: Findings) -> Guard:
    """No record that does not count might be the event of an order."""
    name, history, table = "no order disputed", findings.history, findings.table
    disputed, phantoms = int(table.disputed.sum()), int(table.disputed_phantom.sum())
    event = history.facts.contract.event
    wrong = []
    if disputed:
        verb = "is" if disputed == 1 else "are"
        wrong.append(f"{some(disputed, 'stored order')} without an event {verb} disputed: {_first(history, table)}")
    if phantoms:
        wrong.append(
            f"{some(phantoms, 'event')} without a row {'carries' if phantoms == 1 else 'carry'} the customer id of an "
            "attempt that has a row under another order id"
            + _option(event, "; check --event-id and --orders-id-column")
        )
    moved = int((table.lost_order & table.moved).sum())
    if moved:
        wrong.append(
            f"{some(moved, 'acknowledged order')} {'has' if moved == 1 else 'have'} a row under another order id than "
            "the one that was returned" + _option(event, "; check --order-id")
        )
    if wrong:
        return vacuity(name, False, "; ".join(wrong))
    return vacuity(name, True, "no record that might be an event names an order without one")


def _first(history: History, table: Table) -> str:
    """Return the first record that names a disputed order: place, why it does not count, what would settle it."""
    mentions = history.events.mentions
    named = mentions[among(mentions, ids_where(table, table.disputed))]
    contract = history.facts.contract.event
    if not len(named):
        confirmation = history.confirmation
        if confirmation is not None and confirmation.disputed:
            first_disputed = confirmation.disputed[0]
            return f"the second look found {first_disputed.order_id} in {first_disputed.found}"
        text = "an event carries the customer id of its attempt under another order id"
        return text + _option(contract, "; check --event-id")
    first = named[np.lexsort((named["offset"], named["partition"]))[0]]
    why = Why(int(first["why"]))
    text = f"the record at partition {first['partition']}, offset {first['offset']} names one, but it "
    if why is Why.NO_TAG and contract.tag_place is None:
        text += _UNKNOWN + _option(contract, " (--event-id)")
    else:
        text += contract.explain(why)
    # `value` alone is no place that an option could name.
    places, settles = [place for place in history.events.named_at if place != "value"], _SETTLES.get(why)
    if contract.reference or settles is None or ("{}" in settles and not places):
        return text
    return f"{text}; {settles.format(*places)}"


def _option(contract: EventContract, text: str) -> str:
    """Return `text`, which names an option; empty for the reference contract, which no option changes."""
    return "" if contract.reference else text


def no_opaque_record(findings: Findings) -> Guard:
    """Every record of the range that might be an event can be attributed to an order."""
    name = "no opaque record"
    opaque, strangers = findings.history.events.opaque, _strangers(findings.history, findings.table)
    # Orders without an event, without another doubt about that.
    left = int((findings.table.lost & ~findings.table.alone).sum())
    if not opaque and not strangers:
        return vacuity(name, True, "every record that might be an event can be attributed to an order")
    parts = [f"{some(opaque, 'record')} of the topic {'names' if opaque == 1 else 'name'} no order"] if opaque else []
    if strangers:
        verb = "is" if strangers == 1 else "are"
        parts.append(f"{some(strangers, 'event')} {verb} of an order that this run does not know")
    text = " and ".join(parts)
    if not left:
        return vacuity(name, True, f"{text}, but no missing event could be one of them")
    bound = max(0, left - opaque - strangers)
    least = (
        f"of which at least {bound} {'is' if bound == 1 else 'are'} lost" if bound else "of which none is proven lost"
    )
    text += f", and may belong to {some(left, 'order')} without an event, {least}"
    event = findings.history.facts.contract.event
    if opaque and event.filter is None and not event.reference:
        text += "; --event-filter leaves out records that are no events"
    return replace(vacuity(name, False, text), casts=EVENTS_IN_DOUBT)


def opaque_bound(history: History, table: Table, guards: Iterable[Guard]) -> int | None:
    """Return how many records may each be the event of one order; None if another doubt decides, or there is none."""
    casting = [guard for guard in guards if guard.failed and guard.casts.lost_events]
    if [guard.name for guard in casting] != ["no opaque record"]:
        return None
    return history.events.opaque + _strangers(history, table)


def no_order_changed(findings: Findings) -> Guard:
    """The verification found no row or event of a violation that came or changed after the stores were read."""
    name, confirmation = "no order changed", findings.history.confirmation
    if confirmation is None or not confirmation.complete:
        return not_applicable(name, GuardKind.VACUITY, "no violation had a second look")
    if not confirmation.unsettled:
        return vacuity(name, True, "no order with a violation changed after the stores were read")
    first = confirmation.unsettled[0]
    text = (
        f"{some(len(confirmation.unsettled), 'order')} changed after the stores were read ({first.order_id}: "
        f"{first.found}); give a longer --settle"
    )
    return vacuity(name, False, text)


def ids_of_their_own(findings: Findings) -> Guard:
    """Each answer returned an order id of its own."""
    name, table = "answers return ids of their own", findings.table
    shared = int(table.shared.sum())
    if not shared:
        return evidence(name, True, "each answer returned an order id of its own", ALL_IN_DOUBT)
    which, count = np.unique(ids_where(table, table.shared), return_counts=True)
    most = int(np.argmax(count))
    returned = table.attempts[table.attempts["has_id"] != 0]
    hi, lo = split_ids(returned["order_id"])
    answers = int(((hi == which["hi"][most]) & (lo == which["lo"][most])).sum())
    order = texts_of(findings.history).one(int(which["hi"][most]), int(which["lo"][most]))
    whose = "the order id of a check order" if answers == 1 else "the same order id"
    event = findings.history.facts.contract.event
    text = (
        f"{some(answers, 'answer')} returned {whose}, {order}; if the service treats requests as repeats "
        "(idempotency), send another key with each order" + _option(event, _KEYS)
    )
    return evidence(name, False, text, ALL_IN_DOUBT)


def no_other_writer(findings: Findings) -> Guard:
    """In a run with exclusive attribution no order belongs to another client."""
    name, table = "no other writer", findings.table
    if findings.history.facts.attribution != EXCLUSIVE:
        return not_applicable(name, GuardKind.VACUITY, "orders are attributed by a tag or by acknowledged ids")
    strangers = table.unexplained
    if not strangers:
        return vacuity(name, True, "every order since the start belongs to an attempt")
    lost = int((table.lost & table.had(UNRECORDED)).sum())
    text = (
        f"{some(strangers, 'order')} since the start {'belongs' if strangers == 1 else 'belong'} to no attempt, so "
        "another client writes as well; --attribution acknowledged-only leaves such orders out"
    )
    if lost:
        text += f"; {some(lost, 'unrecorded order')} without an event {'is' if lost == 1 else 'are'} only suspected"
    return replace(vacuity(name, False, text), casts=Suspicion(lost_orders=True))


def ids_where(table: Table, mask: Bools) -> NDArray[np.void]:
    """Return the order ids of these cases as an array of IDS, ascending."""
    return np.sort(table.ids(mask))


def _strangers(history: History, table: Table) -> int:
    """Return how many events of an exclusive run belong to an unknown order: no tag says to which."""
    if history.facts.attribution != EXCLUSIVE or not table.unexplained:
        return 0
    return int((table.had(UNRECORDED) & table.event & ~table.row).sum())
