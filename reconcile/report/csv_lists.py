"""The lists of a run as CSV: every id, never capped, each file there in each run, header only when empty.

UTF-8, quoted as RFC 4180 asks, one line feed a record. Times are ISO 8601 UTC with microseconds, ids as the service
writes them (UUIDs in lower case with dashes), records sorted by send time (unknown ones last), then by order id. Values
are made column by column, so 100 000 records take about a second.
"""

import csv
import io
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.event import Why
from contract.ids import among, uuid_texts
from reconcile.analysis.truth_table import EXTRA, UNRECORDED
from reconcile.history.history import MENTION, History, ids_of
from reconcile.history.joins import Bools, Floats, Ints, Words, words
from reconcile.history.outages import Moment
from reconcile.judge.judge import Judgement
from runlog.clock import LATEST_S
from runlog.ledger import Phase
from runlog.outcomes import Outcome

COLUMNS: Final = ("order_id", "customer_id", "sent_at", "acknowledged_at", "phase", "cause")
LOST_COLUMNS: Final = (*COLUMNS, "moment", "in_flight", "latency_s", "latency_class", "service_log", "other_records")
_DISPUTED_COLUMNS: Final = (*COLUMNS, "records", "partition", "offset", "why")
_DUPLICATE_COLUMNS: Final = (*COLUMNS, "kind", "partition", "offset", "event_id")
_LATE_COLUMNS: Final = (*COLUMNS, "appended_not_before", "appended_not_after", "delay_s")
_STATUS: Final = "http_status"
"""Last column of each list; empty without a complete answer."""
_SEQUENCES: Final = 1 << 62
Column = list[str]


def csv_texts(history: History, judgement: Judgement) -> dict[str, str]:
    """Return the text of each list by file name."""
    table, sure = judgement.table, judgement.proven
    masks = {
        "phantom-events.csv": sure.phantom,
        "lost-orders.csv": sure.lost_order,
        "visible-after-reject.csv": table.visible_after_reject,
        "recovered-orders.csv": table.recovered,
        "unresolved-orders.csv": table.unresolved,
        "suspected-phantom.csv": table.phantom & ~sure.phantom,
        "suspected-lost-orders.csv": table.lost_order & ~sure.lost_order,
        "disputed-phantom.csv": table.disputed_phantom,
        "pending-orders.csv": table.pending,
        "extra-orders.csv": table.had(EXTRA),
        "unrecorded-orders.csv": table.had(UNRECORDED),
    }
    texts = {name: _cases(history, judgement, mask) for name, mask in masks.items()}
    lost = sure.lost[judgement.lost_cases]
    texts["lost-events.csv"] = _lost(history, judgement, lost)
    texts["suspected-lost.csv"] = _lost(history, judgement, ~lost)
    texts["disputed-orders.csv"] = _disputed(history, judgement)
    texts["late-events.csv"] = _late(history, judgement)
    texts["duplicate-events.csv"] = _duplicates(history, judgement)
    return texts


def time_texts(times: Floats) -> Column:
    """Return epoch seconds as ISO 8601 UTC with microseconds; NaN and what no clock shows become an empty text."""
    known = np.abs(times) < LATEST_S
    micros = np.rint(np.where(known, times, 0.0) * 1e6).astype("datetime64[us]")
    texts = np.datetime_as_string(micros, unit="us").tolist()
    return [f"{text}Z" if there else "" for text, there in zip(texts, known.tolist(), strict=True)]


def _cases(history: History, judgement: Judgement, mask: Bools) -> str:
    cases = in_order(judgement, np.flatnonzero(mask))
    return _write(judgement, cases, COLUMNS, _common(history, judgement, cases))


def _lost(history: History, judgement: Judgement, which: Bools) -> str:
    """Those of the lost cases with their causes; `cause` elsewhere says when an order was sent, here `moment` does."""
    cases = judgement.lost_cases[which]
    evidence = [one for one, wanted in zip(judgement.evidence, which.tolist(), strict=True) if wanted]
    *common, moments = _common(history, judgement, cases.astype(np.int64))
    own = [
        [one.cause.value for one in evidence],
        moments,
        ["yes" if one.in_flight else "no" for one in evidence],
        ["" if one.latency_s is None else f"{one.latency_s:.6f}" for one in evidence],
        [one.latency_class for one in evidence],
        [plain(one.line.text) if one.line else "" for one in evidence],
        [str(count) for count in _mentions(judgement, cases, history.events.aside)["count"].tolist()],
    ]
    return _write(judgement, cases.astype(np.int64), LOST_COLUMNS, [*common, *own])


def _disputed(history: History, judgement: Judgement) -> str:
    """Disputed orders: the first record that names each, how many do, and why that one does not count."""
    cases = in_order(judgement, np.flatnonzero(judgement.table.disputed))
    found = _mentions(judgement, cases, history.events.mentions)
    rows = zip(*(found[name].tolist() for name in ("count", "partition", "offset", "why")), strict=True)
    second = {} if history.confirmation is None else {one.identity: one for one in history.confirmation.disputed}
    own: list[tuple[str, ...]] = []
    for case, (count, partition, offset, why) in zip(cases.tolist(), rows, strict=True):
        identity = f"{int(judgement.table.hi[case]):016x}{int(judgement.table.lo[case]):016x}"
        if count:
            own.append((str(count), str(partition), str(offset), Why(why).name.lower()))
        elif identity in second:
            own.append(("", "", "", f"second look: {second[identity].found}"))
        else:
            own.append(("", "", "", "an event carries its customer id under another order id"))
    columns = [list(column) for column in zip(*own, strict=True)] if own else [[], [], [], []]
    return _write(judgement, cases, _DISPUTED_COLUMNS, [*_common(history, judgement, cases), *columns])


def _mentions(judgement: Judgement, cases: Ints, mentions: NDArray[np.void]) -> NDArray[np.void]:
    """Return what `mentions` (array of MENTION, ascending by id) says of each case; zeros where it says nothing."""
    found = np.zeros(len(cases), dtype=MENTION)
    ids, known = ids_of(found), ids_of(mentions)
    ids["hi"], ids["lo"] = judgement.table.hi[cases], judgement.table.lo[cases]
    there = among(ids, known)
    found[there] = mentions[np.searchsorted(known, ids[there])]
    return found


def plain(text: str) -> str:
    """Return text from outside so that a spreadsheet takes it for text, never for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _late(history: History, judgement: Judgement) -> str:
    late = judgement.late
    cases = in_order(judgement, np.flatnonzero(late.late))
    delays = ["" if math.isnan(delay) else f"{delay:.6f}" for delay in late.delay[cases].tolist()]
    bounds = [time_texts(late.not_before[cases]), time_texts(late.not_after[cases])]
    return _write(judgement, cases, _LATE_COLUMNS, [*_common(history, judgement, cases), *bounds, delays])


def _duplicates(history: History, judgement: Judgement) -> str:
    duplicates, events = judgement.duplicates, history.events.events[judgement.duplicates.index]
    cases = judgement.table.case_of_event[duplicates.index]
    order = np.lexsort((events["offset"], events["partition"], *_sort_keys(judgement, cases)))
    events, kinds = events[order], duplicates.published_twice[order].tolist()
    own = [
        ["published_twice" if twice else "redelivered" for twice in kinds],
        [str(partition) for partition in events["partition"].tolist()],
        [str(offset) for offset in events["offset"].tolist()],
        judgement.texts.of_events(words(events, "event_hi"), words(events, "event_lo")),
    ]
    return _write(judgement, cases[order], _DUPLICATE_COLUMNS, [*_common(history, judgement, cases[order]), *own])


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
        [Moment(moment).label for moment in judgement.moments[cases].tolist()],
    ]


def in_order(judgement: Judgement, cases: NDArray[np.intp]) -> Ints:
    """Return `cases` by send time, those of equal time by id."""
    return cases[np.lexsort(_sort_keys(judgement, cases))].astype(np.int64)


def _sort_keys(judgement: Judgement, cases: NDArray[Any]) -> tuple[Words, Words, Floats]:
    table = judgement.table
    return table.lo[cases], table.hi[cases], table.sent[cases]


def _statuses(judgement: Judgement, cases: Ints) -> Column:
    """Return the HTTP status of the answer to each case's attempt."""
    table = judgement.table
    attempt = table.attempt[cases]
    known = attempt >= 0
    statuses = np.zeros(len(cases), dtype=np.int64)
    statuses[known] = table.attempts["status"][attempt[known]]
    return [str(status) if status else "" for status in statuses.tolist()]


def _write(judgement: Judgement, cases: Ints, columns: tuple[str, ...], values: list[Column]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*columns, _STATUS))
    writer.writerows(zip(*values, _statuses(judgement, cases), strict=True))
    return stream.getvalue()
