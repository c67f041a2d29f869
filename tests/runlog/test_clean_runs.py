"""`make clean-runs`: which folders it removes, and all that it must keep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runlog.clean_runs import choose, main
from runlog.folder import RunFolder, runs_in
from runlog.judgement_status import why_not_judged
from runlog.locks import InUse, is_in_use

CHECKOUT = Path(__file__).resolve().parents[2]
Said = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LOCUST_RUNS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def leave(runs: Path, number: int, **changes: Any) -> RunFolder:
    """Leave the folder of a judged run; `changes` replace files by name (None: left out)."""
    folder = RunFolder(runs / f"20261123-0730{number:02d}-4f2a")
    folder.witnesses.mkdir(parents=True)
    complete = {"complete": True}
    files: dict[str, Any] = {
        "run": {"run_key": "0123456789ab4def"},
        "report": {"exit_code": 0, "confirmation": {"eligible": 3}},
        "witness": {"run_key": "0123456789ab4def", "rows": complete, "events": complete},
        "confirmation": complete,
    }
    places = {"run": folder.facts, "report": folder.report}
    for name, content in {**files, **changes}.items():
        if content is not None:
            places.get(name, folder.witnesses / f"{name}.json").write_text(json.dumps(content))
    return folder


def names(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir())


def test_the_oldest_are_removed_after_being_listed(runs: Path, capsys: Said) -> None:
    for number in range(13):
        leave(runs, number)
    (runs / "latest").symlink_to(runs / "20261123-073012-4f2a")
    before = names(runs)
    assert main(["--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert names(runs) == before
    assert dry.count("would be removed: ") == 3
    assert main([]) == 0
    printed = capsys.readouterr().out
    for number in range(3):
        assert f"runs/20261123-0730{number:02d}-4f2a" in dry
        assert f"removed: runs/20261123-0730{number:02d}-4f2a" in printed
    assert names(runs) == [f"20261123-0730{number:02d}-4f2a" for number in range(3, 13)] + ["latest"]
    assert main(["--keep", "0"]) == 0
    assert names(runs) == []


def test_what_is_no_run_is_kept(runs: Path, tmp_path: Path) -> None:
    leave(runs, 1)
    elsewhere = leave(tmp_path / "elsewhere", 2)
    (elsewhere.path / "precious").write_text("kept")
    (runs / "20261123-073009-4f2a").symlink_to(elsewhere.path)
    (runs / "20261123-073008-4f2a").mkdir()  # no run.json
    (runs / "20261123-073007-4f2a").mkdir()
    (runs / "20261123-073007-4f2a/run.json").symlink_to(elsewhere.facts)
    (runs / "20261123-073006-4f2a").write_text("a file")
    (runs / "my-notes").mkdir()
    (runs / "my-notes/run.json").write_text("{}")
    assert [folder.run_id for folder in runs_in(runs)] == ["20261123-073001-4f2a"]
    before = names(runs)
    assert main(["--keep", "0", "--force"]) == 0
    assert names(runs) == [name for name in before if name != "20261123-073001-4f2a"]
    assert (elsewhere.path / "precious").read_text() == "kept"


def test_a_link_inside_a_run_is_not_followed(runs: Path, tmp_path: Path) -> None:
    folder = leave(runs, 1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/precious").write_text("kept")
    (folder.logs).symlink_to(tmp_path / "data")
    (folder.path / "one").symlink_to(tmp_path / "data/precious")
    assert main(["--keep", "0"]) == 0
    assert names(runs) == []
    assert (tmp_path / "data/precious").read_text() == "kept"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"witness": None}, "its rows and events are not saved"),
        ({"witness": [1]}, "its rows and events are not saved"),
        ({"witness": {"run_key": "0123456789ab4dee"}}, "of another run"),
        ({"witness": {"run_key": "0123456789ab4def", "rows": {"complete": False}}}, "PostgreSQL"),
        ({"witness": {"run_key": "0123456789ab4def", "rows": {"complete": True}, "events": {}}}, "Kafka"),
        ({"report": None}, "report.json"),
        ({"confirmation": None}, "not verified"),
        ({"confirmation": {"complete": False}}, "not verified"),
    ],
)
def test_a_run_that_is_not_judged_is_kept_unless_forced(
    runs: Path, capsys: Said, changes: dict[str, Any], words: str
) -> None:
    folder = leave(runs, 1, **changes)
    assert words in str(why_not_judged(folder))
    assert main(["--keep", "0"]) == 0
    assert f"kept: runs/{folder.run_id} (not judged completely: " in capsys.readouterr().out
    assert folder.path.is_dir()
    assert main(["--keep", "0", "--force", "--dry-run"]) == 0
    assert folder.path.is_dir()
    assert main(["--keep", "0", "--force"]) == 0
    assert not folder.path.exists()


@pytest.mark.parametrize("report", [{"confirmation": None}, {"confirmation": {"eligible": 0}}])
def test_without_violations_there_is_nothing_to_verify(runs: Path, report: dict[str, Any]) -> None:
    assert why_not_judged(leave(runs, 1, report=report, confirmation=None)) is None


@pytest.mark.process
def test_a_run_in_use_is_kept_for_as_long_as_its_process_lives(runs: Path) -> None:
    folder = leave(runs, 1)
    hold = "import sys; from pathlib import Path; from runlog.folder import RunFolder\n"
    hold += "from runlog.locks import InUse\n"
    hold += "kept = InUse(RunFolder(Path(sys.argv[1]))); print('held', flush=True); input()"
    with (
        subprocess.Popen(
            [sys.executable, "-c", hold, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT
        ) as process,
        InUse(folder) as second,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        second.close()
        assert is_in_use(folder)
        assert [one.kept_because for one in choose([folder], 0, force=True)] == ["it is still recorded or judged"]
        assert main(["--keep", "0", "--force"]) == 0
        assert folder.path.is_dir()
        process.kill()
        process.wait()
        assert not is_in_use(folder)
    assert main(["--keep", "0", "--force"]) == 0
    assert not folder.path.exists()


@pytest.mark.parametrize("keep", ["-1", "x", "", "1.5", "²"])
def test_a_wrong_number(runs: Path, capsys: Said, keep: str) -> None:
    folder = leave(runs, 1)
    assert main([f"--keep={keep}"]) == 2
    said = capsys.readouterr().err
    assert said == f"clean-runs: --keep {keep}: not a whole number of runs to keep; give one such as 10\n"
    assert folder.path.is_dir()


def test_no_runs_at_all(runs: Path, capsys: Said) -> None:
    runs.rmdir()
    assert main([]) == 0
    assert capsys.readouterr().out == "no runs: there is no folder runs\n"


@pytest.mark.process
def test_make_hands_its_variables_on(runs: Path) -> None:
    # Without the variables of a `make test` that runs this.
    outer = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS", "KEEP", "DRY", "FORCE")
    clean = {name: value for name, value in os.environ.items() if name not in outer}

    def make(*variables: str) -> str:
        done = subprocess.run(
            ["make", "--no-print-directory", "clean-runs", *variables],
            cwd=CHECKOUT,
            env={**clean, "LOCUST_RUNS_DIR": str(runs)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    leave(runs, 1)
    leave(runs, 2, witness=None)
    assert "0 of 2 runs" in make()
    assert "1 of 2 runs" in make("KEEP=0", "DRY=1")
    assert "2 of 2 runs" in make("KEEP=0", "DRY=1", "FORCE=1")
    assert names(runs) == ["20261123-073001-4f2a", "20261123-073002-4f2a"]
    assert "1 of 2 runs" in make("KEEP=0", "FORCE=0", "DRY=0")
    assert names(runs) == ["20261123-073002-4f2a"]


@pytest.mark.process
def test_nothing_needs_to_be_set_up(runs: Path) -> None:
    leave(runs, 1)
    command = [sys.executable, "-S", "-m", "runlog.clean_runs", "--runs-dir", str(runs), "--keep", "0"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(runs) == []
