"""`report.json` of every kind of run fits the published schema; a wrong one does not."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.history.history import History
from reconcile.judge.judge import judge
from reconcile.report.json_report import json_report
from runlog import marks as m
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def lossy() -> RunBuilder:
    builder = RunBuilder().calm(0).order(6, 12, event=False).order(7, 13, row=False).order(8, 14, Outcome.REJECTED)
    return builder.published(6, 6, 25, 99).unanswered(9, 15).not_sent(10, 16).stored(77, None)


WRONG = Contradiction(str(order_id(1)), "lost event", "a row, no event", "a row, an event")
RUNS: dict[str, History] = {
    "empty": RunBuilder().history(),
    "calm": RunBuilder().calm().history(),
    "lossy": lossy().history(),
    "never healed": lossy().without(m.HEALED, m.HEALING, m.DRAINED).history(),
    "control": RunBuilder(facts=facts(scenario="control")).calm().history(),
    "confirmed": replace(lossy().history(), confirmation=Confirmation("", 3, 3)),
    "refuted": replace(lossy().history(), confirmation=Confirmation("", 3, 3, refuted=[WRONG])),
    "away": replace(lossy().history(), confirmation=Confirmation("", 3, 0, complete=False, problem="gone")),
    "described": RunBuilder(facts=facts(stack="external", id_kind="integer", event_id="key")).calm(0).history(),
    "no observations": replace(lossy().history(), observations=[]),
}


def document(history: History) -> Any:
    return json.loads(json_report(history, judge(history)))


@pytest.mark.parametrize("name", RUNS)
def test_reports_fit_the_schema(name: str) -> None:
    found = [
        f"{'/'.join(map(str, error.path))}: {error.message}" for error in VALIDATOR.iter_errors(document(RUNS[name]))
    ]
    assert found == []


def test_the_schema_itself_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("verdict"),
        lambda d: d.update(verdict="fine"),
        lambda d: d["counts"].update(lost_events=None),
        lambda d: d["counts"].update(lost_evnts=1),
        lambda d: d["outages"][0].pop("recovery"),
        lambda d: d["guards"][0].update(passed="yes"),
        lambda d: d["causes"].update(magic=1),
        lambda d: d["timeline"][0].update(lost=-1),
    ],
)
def test_a_wrong_report_does_not_fit(damage: Any) -> None:
    wrong = copy.deepcopy(document(RUNS["lossy"]))
    damage(wrong)
    assert not VALIDATOR.is_valid(wrong)
