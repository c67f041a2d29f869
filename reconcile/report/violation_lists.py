"""The lists of the report's page: the first orders of every kind of violation, each with a link to its whole list."""

from dataclasses import dataclass
from typing import Final

from reconcile.analysis.truth_table import OUTCOMES
from reconcile.history.joins import Ints
from reconcile.history.outages import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import time_texts
from reconcile.report.violation_kinds import KINDS, LOST, SUSPECTED_LOST, Kind, cases_of

LISTED: Final = 10_000
"""How many orders of one kind the page shows."""


# Short names of the lists within the page.
_IN_PAGE: Final = {
    "lost_events": "lost",
    "phantom_events": "phantom",
    "lost_orders": "lost-order",
    "visible_after_reject": "visible",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One list.

    Attributes:
        key: names it within the page.
        title: its heading.
        path: file with all of it, beside the page.
        total: how many there are.
        reason: what the third column says, `cause` or `answer`.
        rows: id, send time, reason and moment of the first LISTED, by send time.
    """

    key: str
    title: str
    path: str
    total: int
    reason: str
    rows: list[tuple[str, str, str, str]]


def lost_list(judgement: Judgement) -> Listed:
    """Return the list of lost events, which may be empty."""
    return _list(judgement, LOST)


def other_lists(judgement: Judgement) -> list[Listed]:
    """Return the lists of the other violations and doubts that there are."""
    return [_list(judgement, kind) for kind in KINDS if kind is not LOST and judgement.counts[kind.key]]


def _list(judgement: Judgement, kind: Kind) -> Listed:
    cases = cases_of(judgement, kind)
    shown = cases[:LISTED].tolist()
    if kind in {LOST, SUSPECTED_LOST}:
        causes = {
            case: one.cause.value for case, one in zip(judgement.lost_cases.tolist(), judgement.evidence, strict=True)
        }
        column, reasons = "cause", [causes[case] for case in shown]
    else:
        column, reasons = "answer", [OUTCOMES[outcome] for outcome in judgement.table.outcome[shown].tolist()]
    key = _IN_PAGE.get(kind.key, kind.key.replace("_", "-"))
    return Listed(key, kind.title, kind.path, len(cases), column, _rows(judgement, cases, reasons))


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
