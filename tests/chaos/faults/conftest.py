"""The little service and its watchdogs, for every test of healing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chaos.faults.watchdog import liveness
from tests.chaos.faults.little_service import Charged, Little, Orphan


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Little]:
    """A service that does not run yet, and folders of this test for journals and leases."""
    monkeypatch.setenv("HARNESS_STACK_HOME", str(tmp_path / "no-stack"))
    monkeypatch.setenv("HARNESS_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(liveness, "ANSWER_S", 2.0)
    (tmp_path / "folder").mkdir()
    one = Little(tmp_path / "folder")
    yield one
    one.close()


@pytest.fixture
def orphan(little: Little) -> Iterator[Callable[..., Orphan]]:
    """Leave a watchdog behind; what still runs at the test's end is ended."""
    left: list[Orphan] = []

    def leave(**given: object) -> Orphan:
        left.append(Orphan.left(little, **given))  # type: ignore[arg-type]
        return left[-1]

    yield leave
    for one in left:
        one.close()


@pytest.fixture
def charged(little: Little) -> Iterator[Callable[..., Charged]]:
    """Start a watchdog of this process; what still runs at the test's end is ended."""
    started: list[Charged] = []

    def start(**commands: str) -> Charged:
        started.append(Charged(little, **commands))
        return started[-1]

    yield start
    for one in started:
        one.close()
