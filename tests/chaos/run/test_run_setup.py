"""A run that cannot be opened to its end leaves nothing running."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.run import run_setup
from chaos.run.plan import make_plan
from chaos.run.run_progress import RunProgress
from settings.run_settings import make_settings


@pytest.mark.parametrize("fails", ["preflight", "load", "nothing"])
def test_what_was_opened_is_closed_when_the_next_part_fails(
    fails: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[str] = []
    named = SimpleNamespace(run_id="run", marks=None, logs=tmp_path)
    recording = SimpleNamespace(
        folder=named, monitor=None, clock=None,
        close=lambda statistics: ended.append("recording"),
        in_use=SimpleNamespace(close=lambda: ended.append("use")),
    )  # fmt: skip

    def opened(part: str, value: object) -> Any:
        if part == fails:
            raise OSError("the disk is full")
        return value

    live = SimpleNamespace(close=lambda: ended.append("counter"))
    monkeypatch.setattr(run_setup, "heal_earlier", lambda *_, later: None)
    monkeypatch.setattr(run_setup, "arm_watchdog", lambda *_: None)
    monkeypatch.setattr(run_setup, "topic_start", lambda *_: object())
    monkeypatch.setattr(run_setup, "Preflight", lambda *_: SimpleNamespace(run=lambda: opened("preflight", None)))
    monkeypatch.setattr(run_setup, "Recording", lambda *_: recording)
    monkeypatch.setattr(run_setup, "start_live_counter", lambda *_: live)
    watchdog = SimpleNamespace(disarm=lambda: ended.append("watchdog"))
    harness: Any = SimpleNamespace(
        watchdog=watchdog, watched=True, draws=False,
        prepare=lambda settings: SimpleNamespace(kafka={}, topic="orders"),
        open_load=lambda *_: opened("load", "the load"),
    )  # fmt: skip
    settings = make_settings({"runs_dir": str(tmp_path)})

    def open_one() -> run_setup.OpenRun:
        return run_setup.open_run(harness, settings, {}, make_plan(settings), RunProgress())

    if fails == "nothing":
        assert isinstance(open_one().load, str)
        assert not ended
        return
    with pytest.raises(OSError, match="the disk is full"):
        open_one()
    assert ended == {"preflight": ["watchdog"], "load": ["counter", "recording", "use", "watchdog"]}[fails]
