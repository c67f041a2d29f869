"""A run that is still going is not judged, and several that judge one run come to the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile.__main__ import main
from reconcile.history.saved_witnesses import save_witnesses
from runlog.folder import RunFolder
from runlog.locks import JudgedElsewhere, is_recorded, judging
from runlog.marks import MarksWriter
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts

pytestmark = pytest.mark.process

HOLD = (
    "import sys; from pathlib import Path; from runlog.marks import MarksWriter\n"
    "writer = MarksWriter(Path(sys.argv[1])); print('held', flush=True); input()"
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    builder = RunBuilder(facts=facts(expect="lost-events")).calm(0).order(6, 12, event=False)
    made = RunFolder(tmp_path / "20261123-073000-4f2a")
    builder.write(made)
    history = builder.history()
    save_witnesses(made, KEY, history.rows, history.events)
    confirm_all(made, history)
    return made


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def test_a_run_that_is_still_recorded_is_neither_judged_nor_touched(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    writer = MarksWriter(folder.marks)
    assert main([str(folder.path), "--quiet"]) == 2
    said = "is still running; judge it when it has ended (nothing was read or written)"
    assert capsys.readouterr().err == f"reconcile: run 20261123-073000-4f2a {said}\n"
    assert contents(folder) == before
    writer.close()
    assert main([str(folder.path), "--quiet"]) == 0


def test_no_saved_witness_is_made_of_a_run_that_is_still_recorded(folder: RunFolder) -> None:
    """What the stores said in its middle must not be what the run's own judging finds."""
    for path in folder.witnesses.iterdir():
        path.unlink()
    writer = MarksWriter(folder.marks)
    stores = ["--database-url", "postgresql://127.0.0.1:1/none", "--kafka-bootstrap", "127.0.0.1:1"]
    assert main([str(folder.path), "--quiet", *stores]) == 2
    assert list(folder.witnesses.iterdir()) == []
    writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_recorder_that_died_holds_nothing(folder: RunFolder, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.marks)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_recorded(folder)
        holder.send_signal(number)
        holder.wait(10)
    assert not is_recorded(folder)
    assert main([str(folder.path), "--quiet"]) == 0


def test_the_second_of_two_waits_for_the_first_and_says_so(folder: RunFolder) -> None:
    command = [sys.executable, "-u", "-m", "reconcile", str(folder.path), "--quiet"]
    with judging(folder, print):
        second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert "is judged by another process just now" in second.stderr.readline()
        assert not folder.report.exists()
    assert second.wait(30) == 0
    second.stderr.close()


def test_a_wait_for_another_is_bounded(folder: RunFolder) -> None:
    said: list[str] = []
    refused = pytest.raises(JudgedElsewhere, match=r"timed out after 0\.2 s")
    with judging(folder, said.append), refused, judging(folder, said.append, wait_s=0.2):
        pass
    assert len(said) == 1
    with judging(folder, said.append, wait_s=0.2):
        assert len(said) == 1


def test_several_at_once_come_to_the_same_bytes(folder: RunFolder) -> None:
    assert main([str(folder.path), "--quiet"]) == 0
    first = contents(folder)
    command = [sys.executable, "-m", "reconcile", str(folder.path), "--json"]
    several = [subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) for _ in range(3)]
    printed = [one.communicate(timeout=60)[0] for one in several]
    assert [one.returncode for one in several] == [0, 0, 0]
    assert printed == [folder.report.read_bytes()] * 3
    assert contents(folder) == first
