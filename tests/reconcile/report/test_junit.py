"""`junit.xml` says what the exit code says, one case for each guard and expectation."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.history.history import History
from reconcile.judge.judge import judge
from reconcile.report.junit_report import junit_report
from runlog import marks as m
from runlog.marks import Mark
from runlog.outcomes import Outcome
from tests.reconcile.core.run_builder import T0, RunBuilder, facts, order_id


def suite_of(history: History) -> ET.Element:
    root = ET.fromstring(junit_report(history, judge(history)))  # noqa: S314
    assert root.tag == "testsuites"
    (suite,) = root
    cases = suite.findall("testcase")
    assert suite.get("tests") == str(len(cases)) == root.get("tests")
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(kind) == str(sum(case.find(tag) is not None for case in cases))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)
    return suite


def state(history: History, name: str) -> str:
    (case,) = [case for case in suite_of(history).findall("testcase") if case.get("name") == name]
    for tag in ("failure", "error", "skipped"):
        if case.find(tag) is not None:
            return tag
    return "passed"


def lossy(expect: str = "consistent") -> RunBuilder:
    return RunBuilder(facts=facts(expect=expect)).calm().order(1, 12, event=False)


WRONG = Contradiction(str(order_id(1)), "lost event", "a row, no event", "a row, an event")
RUNS = {
    "consistent": RunBuilder().calm().history(),
    "lossy, not expected": lossy().history(),
    "lossy, expected": lossy("lost-events").history(),
    "any": lossy("any").history(),
    "none lost, though expected": replace(RunBuilder().calm().history(), facts=facts(expect="lost-events")),
    "inconclusive": lossy().without(m.DRAINED).history(),
    "vacuous, but lost": lossy("lost-events").mark(m.ENDED, wall_step=9.0).history(),
    "vacuous": RunBuilder().calm().mark(m.ENDED, wall_step=9.0).history(),
    "interrupted": replace(
        lossy("any").history(),
        marks=[*lossy().marks[:-1], Mark(T0 + 33.4, m.INTERRUPTED, None, {"reason": "SIGINT", "exit_code": 130})],
    ),
    "raised by a listener": replace(
        lossy("any").history(),
        marks=[*lossy().marks, Mark(T0 + 40, m.LISTENER, None, {"reason": "shop.check set 5", "exit_code": 1})],
    ),
    "harness wrong": replace(lossy("any").history(), confirmation=Confirmation("", 1, 1, refuted=[WRONG])),
}


@pytest.mark.parametrize("name", RUNS)
def test_it_fails_exactly_when_the_exit_code_does(name: str) -> None:
    suite = suite_of(RUNS[name])
    clean = suite.get("failures") == "0" and suite.get("errors") == "0"
    assert clean == (judge(RUNS[name]).ruling.exit_code == 0)


def test_each_guard_and_expectation_has_a_case() -> None:
    history = RUNS["lossy, not expected"]
    assert state(history, "no lost events") == "failure"
    assert state(history, "no phantom events") == "passed"
    assert state(history, "fault proven") == "passed"
    assert state(history, "phantoms provoked") == "skipped"
    assert state(history, "verdict as expected: consistent") == "failure"
    assert state(RUNS["inconclusive"], "drain complete") == "failure"
    assert state(RUNS["vacuous, but lost"], "clock steady") == "skipped"
    assert state(RUNS["vacuous"], "clock steady") == "failure"
    assert state(RUNS["harness wrong"], "violations confirmed") == "error"
    assert state(RUNS["interrupted"], "completed") == "error"


def message(history: History, name: str) -> str | None:
    (case,) = [case for case in suite_of(history).findall("testcase") if case.get("name") == name]
    return next((said.get("message") for said in case if said.tag in {"failure", "error", "skipped"}), None)


def test_what_is_unknown_is_neither_green_nor_red() -> None:
    doubtful, vacuous = RUNS["inconclusive"], RUNS["vacuous"]
    first = f"1 event suspected lost: {order_id(1)}"
    assert message(doubtful, "no lost events") == f"inconclusive: {first}"
    assert (message(doubtful, "no lost orders") or "").startswith("inconclusive: drain complete (evidence): ")
    assert (message(vacuous, "no lost events") or "").startswith("inconclusive: clock steady (vacuity): ")
    beside = (
        RunBuilder(facts=facts(expect="any")).calm().order(1, 12, event=False).mark(m.ENDED, wall_step=9.0).history()
    )
    assert (message(beside, "clock steady") or "").startswith("inconclusive: the wall clock moved")
    unended = replace(RUNS["lossy, expected"], marks=RUNS["lossy, expected"].marks[:-1])
    assert message(unended, "completed") == "inconclusive: the run has no end mark"
    assert message(RUNS["consistent"], "no lost events") is None


def test_a_failure_names_counts_and_first_ids() -> None:
    builder = RunBuilder().calm()
    for seq in range(1, 6):
        builder.order(seq, 11 + seq / 10, event=False)
    history = builder.order(9, 13, Outcome.REJECTED, event=False, row=True).history()
    ids = ", ".join(str(order_id(seq)) for seq in (1, 2, 3))
    assert message(history, "no lost events") == f"6 lost events: {ids}, ..."
    assert message(history, "no orders visible after reject") == f"1 order visible after reject: {order_id(9)}"
    assert f"; 6 lost events: {ids}" in (message(history, "verdict as expected: consistent") or "")


def test_a_listener_that_makes_the_exit_code_worse_is_a_failure() -> None:
    builder = lossy("lost-events")
    builder.marks.append(Mark(T0 + 33.6, m.LISTENER, None, {"reason": "locustfile.py set 7", "exit_code": 1}))
    history = builder.history()
    assert judge(history).ruling.exit_code == 1
    assert (message(history, "exit code 0") or "").endswith("locustfile.py set 7")
    assert "exit code 0" not in [case.get("name") for case in suite_of(RUNS["lossy, expected"])]


def test_what_xml_cannot_hold_becomes_a_question_mark() -> None:
    history = RUNS["interrupted"]
    detail = {"reason": 'a\x00b\x1b<&>\ufffe"', "exit_code": 130}
    history = replace(history, marks=[*history.marks[:-1], Mark(T0 + 33.4, m.INTERRUPTED, None, detail)])
    (error,) = suite_of(history).iter("error")
    assert error.get("message") == 'a?b?<&>?"'
