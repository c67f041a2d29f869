"""`python -m reconcile RUN --look-again`: reads on from where the run's reading ended, to find what came later.

The run's reports and witnesses stay unchanged: what a store holds later does not change what it held then. The result
is printed, and listed in `look-again.csv`.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import Attribution
from contract.ids import among
from files.safe_files import write_text
from files.safe_text import csv_text
from reconcile.analysis.plural import numbered, some
from reconcile.history.history import History, Progress, ids_of
from reconcile.history.joins import Bools
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import time_texts
from reconcile.report.violation_kinds import in_order
from reconcile.witnesses.witness_stores import Stores
from runlog import exit_codes
from runlog.clock import AnchoredClock, iso_utc
from runlog.facts import TopicStart
from runlog.folder import RunFolder
from settings.duration import format_duration

LIST: Final = "look-again.csv"
LOST, SUSPECTED, DISPUTED, PENDING, PHANTOM, LOST_ORDER = (
    "lost event", "suspected lost event", "disputed order", "pending order", "phantom event", "lost order",
)  # fmt: skip
_COLUMNS: Final = (
    "order_id", "was", "sent_at", "there_now", "partition", "offset", "delay_not_below_s", "delay_not_above_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LaterRecords:
    """What came after the run's reading. Parallel arrays of shape (n,) over the orders without an event or a row.

    Attributes:
        cases: their indices into the truth table, by send time.
        was: what each was by the run's own reading, for example LOST.
        there: whether the missing event, or the missing row of a phantom event or lost order, is there now.
        partition, offset: place of the event; -1 without one.
        read_at: when the run's reading ended, and when this reading ended; epoch seconds.
        problem: why the stores could not be read to the end now, in one line; None: they were.
    """

    cases: NDArray[np.int64]
    was: list[str]
    there: Bools
    partition: NDArray[np.int64]
    offset: NDArray[np.int64]
    read_at: tuple[float, float]
    problem: str | None

    @property
    def exit_code(self) -> int:
        """Of the command: 0 if nothing is missing any more, 1 if something is, 3 if that is unknown."""
        if self.problem is not None:
            return exit_codes.INCONCLUSIVE
        return exit_codes.AS_EXPECTED if self.there.all() else exit_codes.NOT_AS_EXPECTED


def read_later_records(
    history: History, judgement: Judgement, stores: Stores, attribution: Attribution, progress: Progress
) -> LaterRecords:
    """Read the topic from where the run's reading ended, and the rows that were missing then.

    Args:
        history, judgement: of the run, from complete witnesses.
        attribution: how events are attributed to the run.
    """
    # Here and not above: judging a saved run must need neither database driver nor Kafka client.
    from reconcile.witnesses.events import read_events
    from reconcile.witnesses.rows import look_elsewhere

    table, before, rows = judgement.table, history.events, history.rows
    masks = _missing(judgement)
    cases = in_order(judgement, np.flatnonzero(np.logical_or.reduce(list(masks.values()))))
    ids = table.ids(cases)
    wants_row = ~table.row[cases]
    facts = replace(
        history.facts,
        topic=TopicStart(history.facts.topic.name, before.topic_id or history.facts.topic.topic_id, dict(before.ends)),
    )
    # The run's own clock is valid only while its machine is up.
    now = read_events(
        stores.kafka, facts, AnchoredClock.anchor(), progress, attribution=attribution, rows=rows.rows, names=rows.names
    )
    problem = now.problem or _gap(before.ends, now.lows, now.ends, (facts.topic.topic_id, now.topic_id))
    there = among(ids, np.unique(ids_of(now.events))) & ~wants_row
    partition, offset = _places(ids, there, now.events)
    if wants_row.any():
        wanted = np.unique(ids[wants_row & table.known[cases]])
        found = look_elsewhere(stores.database_url, rows, wanted, facts, {**history.names, **before.names})
        there |= wants_row & among(ids, np.unique(found.elsewhere))
        problem = problem or found.problem
    was = [next(name for name, mask in masks.items() if mask[case]) for case in cases.tolist()]
    ended = before.read_at if before.read_at is not None else history.facts.started_at
    return LaterRecords(cases, was, there, partition, offset, (ended, now.read_at or ended), problem)


def _places(
    ids: NDArray[np.void], there: Bools, events: NDArray[np.void]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return partition and offset of the first event of each order that is `there`, else -1."""
    first: dict[bytes, tuple[int, int]] = {}
    for identity, event in zip(ids_of(events), events, strict=True):
        first.setdefault(identity.tobytes(), (int(event["partition"]), int(event["offset"])))
    places = [first[identity.tobytes()] if found else (-1, -1) for identity, found in zip(ids, there, strict=True)]
    found_at = np.array(places, dtype=np.int64).reshape(-1, 2)
    return found_at[:, 0], found_at[:, 1]


def _missing(judgement: Judgement) -> dict[str, Bools]:
    """Return the cases without an event or a row, by what they were."""
    table, sure = judgement.table, judgement.proven
    return {
        LOST: sure.lost,
        SUSPECTED: table.lost & ~sure.lost,
        DISPUTED: table.disputed,
        PENDING: table.pending,
        PHANTOM: table.phantom | table.disputed_phantom,
        LOST_ORDER: table.lost_order & table.known,
    }


def _gap(
    before: dict[int, int], lows: dict[int, int], ends: dict[int, int], topic: tuple[str | None, str | None]
) -> str | None:
    """Return why the topic cannot be read on from `before`, None when it can."""
    if None not in topic and topic[0] != topic[1]:
        return "the topic was deleted and created again since the run"
    cut = sorted(partition for partition, end in before.items() if ends.get(partition, 0) < end)
    if cut:
        return f"the log of {numbered(cut)} is shorter than at the end of the run"
    gone = sorted(partition for partition, end in before.items() if lows.get(partition, 0) > end)
    if gone:
        return f"records that came to {numbered(gone)} since the run were deleted already"
    return None


def write_list(folder: RunFolder, judgement: Judgement, later: LaterRecords) -> None:
    """Write `look-again.csv`.

    Raises:
        OSError: the disk is full or not writable.
    """
    write_text(folder.path / LIST, csv_text(_COLUMNS, _records(judgement, later)))


def _records(judgement: Judgement, later: LaterRecords) -> list[list[str]]:
    table, cases = judgement.table, later.cases
    texts = judgement.texts.many(table.hi[cases], table.lo[cases])
    sent = table.sent[cases]
    after = [["" if math.isnan(one) else f"{at - one:.3f}" for one in sent.tolist()] for at in later.read_at]
    columns = zip(texts, later.was, time_texts(sent), later.there.tolist(), strict=True)
    records = []
    for place, (order, was, sent_at, there) in enumerate(columns):
        event = later.offset[place] >= 0
        where = [str(later.partition[place]), str(later.offset[place])] if event else ["", ""]
        bounds = [after[0][place], after[1][place]] if there else ["", ""]
        records.append([order, was, sent_at, "yes" if there else "no", *where, *bounds])
    return records


def document(history: History, judgement: Judgement, later: LaterRecords) -> dict[str, Any]:
    """Return what was found as a JSON value. Times in epoch seconds, durations in seconds; None: unknown."""
    records = [dict(zip(_COLUMNS, record, strict=True)) for record in _records(judgement, later)]
    return {
        "run_id": history.facts.run_id,
        "verdict_of_the_run": judgement.ruling.verdict.value,
        "run_read_at": later.read_at[0],
        "read_at": later.read_at[1],
        "missing": len(records),
        "there_now": int(later.there.sum()),
        "problem": later.problem,
        "exit_code": later.exit_code,
        "orders": records,
    }


def summary(history: History, judgement: Judgement, later: LaterRecords, shown: str) -> str:
    """Return what was found as lines of text.

    Args:
        shown: path of the list.
    """
    ended, now = later.read_at
    lines = [
        f"LOOKED AGAIN  run {history.facts.run_id}",
        f"read on from {iso_utc(ended)[:19]}Z, where the run's reading ended, to {iso_utc(now)[:19]}Z, "
        f"{format_duration(max(0.0, now - ended))} later",
    ]
    for kind in dict.fromkeys(later.was):
        mask = np.array([one == kind for one in later.was])
        there = int((later.there & mask).sum())
        what = "a row" if kind in (PHANTOM, LOST_ORDER) else "an event"
        late, without = _late(judgement, later, mask & later.there), int(mask.sum()) - there
        lines.append(f"{some(int(mask.sum()), kind)}: {there} with {what} by now{late}, {without} without one")
    if not later.was:
        lines.append("nothing was missing when the run was judged")
    if later.problem is not None:
        lines.append(f"unknown: {later.problem}")
    lines += [
        f"list:   {shown}",
        f"report.json ({judgement.ruling.verdict.value}) and the run's witnesses are unchanged",
    ]
    return "\n".join([*lines, f"exit code {later.exit_code}"]) + "\n"


def _late(judgement: Judgement, later: LaterRecords, found: Bools) -> str:
    sent = judgement.table.sent[later.cases[found]]
    sent = sent[~np.isnan(sent)]
    if not len(sent):
        return ""
    least, most = later.read_at[0] - float(sent.max()), later.read_at[1] - float(sent.min())
    return f" ({least:.0f} to {most:.0f} s after the order was sent)"
