"""A whole embedded stack to be broken and changed, and a TCP proxy in front of an echo server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from tests.stack.fronted import Fronted
from tests.stack.tcp_peers import echo, target


@pytest.fixture(scope="session")
def stack(left_running: EmbeddedStack) -> EmbeddedStack:
    return left_running


@pytest.fixture
def echoing(tmp_path: Path) -> Iterator[Fronted]:
    with target(echo) as port:
        fronted = Fronted(tmp_path / "stack", port)
        yield fronted
        fronted.proxy.kill()
