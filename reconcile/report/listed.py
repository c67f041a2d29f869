"""The lists of the report's page: the first orders of every kind of violation, each with a link to its whole list."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reconcile.joins import Ints
from reconcile.judge import Judgement
from reconcile.outages import Moment
from reconcile.report.csvs import in_order, time_texts
from reconcile.table import OUTCOMES

LISTED: Final = 10_000
"""How many orders of one kind the page shows."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One list.

    Attributes:
        key: names it within the page.
        title: its heading.
        path: file with all of it, beside the page.
        total: how many there are.
        reason: what the third column tells, `cause` or `answer`.
        rows: id, send time, reason and moment of the first LISTED, by send time.
    """

    key: str
    title: str
    path: str
    total: int
    reason: str
    rows: list[tuple[str, str, str, str]]


def lost_list(judgement: Judgement) -> Listed:
    """Return the list of lost events, of the suspected ones when none can be proven."""
    suspected, cases = judgement.suspicion.lost_events, judgement.lost_cases
    rows = _rows(judgement, cases.astype(np.int64), [one.cause.value for one in judgement.evidence[:LISTED]])
    title = "Suspected losses" if suspected else "Lost events"
    return Listed("lost", title, "suspected-lost.csv" if suspected else "lost-events.csv", len(cases), "cause", rows)


def other_lists(judgement: Judgement) -> list[Listed]:
    """Return the lists of the other violations that there are."""
    table, doubt = judgement.table, judgement.suspicion
    kinds = (
        ("phantom", "Phantom events", "phantom", "phantom-events", table.phantom, doubt.phantom_events),
        ("lost-order", "Lost orders", "lost-orders", "lost-orders", table.lost_order, doubt.lost_orders),
        ("visible", "Orders visible after a refusal", "", "visible-after-reject", table.visible_after_reject, False),
    )
    found = []
    for key, title, short, path, mask, suspected in kinds:
        cases = in_order(judgement, np.flatnonzero(mask))
        if len(cases):
            name = f"Suspected {title.lower()}" if suspected else title
            answers = [OUTCOMES[outcome] for outcome in table.outcome[cases[:LISTED]].tolist()]
            file = f"suspected-{short}.csv" if suspected else f"{path}.csv"
            found.append(Listed(key, name, file, len(cases), "answer", _rows(judgement, cases, answers)))
    return found


def _rows(judgement: Judgement, cases: Ints, reasons: list[str]) -> list[tuple[str, str, str, str]]:
    first, table = cases[:LISTED], judgement.table
    moments = [Moment(moment).label for moment in judgement.moments[first].tolist()]
    return list(
        zip(
            judgement.texts.many(table.hi[first], table.lo[first]),
            time_texts(table.sent[first]),
            reasons,
            moments,
            strict=True,
        )
    )
