"""Bad input: one sentence that names option, value and remedy, the right exit code, and nothing touched."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stack.embedded import EmbeddedStack
from tests.e2e.endings import await_no_process
from tests.e2e.harness import CHECKOUT, SHORT, Start

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        # One for each that refuses; the others are in tests/settings and tests/chaos/run/test_command_line.py.
        (["--rate", "0"], ["--rate 0", "above 0"]),
        pytest.param(["--fault", "nuke"], ["--fault", "nuke", "stop"], marks=pytest.mark.exhaustive),
        (["-u", "5"], ["--users 5", "--rate"]),
        pytest.param(["--host", "http://127.0.0.1:1"], ["--host", "leave --host out"], marks=pytest.mark.exhaustive),
        (["--processes", "2"], ["--processes", "one process"]),
        pytest.param(
            ["--kafka-port", "9092", "--service-port", "9092"],
            ["--kafka-port 9092", "must differ"],
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_wrong_options_end_with_2(start: Start, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    run = start("--headless", *arguments)
    assert run.end(30) == 2
    _one_sentence(run.log, words)
    assert not (tmp_path / "stack" / "state.json").exists()
    assert not run.runs.exists()
    await_no_process(tmp_path / "stack")


def test_a_port_in_use_ends_with_4(start: Start, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        run = start("--headless", "--kafka-port", str(port))
        assert run.end(60) == 4
    _one_sentence(run.log, ["--kafka-port", str(port)])
    state = EmbeddedStack(tmp_path / "stack").status()
    assert state is None or not any(part.is_alive() for part in EmbeddedStack(tmp_path / "stack").components)


def test_a_runs_folder_that_cannot_be_written_ends_with_4(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = start("--headless", "--runs-dir", str(tmp_path / "file"))
    assert run.end(30) == 4
    _one_sentence(run.log, ["--runs-dir", "name a folder that can be written"])
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_runs_folder_ends_with_4_before_anything_is_touched(start: Start, tmp_path: Path) -> None:
    # /dev/shm has a size: asking for more than it holds is the same as a full disk.
    small = Path("/dev/shm") / tmp_path.name
    small.mkdir()
    try:
        free = shutil.disk_usage(small).free
        rate = min(10_000, free // 1000 // 3600 + 1)
        run = start("--headless", "--runs-dir", str(small), "--rate", str(rate), "--baseline", "23h", *SHORT[2:6])
        assert run.end(60) == 4
        assert f"--runs-dir {small}: only" in run.log
        assert "injecting" not in run.log
        assert list(small.iterdir()) == []
    finally:
        shutil.rmtree(small)


def test_a_runs_folder_with_an_impossible_name_ends_with_4(start: Start) -> None:
    run = start("--headless", "--runs-dir", "x" * 300)
    assert run.end(30) == 4
    _one_sentence(run.log, ["--runs-dir", "name a folder that can be written"])


def test_before_setup_locust_says_make_setup(tmp_path: Path) -> None:
    """A Python that has Locust's file but none of our packages."""
    bare = [sys.executable, "-S", str(CHECKOUT / "locustfile.py")]
    done = subprocess.run(bare, capture_output=True, text=True, timeout=30, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def _one_sentence(log: str, words: list[str]) -> None:
    assert "Traceback" not in log
    errors = [line for line in log.splitlines() if "error:" in line]
    assert len(errors) == 1, log
    assert log.splitlines()[-1] == errors[0]  # nothing after it
    for word in words:
        assert word in errors[0]
