"""A whole embedded stack, the order service included, for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.embedded import EmbeddedStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    embedded = EmbeddedStack(tmp_path_factory.mktemp("embedded") / "stack")
    try:
        embedded.up(owner="test")
        yield embedded
    finally:
        embedded.clean()
