"""What `python -m stack status` prints, from its document alone."""

from typing import Any

import pytest

from stack.status import as_text


@pytest.mark.parametrize("started", [("database", "broker"), ("database", "broker", "service")])
def test_a_component_that_was_never_started_is_named(started: tuple[str, ...]) -> None:
    entry = {"up": True, "healthy": True, "pid": 7, "detail": "answered"}
    document: dict[str, Any] = {
        "up": len(started) == 3, "home": "h", "owner": "o", "database": "d", "user": "u", "topic": "t",
        "unrecorded": [], "components": dict.fromkeys(started, entry),
        "ports": dict.fromkeys(("database", "broker", "service"), 1),
    }  # fmt: skip
    text = as_text(document)
    assert ("  service   never started (python -m stack up starts it)" in text) is ("service" not in started)
    assert text.count("never started") == 3 - len(started)
