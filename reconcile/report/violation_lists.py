"""The lists of `report.html`: all orders of each kind of violation or doubt, packed, and the first of them as rows."""

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Final

from reconcile.analysis.truth_table import OUTCOMES
from reconcile.history.moments import Moment
from reconcile.judge.judge import Judgement
from reconcile.report.csv_lists import time_texts
from reconcile.report.violation_kinds import KINDS, LOST, SUSPECTED_LOST, Kind, cases_of

MOST_ROWS: Final = 200
"""How many orders of one kind the page shows at once; a search shows as many of those that it finds."""

Row = tuple[str, str, str, str, str]
"""Id, seconds since the start at which it was sent, the same by the clock, cause or answer, moment."""


@dataclass(frozen=True, slots=True)
class ViolationList:
    """One list.

    Attributes:
        path: file with all that is known of these orders, beside the page.
        total: how many orders there are.
        column: heading of the fourth column, `cause` or `answer`.
        rows: the first MOST_ROWS by send time.
        packed: all of them: one line each, its cells apart by tabs, compressed by zlib, in base64.
    """

    key: str
    title: str
    path: str
    total: int
    column: str
    rows: list[Row]
    packed: str


def violation_list(judgement: Judgement, kind: Kind, started_at: float) -> ViolationList:
    """Return the list of `kind`.

    Args:
        started_at: epoch seconds of second 0.
    """
    table, cases = judgement.table, cases_of(judgement, kind)
    if kind in {LOST, SUSPECTED_LOST}:
        lost = zip(judgement.lost_cases.tolist(), judgement.evidence, strict=True)
        causes = {case: evidence.cause.value for case, evidence in lost}
        column, texts = "cause", [causes[case] for case in cases.tolist()]
    else:
        column, texts = "answer", [OUTCOMES[outcome] for outcome in table.outcome[cases].tolist()]
    moments = {moment: Moment(moment).words(judgement.fault) for moment in set(judgement.moments[cases].tolist())}
    rows = list(
        zip(
            judgement.texts.many(table.hi[cases], table.lo[cases]),
            [_since(second) for second in (table.sent[cases] - started_at).tolist()],
            time_texts(table.sent[cases]),
            texts,
            [moments[moment] for moment in judgement.moments[cases].tolist()],
            strict=True,
        )
    )
    return ViolationList(
        kind.key.replace("_", "-"), kind.title, kind.path, len(cases), column, rows[:MOST_ROWS], _pack(rows)
    )


def other_lists(judgement: Judgement, started_at: float) -> list[ViolationList]:
    """Return the lists that are not empty, that of lost events left out."""
    kinds = [kind for kind in KINDS if kind is not LOST and judgement.counts[kind.key]]
    return [violation_list(judgement, kind, started_at) for kind in kinds]


def _since(seconds: float) -> str:
    return "unknown" if math.isnan(seconds) else f"{seconds:.3f} s"


def _pack(rows: list[Row]) -> str:
    text = "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in rows)
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()
