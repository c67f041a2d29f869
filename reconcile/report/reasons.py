"""Why events were lost or kept, and what to do about it, in the words of the pattern that the service follows."""

from typing import Final

from reconcile.history import History
from reconcile.judge import Judgement
from reconcile.verdict import Verdict
from reconcile.wording import some

ATTRIBUTIONS: Final = {
    "tagged": "tagged: each order's customer id names the run and the attempt",
    "exclusive": "exclusive: all rows and events since the start; nobody else may write",
    "acknowledged-only": "acknowledged-only: just the ids that answers told; other attempts stay unresolved",
}

_DUAL_WRITE = (
    "The service writes twice with nothing that makes the two writes atomic: it saves the order in PostgreSQL and "
    "publishes `order.created` to Kafka. The publish is no part of the database transaction, so while the broker "
    "cannot be reached the row is committed, the event is given up after the producer's delivery timeout, and the "
    "client may well have been told 201."
)
_PHANTOM = (
    "The service publishes `order.created` before its transaction is over, and what is published cannot be rolled "
    "back: when the transaction fails after that, the event tells of an order that does not exist. It needs no outage."
)
_OUTBOX = (
    "The service writes the event to an `outbox` table within the transaction that stores the order. Either both are "
    "there or neither is; a relay publishes what waits there as soon as the broker is back, at least once."
)


def root_cause(history: History, judgement: Judgement) -> str:
    """Return why the run went as it did."""
    verdict, counts = judgement.ruling.verdict, judgement.counts
    outbox = history.facts.service_variant == "outbox"
    if verdict is Verdict.INCONCLUSIVE:
        return "Unknown: the run proves neither loss nor its absence. The failed guards below say what was missing."
    if verdict is Verdict.CONSISTENT:
        return _OUTBOX if outbox else _ridden_out(judgement)
    if not counts["lost_events"]:
        other = "No event was lost; see the truth table for what contradicts the answers of the service."
        return _PHANTOM if counts["phantom_events"] else other
    if judgement.lost_outside == counts["lost_events"] and judgement.outages:
        return "No outage explains these losses: they were sent well away from any. Look for another bug."
    if outbox:
        return f"{_OUTBOX} Even so events are missing: the relay has dropped them. Look into its log."
    return _DUAL_WRITE


def _ridden_out(judgement: Judgement) -> str:
    if not judgement.outages:
        return "Nothing was broken, and nothing was lost."
    target = judgement.outages[0].target or "broker"
    none = "No event was lost in this outage. Without an outbox that is no guarantee:"
    if target != "broker":
        return f"{none} the service took no order while the {target} was away, or could publish all that it stored."
    return (
        f"{none} the producer held the events in memory until the broker was back, or the service refused the orders "
        "while it was away."
    )


def fix(history: History, judgement: Judgement) -> str:
    """Return what to do."""
    if history.facts.service_variant == "outbox":
        if judgement.ruling.verdict is Verdict.CONSISTENT:
            return "None needed: this is the Transactional Outbox pattern at work."
        return "Make the relay delete or mark an outbox row only after the broker has acknowledged its event."
    if judgement.ruling.verdict is Verdict.CONSISTENT and not judgement.outages:
        return "None needed."
    return (
        "Implement the Transactional Outbox pattern: write the event to an `outbox` table within the same database "
        "transaction as the order, and let a relay (a poller or change data capture) publish it, at least once."
    )


def made_anew(history: History) -> str:
    """Return what `lost-events.ndjson` holds."""
    return "Ready to be published again" if history.facts.like_reference else "The rows of the lost events"


def lost_rows_note(history: History, judgement: Judgement) -> str | None:
    """Return what `lost-events.ndjson` lacks: the events whose rows were gone when they were read for it."""
    if judgement.suspicion.lost_events or not judgement.counts["lost_events"]:
        return None
    if history.lost_rows is None:
        return "it is empty: what was kept of their rows is missing or damaged"
    gone = judgement.counts["lost_events"] - len(history.lost_rows)
    if gone <= 0:
        return None
    if history.facts.like_reference:
        return f"{some(gone, 'lost event')} could not be made anew: the rows were gone by then"
    return f"of {some(gone, 'lost event')} the rows were gone by then"
