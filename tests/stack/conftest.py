"""A whole embedded stack for the tests of one file, and a TCP proxy in front of an echo server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from tests.stack.fronted import Fronted
from tests.stack.tcp_peers import echo, target


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    embedded = EmbeddedStack(tmp_path_factory.mktemp("embedded") / "stack")
    try:
        embedded.up(owner="test")
        yield embedded
    finally:
        embedded.clean()


@pytest.fixture
def echoing(tmp_path: Path) -> Iterator[Fronted]:
    with target(echo) as port:
        fronted = Fronted(tmp_path / "stack", port)
        yield fronted
        fronted.proxy.kill()
