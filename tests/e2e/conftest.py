"""Fixtures for real Locust processes on the real embedded stack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, LocustProcess, Start, locust_processes
from tests.e2e.independent import assert_each_agrees


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a `locust` of this test; at its end it is stopped, and each judged run is counted by other means."""
    homes: set[Path] = set()
    with locust_processes(tmp_path) as begin_process:

        def begin(*arguments: str, home: Path | None = None, cwd: Path = CHECKOUT, **env: str) -> LocustProcess:
            homes.add(home or tmp_path / "stack")
            return begin_process(*arguments, cwd=cwd, HARNESS_STACK_HOME=str(home or tmp_path / "stack"), **env)

        yield begin
    try:
        if len(homes) == 1:
            assert_each_agrees(tmp_path, EmbeddedStack(homes.pop()))
    finally:
        EmbeddedStack(tmp_path / "stack").clean()
