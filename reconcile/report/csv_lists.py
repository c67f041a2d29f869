"""The lists of a run as CSV: every id, never capped; each file exists in each run, with only a header when empty.

Times are ISO 8601 UTC with microseconds, ids as the service writes them (UUIDs in lower case with dashes), records
sorted by send time (unknown ones last), then by order id. Values are made column by column, so that 100,000 records
take about a second.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.event import Why
from contract.ids import among, uuid_texts
from files.safe_text import csv_text, spreadsheet_cell
from reconcile.analysis.truth_table import EXTRA, UNRECORDED
from reconcile.history.history import MENTION, History, ids_of
from reconcile.history.joins import Bools, Floats, Ints, words
from reconcile.history.moments import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.violation_kinds import KINDS, LOST, SUSPECTED_LOST, in_order, sort_keys
from runlog.clock import LATEST_S
from runlog.ledger import Phase
from runlog.outcomes import Outcome

COLUMNS: Final = ("order_id", "customer_id", "sent_at", "acknowledged_at", "phase", "cause")
_SEQUENCES: Final = 1 << 62
Column = list[str]


def csv_texts(history: History, judgement: Judgement) -> dict[str, str]:
    table, proven = judgement.table, judgement.proven.lost[judgement.lost_cases]
    masks = {kind.path: kind.mask(judgement) for kind in KINDS} | {
        "recovered-orders.csv": table.recovered,
        "unresolved-orders.csv": table.unresolved,
        "pending-orders.csv": table.pending,
        "extra-orders.csv": table.had(EXTRA),
        "unrecorded-orders.csv": table.had(UNRECORDED),
    }
    texts = {
        LOST.path: _lost(history, judgement, proven),
        SUSPECTED_LOST.path: _lost(history, judgement, ~proven),
        "disputed-orders.csv": _disputed(history, judgement),
        "late-events.csv": _late(history, judgement),
        "duplicate-events.csv": _duplicates(history, judgement),
    }
    for path, mask in masks.items():
        if path not in texts:
            texts[path] = _write(history, judgement, in_order(judgement, np.flatnonzero(mask)), {})
    return texts


def time_texts(times: Floats) -> Column:
    """Return epoch seconds as ISO 8601 UTC with microseconds; NaN and what no clock shows become an empty text."""
    known = np.abs(times) < LATEST_S
    micros = np.rint(np.where(known, times, 0.0) * 1e6).astype("datetime64[us]")
    texts = np.datetime_as_string(micros, unit="us").tolist()
    return [f"{text}Z" if there else "" for text, there in zip(texts, known.tolist(), strict=True)]


def _lost(history: History, judgement: Judgement, which: Bools) -> str:
    """Return those of the lost cases with their causes."""
    cases = judgement.lost_cases[which].astype(np.int64)
    evidence = [one for one, wanted in zip(judgement.evidence, which.tolist(), strict=True) if wanted]
    extra = {
        "cause": [one.cause.value for one in evidence],
        "moment": _moments(judgement, cases),
        "in_flight": ["yes" if one.in_flight else "no" for one in evidence],
        "latency_s": ["" if one.latency_s is None else f"{one.latency_s:.6f}" for one in evidence],
        "latency_class": [one.latency_class for one in evidence],
        "service_log": [spreadsheet_cell(one.line.text) if one.line else "" for one in evidence],
        "other_records": _texts(_mentions(judgement, cases, history.events.aside)["count"]),
    }
    return _write(history, judgement, cases, extra)


def _disputed(history: History, judgement: Judgement) -> str:
    """Return disputed orders: the first record that names each, how many do, and why that one does not count."""
    table = judgement.table
    cases = in_order(judgement, np.flatnonzero(table.disputed))
    found = _mentions(judgement, cases, history.events.mentions)
    named = (found["count"] > 0).tolist()
    second = {} if history.confirmation is None else {one.identity: one for one in history.confirmation.disputed}

    def why(case: int, record: int, is_named: bool) -> str:
        identity = f"{int(table.hi[case]):016x}{int(table.lo[case]):016x}"
        if is_named:
            return Why(record).name.lower()
        if identity in second:
            return f"second look: {second[identity].found}"
        return "an event carries its customer id under another order id"

    extra = {
        header: [text if there else "" for text, there in zip(_texts(found[field]), named, strict=True)]
        for header, field in (("records", "count"), ("partition", "partition"), ("offset", "offset"))
    }
    extra["why"] = [why(*one) for one in zip(cases.tolist(), found["why"].tolist(), named, strict=True)]
    return _write(history, judgement, cases, extra)


def _mentions(judgement: Judgement, cases: Ints, mentions: NDArray[np.void]) -> NDArray[np.void]:
    """Return what `mentions` (array of MENTION, ascending by id) says of each case; zeros where it says nothing."""
    found = np.zeros(len(cases), dtype=MENTION)
    ids, known = judgement.table.ids(cases), ids_of(mentions)
    there = among(ids, known)
    found[there] = mentions[np.searchsorted(known, ids[there])]
    return found


def _late(history: History, judgement: Judgement) -> str:
    late = judgement.late
    cases = in_order(judgement, np.flatnonzero(late.late))
    extra = {
        "appended_not_before": time_texts(late.not_before[cases]),
        "appended_not_after": time_texts(late.not_after[cases]),
        "delay_s": ["" if math.isnan(delay) else f"{delay:.6f}" for delay in late.delay[cases].tolist()],
    }
    return _write(history, judgement, cases, extra)


def _duplicates(history: History, judgement: Judgement) -> str:
    duplicates, events = judgement.duplicates, history.events.events[judgement.duplicates.index]
    cases = judgement.table.case_of_event[duplicates.index]
    order = np.lexsort((events["offset"], events["partition"], *sort_keys(judgement, cases)))
    events, kinds = events[order], duplicates.published_twice[order].tolist()
    extra = {
        "kind": ["published_twice" if twice else "redelivered" for twice in kinds],
        "partition": _texts(events["partition"]),
        "offset": _texts(events["offset"]),
        "event_id": judgement.texts.of_events(words(events, "event_hi"), words(events, "event_lo")),
    }
    return _write(history, judgement, cases[order], extra)


def _common(history: History, judgement: Judgement, cases: Ints) -> list[Column]:
    table = judgement.table
    ids, known = judgement.texts.many(table.hi[cases], table.lo[cases]), table.known[cases].tolist()
    first = history.facts.run_key.first.int
    seq = table.seq[cases]
    of_run = (seq < _SEQUENCES).tolist() if history.facts.has_tag else [False] * len(cases)
    lower = np.uint64(first & (2**64 - 1)) + np.where(seq < _SEQUENCES, seq, 0).astype(np.uint64)
    customers = uuid_texts(np.full(len(cases), first >> 64, dtype=np.uint64), lower)
    acknowledged = np.where(table.outcome[cases] == Outcome.ACKNOWLEDGED, table.completed[cases], np.nan)
    phases = {int(phase): phase.label for phase in Phase}
    return [
        [text if there else "" for text, there in zip(ids, known, strict=True)],
        [text if there else "" for text, there in zip(customers, of_run, strict=True)],
        time_texts(table.sent[cases]),
        time_texts(acknowledged),
        [phases.get(phase, "") for phase in table.phase[cases].tolist()],
        _moments(judgement, cases),
    ]


def _moments(judgement: Judgement, cases: Ints) -> Column:
    return [Moment(moment).words(judgement.fault) for moment in judgement.moments[cases].tolist()]


def _texts(numbers: NDArray[Any]) -> Column:
    return [str(number) for number in numbers.tolist()]


def _statuses(judgement: Judgement, cases: Ints) -> Column:
    """Return the HTTP status of the answer to each case's attempt; empty without a complete answer."""
    table = judgement.table
    attempt = table.attempt[cases]
    known = attempt >= 0
    statuses = np.zeros(len(cases), dtype=np.int64)
    statuses[known] = table.attempts["status"][attempt[known]]
    return [str(status) if status else "" for status in statuses.tolist()]


def _write(history: History, judgement: Judgement, cases: Ints, extra: dict[str, Column]) -> str:
    """Return the list of `cases`: the common columns, `extra` (which may replace one of them), the HTTP status."""
    columns = dict(zip(COLUMNS, _common(history, judgement, cases), strict=True)) | extra
    columns["http_status"] = _statuses(judgement, cases)
    return csv_text(list(columns), zip(*columns.values(), strict=True))
