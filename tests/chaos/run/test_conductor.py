"""What makes the exit code of a run worse is a mark before the run is judged, so that its report says the same."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.run.conductor import Conductor
from chaos.run.plan import RunPhase
from chaos.run.run_setup import OpenRun
from runlog import exit_codes, marks
from settings.run_settings import make_settings


class Recording:
    """Remembers what is written, and what was there when the run was judged."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []
        self.trouble: str | None = None
        self.monitor = SimpleNamespace(trouble=None)
        self.clock = SimpleNamespace(now=lambda: 1.0)
        self.in_use = SimpleNamespace(close=lambda: None)
        self.folder: Any = SimpleNamespace(report=Path(__file__))

    def mark_now(self, name: str, outage: int | None = None, **detail: object) -> None:
        self.written.append((name, detail.get("exit_code")))

    def close(self, statistics: object) -> None:
        self.written.append((marks.ENDED, None))


def wound_up(load: Any, code: int | None = 0) -> tuple[Conductor, Recording, list[list[tuple[str, Any]]]]:
    recording, judged = Recording(), []
    recording.folder.report = Path(__file__) if code is not None else Path(__file__) / "nothing"

    def judge(folder: object, sut: object) -> int | None:
        judged.append(list(recording.written))
        return code

    harness: Any = SimpleNamespace(judge=judge, statistics=lambda: [])
    conductor = Conductor(harness, make_settings({}), {})
    conductor.not_restored = True  # nothing here is asked whether it is healthy
    parts: dict[str, Any] = {
        "sut": None,
        "recording": recording,
        "load": load,
        "injector": SimpleNamespace(broken=False),
        "watchdog": SimpleNamespace(disarm=lambda: None, unwritten=None),
        "live": SimpleNamespace(close=lambda: recording.written.append(("counted", None))),
    }
    conductor._plan_runner.open = OpenRun(**parts)
    conductor._wind_up()
    conductor.not_restored = False
    return conductor, recording, judged


def load(trouble: str | None = None, *, raises: bool = False) -> Any:
    def close(at: float) -> None:
        if raises:
            raise ZeroDivisionError("planted")

    return SimpleNamespace(trouble=trouble, close=close, finish=lambda in_order: None)


@pytest.mark.parametrize("broken", [load("the disk is full"), load(raises=True)])
def test_a_failure_at_the_end_is_a_mark_before_the_run_is_judged(broken: Any) -> None:
    conductor, _, judged = wound_up(broken)
    assert exit_codes.strongest(conductor._codes) == exit_codes.USAGE_OR_CRASH
    (seen,) = judged
    assert (marks.FAILED, exit_codes.USAGE_OR_CRASH) in seen


def test_a_run_that_ends_in_order_has_no_such_mark() -> None:
    conductor, recording, judged = wound_up(load())
    assert conductor._codes == [exit_codes.AS_EXPECTED]
    assert judged == [recording.written] == [[("counted", None), (marks.ENDED, None)]]
    assert not conductor.progress.cut


def test_what_comes_after_the_verdict_is_a_mark_and_judged_again() -> None:
    conductor, recording, judged = wound_up(load())
    conductor.worsen(marks.LISTENER, ["shop.check set the exit code 5"], exit_codes.NOT_AS_EXPECTED)
    assert conductor.exit_code == exit_codes.NOT_AS_EXPECTED
    assert conductor.phase is RunPhase.DONE
    assert len(judged) == 2
    assert judged[1][-1] == recording.written[-1] == (marks.LISTENER, exit_codes.NOT_AS_EXPECTED)


def test_counting_ends_before_the_history_is_saved_whatever_fails() -> None:
    _, recording, _ = wound_up(load(raises=True))
    assert [name for name, _ in recording.written if name != marks.FAILED] == ["counted", marks.ENDED]


def test_a_run_that_was_not_judged_says_so_in_its_phases() -> None:
    conductor, _, _ = wound_up(load(), None)
    assert conductor.progress.cut == {RunPhase.RECONCILE}


def test_a_worse_code_stays() -> None:
    conductor, _, _ = wound_up(load(), exit_codes.INCONCLUSIVE)
    conductor.worsen(marks.LISTENER, ["shop.check set the exit code 5"], exit_codes.NOT_AS_EXPECTED)
    assert conductor.exit_code == exit_codes.INCONCLUSIVE
