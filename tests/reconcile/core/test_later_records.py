"""Looking again at a run: what may be read on, and what the exit code and the sentences say."""

from dataclasses import replace

import numpy as np
import pytest

from reconcile.judge.judge import judge
from reconcile.later_records import LOST, LaterRecords, _gap, _missing, summary
from tests.reconcile.core.run_builder import T0, RunBuilder

FOUND = LaterRecords(
    cases=np.array([0, 1]),
    was=[LOST, LOST],
    there=np.array([True, False]),
    partition=np.array([0, -1]),
    offset=np.array([900, -1]),
    read_at=(T0 + 35, T0 + 95),
    problem=None,
)


@pytest.mark.parametrize(
    ("there", "problem", "code"),
    [([True, True], None, 0), ([True, False], None, 1), ([False, False], None, 1), ([True, True], "gone", 3)],
)
def test_the_exit_code_says_whether_something_is_still_missing(
    there: list[bool], problem: str | None, code: int
) -> None:
    assert replace(FOUND, there=np.array(there), problem=problem).exit_code == code


def test_nothing_missing_is_nothing_to_find() -> None:
    none = np.array([], dtype=np.int64)
    assert LaterRecords(none, [], none.astype(np.bool_), none, none, (T0, T0), None).exit_code == 0


BEFORE = {0: 10, 1: 20}


@pytest.mark.parametrize(
    ("lows", "ends", "topic", "gap"),
    [
        ({0: 0, 1: 0}, {0: 10, 1: 25}, ("a", "a"), None),
        ({0: 10, 1: 20}, {0: 10, 1: 25}, ("a", None), None),
        ({0: 0, 1: 0}, {0: 10, 1: 25}, ("a", "b"), "the topic was deleted and created again since the run"),
        ({0: 0, 1: 0}, {0: 9, 1: 25}, (None, None), "the log of partition 0 is shorter than at the end of the run"),
        ({0: 0}, {0: 10}, (None, None), "the log of partition 1 is shorter than at the end of the run"),
        (
            {0: 11, 1: 0},
            {0: 12, 1: 25},
            ("a", "a"),
            "records that came to partition 0 since the run were deleted already",
        ),
    ],
)
def test_what_is_between_then_and_now_must_be_there(
    lows: dict[int, int], ends: dict[int, int], topic: tuple[str | None, str | None], gap: str | None
) -> None:
    assert _gap(BEFORE, lows, ends, topic) == gap


def test_each_kind_of_what_was_missing_is_named_apart() -> None:
    builder = RunBuilder(pending=[3]).calm().order(1, 12, event=False).order(2, 13, row=False).order(3, 14, event=False)
    counted = {name: int(mask.sum()) for name, mask in _missing(judge(builder.history())).items()}
    assert {name: count for name, count in counted.items() if count} == {
        "lost event": 1,
        "pending order": 1,
        "phantom event": 1,
        "lost order": 1,
    }


def test_the_summary_says_how_late_and_what_is_left() -> None:
    history = RunBuilder().order(1, 12, event=False).order(2, 13, event=False).history()
    said = summary(history, judge(history), FOUND, "runs/x/look-again.csv").splitlines()
    assert said[1].endswith("where the run's reading ended, to 2026-11-18T11:08:15Z, 1 m later")
    assert said[2] == ("2 lost events: 1 with an event by now (23 to 83 s after the order was sent), 1 without one")
    assert said[-1] == "exit code 1"
