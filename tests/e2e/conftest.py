"""Fixtures for real Locust processes on the real embedded stack."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.harness import CHECKOUT, LocustProcess, Start
from tests.e2e.independent import assert_each_agrees


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a `locust` of this test; at its end it is stopped, and each judged run is counted by other means."""
    begun: list[LocustProcess] = []
    homes: set[Path] = set()

    def begin(*arguments: str, home: Path | None = None, cwd: Path = CHECKOUT, **env: str) -> LocustProcess:
        folder = tmp_path / f"locust-{len(begun)}"
        folder.mkdir()
        home = home or tmp_path / "stack"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        process = LocustProcess(list(arguments), folder, {**clean, "HARNESS_STACK_HOME": str(home), **env}, cwd)
        begun.append(process)
        homes.add(home)
        return process

    yield begin
    for process in begun:
        if process.process.poll() is None:
            process.process.terminate()
            process.end()
    try:
        if len(homes) == 1:
            assert_each_agrees(tmp_path, EmbeddedStack(homes.pop()))
    finally:
        EmbeddedStack(tmp_path / "stack").clean()
