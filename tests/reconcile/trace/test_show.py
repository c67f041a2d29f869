"""The trace of one order: found by any of its names, made of all witnesses, without any store."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconcile.__main__ import main
from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.history.saved_witnesses import save_witnesses
from reconcile.judge.judge import judge
from reconcile.trace.trace import find_cases, trace_case
from runlog.folder import RunFolder
from runlog.outcomes import Outcome
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, order_id

RUN = "20261123-073000-4f2a"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    builder = RunBuilder().calm(0).order(6, 12, event=False, took=1.0).order(7, 13, row=False)
    builder.order(8, 14, Outcome.AMBIGUOUS, row=False, event=False).published(1, 1, 30.0, 77).unanswered(9, 15)
    builder.stored(50, 999).order(10, 13, event=False).mentioned(10)
    folder = RunFolder(tmp_path / RUN)
    builder.write(folder)
    folder.logs.mkdir()
    (folder.logs / "service.log").write_text(f"x WARNING a: publish failed for order {order_id(6)}: no broker\n")
    history = builder.history()
    save_witnesses(folder, KEY, history.rows, history.events)
    confirm_all(folder, replace(history))
    return tmp_path


def shown(runs: Path, name: str, capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(["show", RUN, name, "--runs-dir", str(runs), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "name",
    [
        str(order_id(6)),
        "{" + str(order_id(6)).upper() + "}",
        order_id(6).hex,
        str(KEY.customer_id(6)),
        "#6",
        "6",
    ],
)
def test_an_order_is_found_by_each_of_its_names(runs: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (trace,) = shown(runs, name, capsys)
    assert trace["order_id"] == str(order_id(6))


def test_a_late_event_is_bracketed_by_what_proves_it_late(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last answer before the outage came at 10.3 s, the first after it at 20.9 s; it was down until 20.8 s."""
    (trace,) = shown(runs, "#2", capsys)
    (step,) = [step["text"] for step in trace["steps"] if step["witness"] == "Kafka"]
    assert step.endswith("known within 0.104 s)")


def test_a_lost_event_is_traced_in_full(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trace,) = shown(runs, "#6", capsys)
    facts = trace["facts"]
    assert facts["found to be"] == ["lost event"]
    assert facts["cause"].startswith("not_handed_over: ")
    assert facts["second look"] == "found the same"
    assert json.loads(facts["rebuilt from its row"])["key"] == str(order_id(6))
    witnesses = [step["witness"] for step in trace["steps"]]
    assert {"ledger", "Kafka", "PostgreSQL", "marks", "service log"} == set(witnesses)
    times = [step["at"] for step in trace["steps"] if step["at"] is not None]
    assert times == sorted(times)
    assert "answered after 1.000 s: HTTP 201, an order id" in json.dumps(trace)


@pytest.mark.parametrize(
    ("name", "classes", "text"),
    [
        ("#7", ["phantom event", "lost order"], "the snapshot has no row of this order"),
        ("#8", ["unresolved"], "HTTP 500, no order id"),
        ("#9", ["unresolved"], "no answer before the run ended"),
        ("#1", ["duplicate event"], "was appended (partition 0 offset"),
        (str(order_id(50)), ["lost event"], "no attempt of this run has this order id"),
        ("#2", ["late event"], "the snapshot has its row"),
        ("#10", ["disputed"], "no event of this order"),
    ],
)
def test_other_fates(runs: Path, name: str, classes: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (trace,) = shown(runs, name, capsys)
    assert trace["facts"]["found to be"] == classes
    assert text in json.dumps(trace)


def test_only_violations_were_looked_up_again(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {name: shown(runs, name, capsys)[0]["facts"]["second look"] for name in ("#2", "#7", "#10")}
    assert found == {"#2": None, "#7": "found the same", "#10": None}


def test_an_order_that_changed_is_suspected_by_itself() -> None:
    builder = RunBuilder().calm().order(0, 12, event=False).order(1, 13, event=False)
    changed = Contradiction(str(order_id(1)), "lost event", "a row, no event", "an event later", order_id(1).hex)
    history = replace(builder.history(), confirmation=Confirmation("", 2, 2, unsettled=[changed]))
    judgement = judge(history)
    facts = [
        trace_case(history, judgement, find_cases(history, judgement, str(order_id(number)))[0]).facts
        for number in (0, 1)
    ]
    assert [(one["found to be"], one["second look"]) for one in facts] == [
        (["lost event"], "found the same"),
        (["suspected lost event"], "an event later"),
    ]


def test_as_text(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", RUN, "#6", "--runs-dir", str(runs)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"order {order_id(6)}\n")
    assert "found to be             lost event" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nonsense", "ORDER_ID nonsense: not the name of an order; give an order id"),
        (str(order_id(4711)), "no ack, no row and no event of run"),
        ("#4711", "no ack, no row and no event of run"),
        ("-1", ""),
    ],
)
def test_a_wrong_name_is_one_sentence(runs: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["show", RUN, name, "--runs-dir", str(runs)])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    assert code == 2
    assert words in capsys.readouterr().err


def test_a_run_that_was_not_judged(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (runs / RUN / "witnesses").iterdir():
        path.unlink()
    assert main(["show", RUN, "#6", "--runs-dir", str(runs)]) == 2
    assert "has not been judged" in capsys.readouterr().err
