"""The soak: what it draws, when it calls a report wrong, when it reports that something grew."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak import growth, tally
from benchmarks.soak.draw import ENDINGS, FAULTS, MOMENTS, OWN_STACK_EVERY, TARGETS, draw
from benchmarks.soak.independent_count import IndependentCount, complaints
from runlog.folder import RunFolder

FILES = "files in the stack home"
A, B, C = (str(uuid.UUID(int=number)) for number in (1, 2, 3))


def _count(rows: str = "", events: str = "", acknowledged: str = "") -> IndependentCount:
    ids = {"a": A, "b": B, "c": C}
    return IndependentCount(*(frozenset(ids[each] for each in letters) for letters in (rows, events, acknowledged)))


def _report(
    folder: Path, verdict: str, counts: dict[str, int], *, evidence: bool = True, **named: list[str]
) -> RunFolder:
    """A run's reports: `named` gives the ids of each file by its name."""
    run = RunFolder(folder)
    guard = {"kind": "evidence", "applies": True, "passed": evidence}
    all_counts = {"pending": 0, "visible_after_reject": 0, **counts}
    run.report.write_text(json.dumps({"verdict": verdict, "counts": all_counts, "guards": [guard]}))
    for name in ("lost-events", "phantom-events", "lost-orders"):
        ids = named.get(name.replace("-", "_"), [])
        (folder / f"{name}.csv").write_text("\n".join(["order_id,customer_id", *(f"{each},x" for each in ids)]) + "\n")
    return run


def test_a_report_that_says_what_was_counted_is_right(tmp_path: Path) -> None:
    run = _report(tmp_path, "inconsistent", {"rows": 2, "events": 1}, lost_events=[B])
    assert complaints(run, _count(rows="ab", events="a", acknowledged="ab")) == []


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (_count(rows="abc", events="a"), "lost-events.csv lacks 1"),
        (_count(rows="ab", events="ab"), "lost-events.csv names 1 ids that are none"),
        (_count(rows="ab", events="ac"), "phantom-events.csv lacks 1"),
        (_count(rows="ab", events="a", acknowledged="c"), "lost-orders.csv lacks 1"),
    ],
)
def test_a_report_that_says_something_else_is_wrong(counted: IndependentCount, said: str, tmp_path: Path) -> None:
    run = _report(tmp_path, "inconsistent", {"rows": len(counted.rows), "events": len(counted.events)}, lost_events=[B])
    assert said in " ".join(complaints(run, counted))


def test_a_clean_verdict_over_a_lost_event_is_wrong(tmp_path: Path) -> None:
    run = _report(tmp_path, "consistent", {"rows": 1, "events": 0}, lost_events=[A])
    assert any("the verdict is consistent" in each for each in complaints(run, _count(rows="a")))


def test_a_verdict_of_violations_where_there_are_none_is_wrong(tmp_path: Path) -> None:
    run = _report(tmp_path, "inconsistent", {"rows": 1, "events": 1})
    assert any("no violation" in each for each in complaints(run, _count(rows="a", events="a")))


def test_without_evidence_nothing_need_be_named_but_what_is_must_be_true(tmp_path: Path) -> None:
    run = _report(tmp_path, "inconclusive", {"rows": 0, "events": 0}, evidence=False)
    assert complaints(run, _count(rows="ab", events="a")) == []
    run = _report(tmp_path, "inconclusive", {"rows": 0, "events": 0}, evidence=False, lost_events=[A])
    assert "names 1 ids that are none" in complaints(run, _count(rows="ab", events="a"))[0]


def test_with_evidence_an_inconclusive_run_names_all_that_is_lost(tmp_path: Path) -> None:
    run = _report(tmp_path, "inconclusive", {"rows": 0, "events": 0})
    assert "lacks 1" in complaints(run, _count(rows="ab", events="a"))[0]


def test_a_row_that_a_backlog_held_need_not_be_named(tmp_path: Path) -> None:
    run = _report(tmp_path, "inconclusive", {"pending": 1})
    assert complaints(run, _count(rows="ab", events="a")) == []


def _course(values: list[float], name: str = FILES) -> growth.Course:
    return growth.courses([{name: value} for value in values])[0]


def test_what_doubles_over_the_runs_grew_and_what_only_warms_up_did_not() -> None:
    assert _course([100.0 + 10 * run for run in range(40)]).grew is True
    assert _course([10.0, 60.0, 90.0, 98.0] + [100.0 + run % 3 for run in range(36)]).grew is False
    assert _course([100.0, 200.0, 300.0]).grew is None


def test_a_full_disk_is_recognised_by_its_least() -> None:
    assert _course([9.0, 4.0, 7.0], growth.DISK) == growth.Course(growth.DISK, 9.0, 7.0, 4.0, None)


def test_a_run_is_drawn_from_the_seed_and_its_number_alone() -> None:
    drawn = [draw(7, number) for number in range(1, 301)]
    assert drawn[41] == draw(7, 42)
    assert drawn != [draw(8, number) for number in range(1, 301)]
    assert {one.fault for one in drawn} == set(FAULTS)
    assert {one.target for one in drawn} == set(TARGETS)
    assert {one.ending for one in drawn} == set(ENDINGS)
    assert {one.moment for one in drawn} == set(MOMENTS)
    assert [one.number for one in drawn if one.own_stack] == list(range(OWN_STACK_EVERY, 301, OWN_STACK_EVERY))


def test_the_tally_says_what_was_wrong_and_how_to_repeat_it() -> None:
    fine: dict[str, Any] = {"in_time": True, "code": 1, "verdict": "inconsistent", "reason": "", "seconds": 9.0}
    results = [
        tally.SoakResult(drawn=draw(7, 1), wrong=(), sizes={FILES: 1.0}, **fine),
        tally.SoakResult(drawn=draw(7, 2), wrong=("the broker is unhealthy",), sizes={FILES: 1.0}, **fine),
    ]
    text = tally.text(results, growth.courses([one.sizes for one in results]), 7)
    assert "WRONG in run 2: the broker is unhealthy" in text
    assert "--seed 7 --first 2 --runs 1" in text
    assert "--first 1 " not in text
    assert tally.line(results[0]).endswith("ok")
    assert tally.line(results[1]).endswith("WRONG")
