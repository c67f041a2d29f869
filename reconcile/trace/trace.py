"""The trace of one order: what happened when, as which witness recorded it, and how it was judged. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from contract.order_id import encode_text, parse_uuid
from contract.run_key import RunKey
from reconcile.analysis.late_events import append_brackets
from reconcile.analysis.truth_table import OUTCOMES, UNRECORDED
from reconcile.history.confirmation import Confirmation
from reconcile.history.history import History
from reconcile.history.moments import Moment
from reconcile.judge.judge import Judgement
from runlog import marks as m
from runlog.ledger import Phase
from runlog.outcomes import Failure

_MARKS: Final = {
    m.INJECTING: "the fault is being injected",
    m.INJECTED: "the target is proven {state}",
    m.HEALING: "the target is being healed",
    m.HEALED: "the target is proven {back}",
}


AROUND_S: Final = 30.0
"""Marks at most this long before the first step or after the last one are part of the trace."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: epoch seconds (None: not known), who recorded it, and what."""

    at: float | None
    witness: str
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one case of the truth table.

    Attributes:
        order_id: None when no witness has one.
        steps: what happened, in order; those without a time last.
    """

    order_id: str | None
    facts: dict[str, Any]
    steps: list[Step]


def find_cases(history: History, judgement: Judgement, wanted: int | str) -> list[int]:
    """Return the cases of an order id or customer id (a text, any usual spelling), or of a sequence number."""
    table = judgement.table
    if isinstance(wanted, int):
        return np.flatnonzero(table.seq == np.uint64(wanted)).tolist()
    identity = encode_text(history.facts.contract.id_kind, wanted)
    if identity is not None:
        hi, lo = np.uint64(int.from_bytes(identity[:8])), np.uint64(int.from_bytes(identity[8:]))
        found: list[int] = np.flatnonzero(table.known & (table.hi == hi) & (table.lo == lo)).tolist()
        if found:
            return found
    customer = parse_uuid(wanted)
    seq = None if customer is None else _sequence_of(history.facts.run_key, int.from_bytes(customer))
    return [] if seq is None else find_cases(history, judgement, seq)


def trace_case(history: History, judgement: Judgement, case: int) -> Trace:
    table = judgement.table
    order = judgement.texts.one(int(table.hi[case]), int(table.lo[case])) if table.known[case] else None
    steps = [*_attempt(history, judgement, case), *_events(history, judgement, case), *_log(history, order)]
    times = [step.at for step in steps if step.at is not None]
    if times:
        steps += _marks(history, min(times) - AROUND_S, max(times) + AROUND_S)
    steps.sort(key=lambda step: (step.at is None, step.at or 0.0))
    return Trace(order, _facts(history, judgement, case, order), steps)


def _sequence_of(key: RunKey, words: int) -> int | None:
    first, last = key.first.int, key.last.int
    return words - first if first <= words <= last else None


def _facts(history: History, judgement: Judgement, case: int, order: str | None) -> dict[str, Any]:
    table = judgement.table
    known: dict[str, Any] = {
        "outcome": OUTCOMES[int(table.outcome[case])],
        "row": bool(table.row[case]),
        "event": bool(table.event[case]),
        "in the backlog": bool(table.backlog[case]),
        "found to be": _classes(judgement, case),
        "sent": Moment(int(judgement.moments[case])).words(history.facts.fault),
    }
    if table.outcome[case] != UNRECORDED:
        seq = int(table.seq[case])
        known["sequence number"] = seq
        carried = seq < 2**62 and history.facts.has_tag
        known["customer id"] = str(history.facts.run_key.customer_id(seq)) if carried else None
    places = np.flatnonzero(judgement.lost_cases == case)
    if len(places):
        evidence = judgement.evidence[int(places[0])]
        known["cause"] = f"{evidence.cause.value}: {evidence.cause.words(history.facts.fault)}"
        known["latency"] = evidence.latency_class or None
    if order is not None and history.confirmation is not None:
        known["second look"] = _second_look(history.confirmation, judgement, case, order)
    if order is not None and history.lost_rows is not None:
        encoded = msgspec.json.encode(order)
        members = (b'"key":' + encoded + b",", b'"order_id":' + encoded + b",")
        row = next((line for line in history.lost_rows if any(member in line for member in members)), None)
        known["rebuilt from its row"] = row.decode() if row else None
    return known


def _second_look(second: Confirmation, judgement: Judgement, case: int, order: str) -> str | None:
    """Return what the second look found; None where it did not look the order up."""
    if not second.complete:
        return f"incomplete: {second.problem}"
    other = [one for one in (*second.refuted, *second.unsettled, *second.disputed) if one.order_id == order]
    if other:
        return other[0].found
    table, twice = judgement.table, judgement.duplicates.index[judgement.duplicates.published_twice]
    masks = (table.lost, table.phantom, table.lost_order, table.visible_after_reject)
    looked_up = any(mask[case] for mask in masks) or bool((table.case_of_event[twice] == case).any())
    return "found the same" if looked_up else None


def _classes(judgement: Judgement, case: int) -> list[str]:
    table, sure = judgement.table, judgement.proven
    duplicate = judgement.duplicates.index
    classes = (
        ("lost event" if sure.lost[case] else "suspected lost event", table.lost[case]),
        ("disputed", table.disputed[case]),
        ("phantom event" if sure.phantom[case] else "suspected phantom event", table.phantom[case]),
        ("disputed phantom event", table.disputed_phantom[case]),
        ("lost order" if sure.lost_order[case] else "suspected lost order", table.lost_order[case]),
        ("visible after reject", table.visible_after_reject[case]),
        ("recovered", table.recovered[case]),
        ("unresolved", table.unresolved[case]),
        ("pending", table.pending[case]),
        ("late event", judgement.late.late[case]),
        ("duplicate event", bool((table.case_of_event[duplicate] == case).any())),
    )
    return [name for name, holds in classes if holds]


def _attempt(history: History, judgement: Judgement, case: int) -> list[Step]:
    table = judgement.table
    if table.attempt[case] < 0:
        return [Step(None, "ledger", "no attempt of this run has this order id")]
    attempt = table.attempts[int(table.attempt[case])]
    phase = Phase(int(attempt["phase"])).label
    steps = [
        Step(float(attempt["due"]), "ledger", "the order falls due"),
        Step(float(table.sent[case]), "ledger", f"the request is sent ({phase})"),
    ]
    if np.isnan(table.completed[case]):
        return [*steps, Step(None, "ledger", "no answer before the run ended")]
    took = float(table.completed[case] - table.sent[case])
    failure = Failure(int(attempt["failure"]))
    answer = f"HTTP {int(attempt['status'])}" if attempt["status"] else failure.name.lower()
    order = "an order id" if attempt["has_id"] else "no order id"
    return [*steps, Step(float(table.completed[case]), "ledger", f"answered after {took:.3f} s: {answer}, {order}")]


def _events(history: History, judgement: Judgement, case: int) -> list[Step]:
    places = np.flatnonzero(judgement.table.case_of_event == case)
    events = history.events.events[places]
    lower, upper = append_brackets(
        history.observations, events["partition"].astype(np.int32), events["offset"].astype(np.int64)
    )
    if len(places):
        # The first event came after its order was sent, and not while the broker was down.
        first = int(np.lexsort((events["offset"], events["partition"]))[0])
        lower[first] = np.fmax(lower[first], judgement.late.not_before[case])
        upper[first] = np.fmin(upper[first], judgement.late.not_after[case])
    steps = []
    for event, after, before in zip(events, lower.tolist(), upper.tolist(), strict=True):
        where = f"partition {int(event['partition'])} offset {int(event['offset'])}"
        (identity,) = judgement.texts.of_events(
            *(np.array([event[half]], np.uint64) for half in ("event_hi", "event_lo"))
        )
        at = None if np.isnan(before) else before
        width = "" if np.isnan(after) or np.isnan(before) else f", append time known within {before - after:.3f} s"
        steps.append(Step(at, "Kafka", f"event {identity or 'without an id of its own'} was appended ({where}{width})"))
    if not steps:
        end = "to its end" if history.events.complete else "but not to its end"
        steps.append(Step(history.events.read_at, "Kafka", f"no event of this order; the topic was read {end}"))
    row = "has its row" if judgement.table.row[case] else "has no row of this order"
    return [*steps, Step(history.rows.taken_at, "PostgreSQL", f"the snapshot {row}")]


def _log(history: History, order: str | None) -> list[Step]:
    line = history.service_log.get(order) if order else None
    return [] if line is None else [Step(None, "service log", line.text)]


def _marks(history: History, begin: float, end: float) -> list[Step]:
    fault = history.facts.fault
    return [
        Step(mark.at, "marks", _MARKS[mark.name].format(state=fault.state, back=fault.back))
        for mark in history.marks
        if mark.name in _MARKS and begin <= mark.at <= end
    ]
