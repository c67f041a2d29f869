"""The lists of `report.html`: the first orders of every kind of violation, each with a link to the complete list."""

from dataclasses import dataclass
from typing import Final

from reconcile.analysis.truth_table import OUTCOMES
from reconcile.history.outages import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import time_texts
from reconcile.report.violation_kinds import KINDS, LOST, SUSPECTED_LOST, Kind, cases_of

MOST_SHOWN: Final = 10_000
"""How many orders of one kind the page shows."""


@dataclass(frozen=True, slots=True)
class ViolationList:
    """One list.

    Attributes:
        path: file with all of it, beside the page.
        total: how many orders there are.
        column: heading of the third column, `cause` or `answer`.
        rows: id, send time, cause or answer, and moment of the first MOST_SHOWN, by send time.
    """

    key: str
    title: str
    path: str
    total: int
    column: str
    rows: list[tuple[str, str, str, str]]


def violation_list(judgement: Judgement, kind: Kind) -> ViolationList:
    table, cases = judgement.table, cases_of(judgement, kind)
    shown = cases[:MOST_SHOWN]
    if kind in {LOST, SUSPECTED_LOST}:
        lost = zip(judgement.lost_cases.tolist(), judgement.evidence, strict=True)
        causes = {case: evidence.cause.value for case, evidence in lost}
        column, texts = "cause", [causes[case] for case in shown.tolist()]
    else:
        column, texts = "answer", [OUTCOMES[outcome] for outcome in table.outcome[shown].tolist()]
    rows = zip(
        judgement.texts.many(table.hi[shown], table.lo[shown]),
        time_texts(table.sent[shown]),
        texts,
        [Moment(moment).words(judgement.fault) for moment in judgement.moments[shown].tolist()],
        strict=True,
    )
    return ViolationList(kind.key.replace("_", "-"), kind.title, kind.path, len(cases), column, list(rows))


def other_lists(judgement: Judgement) -> list[ViolationList]:
    """Return the lists that are not empty, that of lost events left out."""
    return [violation_list(judgement, kind) for kind in KINDS if kind is not LOST and judgement.counts[kind.key]]
