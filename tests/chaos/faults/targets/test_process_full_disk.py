"""A full disk while a process is healed: one sentence, so that healing is tried again, and no partial file."""

from pathlib import Path

import pytest

from chaos.faults.kill import KILL
from chaos.faults.targets import TargetError
from chaos.faults.targets.process import ProcessTarget
from stack import state_file
from stack.component import ManagedProcess
from stack.embedded import EmbeddedStack
from stack.settings import ServiceSettings
from stack.state_file import StackState


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_cannot_be_recorded_is_a_target_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ManagedProcess, "start", full)
    target = ProcessTarget("broker", EmbeddedStack(tmp_path))
    with pytest.raises(TargetError, match=r"broker .*: no space left on device"):
        target.heal(KILL, {"pid": 2**22, "started": 0.0}, 1.0)


def test_half_a_state_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.state_file.json.dump", full)
    with pytest.raises(OSError, match="No space left"):
        state_file.save(tmp_path / "state.json", StackState("me", ServiceSettings(), {}))
    assert list(tmp_path.iterdir()) == []
