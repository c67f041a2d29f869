"""The report files: document and Markdown."""

import json
from pathlib import Path

import numpy as np
import pytest

from reconcile.judge.judge import judge
from reconcile.report.json_report import json_report, report_document, to_plain
from reconcile.report.markdown_report import escape, markdown_report
from reconcile.report.summary import summary
from runlog import marks as m
from runlog.marks import Mark
from tests.reconcile.core.rich_run import rich_run
from tests.reconcile.core.run_builder import T0, RunBuilder, facts, order_id
from tests.reconcile.core.test_phantom_guards import provoked

KEYS = [
    "schema_version",
    "run_id",
    "verdict",
    "reason",
    "expect",
    "exit_code",
    "attribution",
    "counts",
    "cells",
    "outages",
    "behaviour",
    "guards",
    "rate",
    "timeline",
]
COUNTS = [
    "due",
    "not_sent",
    "unreported",
    "attempted",
    "acknowledged",
    "rejected",
    "ambiguous",
    "provoked",
    "rows",
    "events",
    "events_raw",
    "delivered",
    "lost_events",
    "phantom_events",
    "lost_orders",
    "visible_after_reject",
    "recovered",
    "late_events",
    "unresolved",
    "pending",
    "redelivered",
    "published_twice",
    "extra_orders",
    "unrecorded",
    "foreign_events",
    "unreadable_events",
    "suspected_lost",
]


def test_report_json_has_every_key_and_plain_values() -> None:
    document = json.loads(json_report(*rich_run()))
    assert [key for key in document if key in KEYS] == KEYS
    assert [key for key in document["counts"] if key in COUNTS] == COUNTS
    assert document["outages"][0]["down_edge"] == [T0 + 10.3, T0 + 10.4]
    assert set(document["outages"][0]["failure_window"]) >= {"first_sent_at", "last_sent_at", "lead_s", "tail_s"}
    assert {"name", "kind", "applies", "passed", "reason"} == set(document["guards"][0])
    assert next(g for g in document["guards"] if not g["applies"])["passed"] is None
    assert sum(sum(row.values()) for row in document["cells"].values()) == document["counts"]["attempted"]


def test_unknown_is_null() -> None:
    assert to_plain({"a": np.float64("nan"), "b": float("inf"), "c": np.int64(3), 4: (np.True_,)}) == {
        "a": None,
        "b": None,
        "c": 3,
        "4": [True],
    }
    history = RunBuilder().calm().without(m.INJECTED, m.HEALED).history()
    outage = report_document(history, judge(history))["outages"][0]
    assert (outage["marks"]["healed"], outage["up_edge"], outage["healed_by"]) == (None, None, None)


def test_markdown_has_all_its_sections() -> None:
    text = markdown_report(*rich_run())
    for heading in ("# Chaos Test Report — Lost Event", "## Timeline", "## Results", "## Inconsistency Detected?"):
        assert f"{heading}\n" in text
    assert "| Baseline order in DB | YES | YES |" in text
    since = "from the proof that the broker was down to the start of healing"
    assert f"| Chaos order in DB | DEPENDS | SOME (8 of 11 sent {since}) |" in text
    assert "| Chaos event in Kafka | YES | SOME (5 of 8 of those in the DB) |" in text
    assert "| DB order count | N | 12 |" in text
    assert "**YES** — 3 orders were acknowledged and stored" in text
    assert "transactional outbox" in text.split("## Fix")[1]
    assert f"- `{order_id(1)}`" in text
    assert "`lost-events.csv`" in text


@pytest.mark.parametrize(
    ("builder", "word", "cause"),
    [
        (
            RunBuilder(facts=facts(service_variant="outbox")).calm(),
            "**NO**",
            "to its outbox table in the transaction of the order",
        ),
        (RunBuilder().calm(), "**NO**", "(a dual write). A dual write does not guarantee that."),
        (RunBuilder().calm().without(m.DRAINED), "**UNKNOWN**", "Unknown: nothing is proven"),
    ],
)
def test_markdown_of_other_verdicts(builder: RunBuilder, word: str, cause: str) -> None:
    text = markdown_report(history := builder.history(), judge(history))
    assert word in text
    assert cause in text


def test_markdown_of_a_run_in_which_nothing_is_broken() -> None:
    text = markdown_report((builder := provoked()).history(), judge(builder.history()))
    assert "| DB order count | 0 | 0 |" in text
    assert "| Kafka event count | N | 3 |" in text
    assert "Chaos order" not in text and "Chaos event" not in text
    assert "healthy again" not in text
    assert ": recovery begins\n" in text
    assert "database and service asked for the orders that were rolled back" in text
    assert f"## Phantom events\n\nAll 3:\n\n- `{order_id(0)}`" in text
    assert "`phantom-events.csv` in the folder of this report" in text


def test_what_comes_from_outside_is_escaped() -> None:
    assert escape("a|b\n<script>`x`[y](z)") == r"a\|b \<script\>\`x\`\[y\](z)"
    builder = RunBuilder().calm()
    builder.marks.append(Mark(T0 + 34, m.FAILED, None, {"reason": "| <b>bad</b> \x1b[31m", "exit_code": 2}))
    history = builder.history()
    judgement = judge(history)
    assert "<b>" not in markdown_report(history, judgement)
    assert "\x1b" not in summary(history, judgement, Path("runs/x")).plain
