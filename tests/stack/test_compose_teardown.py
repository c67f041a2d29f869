"""A teardown of a compose project ends only when the project stands as wanted; Compose and engine are made up."""

from types import SimpleNamespace
from typing import Any

import pytest

from stack.compose import ComposeStack
from stack.errors import StackError


def stack_of(monkeypatch: pytest.MonkeyPatch, *found: str | StackError) -> tuple[ComposeStack, list[str]]:
    """Return a stack of which each command fails as given, or leaves the project in the given state."""
    stack, commands, outcomes = ComposeStack(project="shop"), list[str](), list(found)

    def run(command: str, **_: Any) -> None:
        commands.append(command)
        if isinstance(failure := outcomes[0], StackError):
            outcomes.pop(0)
            raise failure

    monkeypatch.setattr(stack, "_run", run)
    project = SimpleNamespace(status=lambda: outcomes.pop(0))
    monkeypatch.setattr(ComposeStack, "project", property(lambda _: project))
    return stack, commands


def test_it_is_repeated_while_the_engine_still_creates_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, commands = stack_of(monkeypatch, StackError("the network has active endpoints"), "running", "absent")
    stack.down()
    assert commands == ["down"] * 3


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_stop_may_leave_containers_or_none(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    stack, commands = stack_of(monkeypatch, state)
    stack.stop()
    assert commands == ["stop"]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ("stopped", "down of compose project shop ended, but it is still stopped"),
        (StackError("the engine is gone"), "the engine is gone"),
    ],
)
def test_what_never_goes_is_an_error(monkeypatch: pytest.MonkeyPatch, last: str | StackError, message: str) -> None:
    stack, commands = stack_of(monkeypatch, "running", "running", last)
    with pytest.raises(StackError) as error:
        stack.down()
    assert str(error.value) == message
    assert commands == ["down"] * 3
