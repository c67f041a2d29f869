"""The text of `python -m stack status`, from its document alone."""

from typing import Any

import pytest

from stack.status import as_text


def document_of(started: tuple[str, ...], *, with_service: bool = True) -> dict[str, Any]:
    entry = {"up": True, "healthy": True, "pid": 7, "detail": "answered"}
    return {
        "up": len(started) == 3, "with_service": with_service, "home": "h", "owner": "o", "database": "d", "user": "u",
        "topic": "t", "unrecorded": [], "components": {name: dict(entry) for name in started},
        "ports": dict.fromkeys(("database", "broker", "service"), 1),
    }  # fmt: skip


@pytest.mark.parametrize("started", [("database", "broker"), ("database", "broker", "service")])
def test_a_component_that_was_never_started_is_named(started: tuple[str, ...]) -> None:
    text = as_text(document_of(started))
    assert ("  service   never started (python -m stack up starts it)" in text) is ("service" not in started)
    assert text.count("never started") == 3 - len(started)


def test_a_service_that_was_not_asked_for_is_left_out() -> None:
    text = as_text(document_of(("database", "broker"), with_service=False))
    assert "  service   left out (python -m stack up starts it)" in text
    assert "never started" not in text


@pytest.mark.parametrize(("mode", "shown"), [("plain", False), (None, False), ("latency 0.3 s", True)])
def test_a_mode_that_is_not_plain_is_shown(mode: str | None, shown: bool) -> None:
    document = document_of(("database", "broker", "service"))
    document["components"]["proxy"] = {"up": True, "healthy": True, "pid": 8, "detail": "answered", "mode": mode}
    assert ("answered; degraded by latency 0.3 s (python -m stack up makes it plain)" in as_text(document)) is shown
