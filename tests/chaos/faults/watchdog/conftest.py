"""The target of the test's own, its fault controller, and a clock that the test moves."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaos.faults.watchdog import fault_controller
from tests.chaos.faults.watchdog.stage import Server, Stage
from tests.http_server import serving


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    with serving(one.health) as served:
        one.url = f"http://127.0.0.1:{served.server_port}/health"
        yield one


@pytest.fixture
def stage(server: Server, tmp_path: Path) -> Stage:
    one = Stage(server, tmp_path)
    assert one.controller.arm(one.arm) is None
    return one


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass for the fault controller; nothing else does."""
    now = time.monotonic()

    def let_pass(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(fault_controller, "time", SimpleNamespace(monotonic=lambda: now))
    return let_pass
