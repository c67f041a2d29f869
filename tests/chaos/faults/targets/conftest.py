"""The stack whose processes are targets."""

import pytest

from stack.embedded import EmbeddedStack


@pytest.fixture(scope="session")
def stack(left_running: EmbeddedStack) -> EmbeddedStack:
    return left_running
