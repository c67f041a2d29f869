"""Guards of the scenario `phantom-event`: was every order published and rolled back?

The service reports both; these guards check it against the witnesses, and against database and service after the run
(mark `phantoms_checked`). If they fail, the phantom events that were found are still proven.
"""

from typing import Any, Final

import numpy as np

from reconcile.analysis.plural import some
from reconcile.judge.findings import Findings, Guard, GuardKind, not_applicable, vacuity
from runlog import marks as m
from runlog.outcomes import Outcome

SCENARIO: Final = "phantom-event"
_NONE: Final = "this scenario provokes no phantom events"


def phantoms_provoked(findings: Findings) -> Guard:
    """Every provoked order published exactly one event."""
    name, table = "phantoms provoked", findings.table
    if findings.history.facts.scenario != SCENARIO:
        return not_applicable(name, GuardKind.VACUITY, _NONE)
    provoked = table.had(Outcome.PROVOKED)
    records = np.bincount(table.case_of_event, minlength=len(provoked))[provoked]
    once, several = int((records == 1).sum()), int((records > 1).sum())
    text = f"{once} of {some(int(provoked.sum()), 'provoked order')} left one event"
    if several:
        text += f", {several} left several"
    return vacuity(name, 0 < once == int(provoked.sum()), text)


def phantoms_rolled_back(findings: Findings) -> Guard:
    """No provoked order left anything in the database, and the service is healthy."""
    name = "phantoms rolled back"
    if findings.history.facts.scenario != SCENARIO:
        return not_applicable(name, GuardKind.VACUITY, _NONE)
    checked = findings.detail_of(m.PHANTOMS_CHECKED)
    if checked is None:
        return vacuity(name, False, "the provoked orders were not looked up in database and service")
    wrong = _contradictions(checked, int(findings.table.had(Outcome.PROVOKED).sum()))
    if wrong:
        return vacuity(name, False, "; ".join(wrong))
    asked = checked["asked"]
    return vacuity(
        name,
        True,
        f"GET answered 404 for {some(asked, 'id')}, none is in a table, the run has no row, the service is healthy",
    )


def _contradictions(checked: dict[str, Any], provoked: int) -> list[str]:
    if checked.get("problem"):
        return [f"not all could be looked up: {checked['problem']}"]
    asked, unknown = checked.get("asked"), checked.get("get_404")
    wrong = []
    if not isinstance(asked, int) or not isinstance(unknown, int):
        wrong.append("unknown what GET answered for the provoked orders")
    elif asked > provoked or (provoked and not asked):
        wrong.append(f"looked up {asked} of {some(provoked, 'provoked order')}")
    elif unknown < asked:
        wrong.append(f"GET found {asked - unknown} of {some(asked, 'provoked order')}")
    for key, place in (("in_orders", "the orders table"), ("in_order_items", "order_items")):
        there = checked.get(key)
        if there is None:
            wrong.append(f"unknown whether {place} has provoked orders")
        elif there:
            wrong.append(f"{place} has {some(there, 'provoked order')}")
    rows = checked.get("rows_of_run")
    if rows is None:
        wrong.append("unknown whether rows of the run appeared")
    elif rows:
        wrong.append(f"{some(rows, 'row')} of the run appeared")
    if checked.get("health_up") is not True:
        wrong.append("the service is no longer healthy")
    return wrong
