"""Compose's command line as a child process: an interrupt lets a command end that is nearly done, and no other."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from stack import compose_cli, process
from stack.compose_cli import ComposeCommand

pytestmark = pytest.mark.process
# Starts, waits until it may end, and leaves a file when it does.
SCRIPT = """
import pathlib, sys, time
here = pathlib.Path(sys.argv[-1])
(here / "began").touch()
while not (here / "may-end").exists():
    time.sleep(0.01)
(here / "ended").touch()
"""


class Interrupted(BaseException):
    """Like KeyboardInterrupt, which pytest takes for its own."""


@pytest.fixture
def interrupt() -> Iterator[None]:
    def interrupted(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupted)
    yield
    signal.signal(signal.SIGUSR1, before)


def run_and_interrupt(folder: Path, *, may_end: bool) -> None:
    """Run a command, interrupt it once it runs, and then let it end or not."""
    script = folder / "compose.py"
    script.write_text(SCRIPT, encoding="utf-8")

    def act() -> None:
        assert process.wait_until((folder / "began").exists, 20)
        os.kill(os.getpid(), signal.SIGUSR1)
        if may_end:
            (folder / "may-end").touch()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        command = ComposeCommand((sys.executable, str(script)), folder / "compose.yml", "p")
        with pytest.raises(Interrupted):
            command.run(str(folder), env={}, timeout_s=30, doing="a test")
    finally:
        thread.join()


def test_an_interrupted_command_that_is_nearly_done_ends_by_itself(tmp_path: Path, interrupt: None) -> None:
    """Else the engine would create its container after the project was taken down."""
    run_and_interrupt(tmp_path, may_end=True)
    assert (tmp_path / "ended").exists()


def test_an_interrupted_command_that_takes_long_is_killed(
    tmp_path: Path, interrupt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose_cli, "_GRACE_S", 0.1)
    run_and_interrupt(tmp_path, may_end=False)
    assert not (tmp_path / "ended").exists()
