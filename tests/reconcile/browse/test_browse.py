"""The helper that reads runs for the page: the table, what was found, search, trace, two runs on one scale."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from files.paths import CHECKOUT
from reconcile.browse.answers import Answers, Problem
from reconcile.history.saved_witnesses import save_witnesses
from reconcile.judge.judge import judge
from reconcile.report import write_reports
from runlog.folder import RunFolder
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id

LOSSY, KEPT, UNJUDGED = "20261123-073000-4f2a", "20261123-074000-4f2b", "20261123-075000-4f2c"


def write(runs: Path, name: str, builder: RunBuilder, *, judged: bool = True) -> RunFolder:
    folder = RunFolder(runs / name)
    builder.facts = facts(run_id=name, **({"service_variant": "outbox"} if name == KEPT else {}))
    builder.write(folder)
    if judged:
        folder.logs.mkdir(exist_ok=True)
        history = builder.history()
        save_witnesses(folder, history.facts.run_key, history.rows, history.events)
        write_reports(folder, history, judge(history))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    parent = tmp_path / "runs"
    lossy = RunBuilder().calm()
    for seq in range(1, 250):
        lossy.order(seq, 11 + seq / 50, event=False)
    lossy.order(300, 14, Outcome.REJECTED)
    write(parent, LOSSY, lossy)
    write(parent, KEPT, RunBuilder().calm())
    write(parent, UNJUDGED, RunBuilder().calm(), judged=False)
    (parent / "20261123-076000-4f2d").mkdir()
    (parent / "20261123-076000-4f2d" / "run.json").write_text("{")
    return parent


def test_the_table_has_every_run_the_newest_first(runs: Path) -> None:
    found = Answers(runs).runs()
    damaged, *found = found
    assert (damaged["run_id"], damaged["problem"]) == ("20261123-076000-4f2d", "run.json cannot be read")
    assert [(one["run_id"], one["verdict"], one["lost"]) for one in found] == [
        (UNJUDGED, None, None),
        (KEPT, "consistent", 0),
        (LOSSY, "inconsistent", 249),
    ]
    assert (found[1]["variant"], found[1]["fault"], found[1]["rate"]) == ("outbox", "stop of the broker", 2.0)
    assert Answers(runs / "nowhere").runs() == []


def test_the_table_follows_the_files(runs: Path) -> None:
    answers = Answers(runs)
    assert answers.runs()[1]["verdict"] is None
    history = RunBuilder(facts=facts(run_id=UNJUDGED)).calm().history()
    write_reports(RunFolder(runs / UNJUDGED), history, judge(history))
    assert answers.runs()[1]["verdict"] == "consistent"
    report = runs / UNJUDGED / "report.json"
    document = json.loads(report.read_text())
    report.write_text(json.dumps({**document, "verdict": "inconclusive"}))
    os.utime(report, (time.time() + 5, time.time() + 5))
    assert answers.runs()[1]["verdict"] == "inconclusive"
    report.write_text("{")
    os.utime(report, (time.time() + 9, time.time() + 9))
    assert answers.runs()[1]["problem"] == "report.json cannot be read"


def test_what_was_found_in_a_run(runs: Path) -> None:
    found = Answers(runs).run(LOSSY)
    assert found["counts"]["lost_events"] == 249
    assert [(one["name"], one["count"]) for one in found["lists"]] == [
        ("lost-events.csv", 249),
        ("visible-after-reject.csv", 1),
    ]
    assert "249 lost" in found["figure"]
    assert found["summary"].startswith(f"INCONSISTENT run {LOSSY}: 249 orders were acknowledged")
    assert found["guards"]["passed"] + len(found["failed"]) == found["guards"]["of"]


def test_orders_are_searched_in_the_whole_list(runs: Path) -> None:
    answers = Answers(runs)
    everything = answers.orders(LOSSY, "lost-events.csv", "")
    assert (everything["total"], everything["matching"], len(everything["rows"])) == (249, 249, 200)
    one = answers.orders(LOSSY, "lost-events.csv", f" {str(order_id(249)).upper()} ")
    assert (one["matching"], one["rows"][0]["order_id"]) == (1, str(order_id(249)))
    assert answers.orders(LOSSY, "lost-events.csv", "sent_while_down")["matching"] == 249
    assert answers.orders(KEPT, "lost-events.csv", "") == {"total": 0, "matching": 0, "rows": []}


def test_an_order_leads_to_its_trace(runs: Path) -> None:
    answers = Answers(runs)
    text = answers.trace(LOSSY, str(order_id(7)))
    assert text.startswith(f"order {order_id(7)}\n")
    assert "lost event" in text
    assert answers.trace(LOSSY, "#8").startswith(f"order {order_id(8)}\n")


def test_two_runs_have_one_scale(runs: Path) -> None:
    first, second = Answers(runs).compare(LOSSY, KEPT)
    assert (first["verdict"], second["verdict"]) == ("inconsistent", "consistent")
    assert f'id="run-{LOSSY}"' in first["figure"]
    assert first["figure"].count(">400</text>") == second["figure"].count(">400</text>") == 2


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda answers: answers.run(UNJUDGED),
            "has not been judged; `.venv/bin/python -m stack with .venv/bin/python -m reconcile",
        ),
        (lambda answers: answers.run("../../etc"), "there is no such run"),
        (lambda answers: answers.run("20261123-000000-0000"), "there is no such run"),
        (lambda answers: answers.orders(LOSSY, "../run.json", ""), "there is no such list"),
        (lambda answers: answers.orders(UNJUDGED, "lost-events.csv", ""), f"run {UNJUDGED} has no lost-events.csv"),
        (lambda answers: answers.trace(UNJUDGED, "#1"), "has not been judged"),
        (lambda answers: answers.trace(LOSSY, str(order_id(9999))), "no ack, no row and no event"),
        (lambda answers: answers.trace(LOSSY, "what?"), "not the name of an order"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(runs: Path, ask: Any, words: str) -> None:
    with pytest.raises(Problem, match=None) as problem:
        ask(Answers(runs))
    assert words in str(problem.value)


def test_damaged_files_cost_no_more_than_what_they_hold(runs: Path) -> None:
    (runs / LOSSY / "picture.json").write_text("{")
    found = Answers(runs).run(LOSSY)
    assert (found["verdict"], found["cards"], found["figure"]) == ("inconsistent", [], None)
    listed = runs / LOSSY / "lost-events.csv"
    listed.write_bytes(listed.read_bytes()[:-20])
    assert Answers(runs).orders(LOSSY, "lost-events.csv", "")["total"] > 200


def test_a_link_to_a_run_is_no_run(runs: Path) -> None:
    (runs / "20261123-079000-4f2e").symlink_to(LOSSY)
    with pytest.raises(Problem, match="there is no such run"):
        Answers(runs).run("20261123-079000-4f2e")


@pytest.mark.process
def test_the_process_answers_line_by_line_and_ends_with_its_input(runs: Path) -> None:
    questions = [
        {"id": 5, "ask": "runs"},
        {"id": 6, "ask": "run", "run": UNJUDGED},
        {"id": 7, "ask": "trace", "run": LOSSY, "order": "#7"},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "reconcile.browse", str(runs)],
        cwd=CHECKOUT,
        input="".join(json.dumps(one) + "\n" for one in questions),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table, refused, trace = map(json.loads, done.stdout.splitlines())
    assert (table["id"], len(table["value"])) == (5, 4)
    assert (refused["id"], "problem" in refused) == (6, True)
    assert str(order_id(7)) in trace["value"]
