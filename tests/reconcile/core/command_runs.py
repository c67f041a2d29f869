"""Runs for the command, their reports, and what it prints when it fails."""

from pathlib import Path

import pytest

from reconcile.__main__ import main
from reconcile.history.saved_witnesses import save_witnesses
from runlog.folder import RunFolder
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder

RUN = "20261123-073000-4f2a"


def write(builder: RunBuilder, runs: Path, *, save: bool = True) -> RunFolder:
    folder = RunFolder(runs / RUN)
    builder.write(folder)
    (runs / "latest").symlink_to(RUN)
    if save:
        history = builder.history()
        save_witnesses(folder, KEY, history.rows, history.events)
        confirm_all(folder, history)
    return folder


def reports(runs: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (runs / RUN).iterdir() if path.suffix in {".csv", ".md"}} | {
        "report.json": (runs / RUN / "report.json").read_bytes()
    }


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err
