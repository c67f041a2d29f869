"""Output that cannot be written: the reports are there, the exit code is the verdict's, and no traceback appears."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconcile.history.saved_witnesses import save_witnesses
from runlog.folder import RunFolder
from tests.environment import without_options
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts

pytestmark = pytest.mark.process

RUN = "20261123-073000-4f2a"
# As `python -m reconcile` does it, but with a shorter limit for a broker that is down.
CODE = (
    "import sys, stores.topic as topic; topic.TRIES, topic.ANSWER_S = 1, 0.5; "
    "from reconcile.__main__ import _run; sys.exit(_run())"
)
COMMAND = f'exec "{sys.executable}" -c "$CODE" "$RUNS/{RUN}" '
OUTPUTS = [
    ">/dev/full",
    ">/dev/full 2>&1",
    "2>/dev/full",
    ">&-",
    "2>&-",
    ">&- 2>&-",
    "> >(exec true)",
    "2> >(exec true)",
    "> >(exec true) 2>&1",
]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A lossy run that is expected (exit code 0), witnesses saved."""
    builder = RunBuilder(facts=facts(expect="lost-events")).calm(0).order(6, 12, event=False)
    folder = RunFolder(tmp_path / RUN)
    builder.write(folder)
    history = builder.history()
    save_witnesses(folder, KEY, history.rows, history.events)
    confirm_all(folder, history)
    return tmp_path


def run(runs: Path, script: str) -> subprocess.CompletedProcess[str]:
    stores = {"LOCUST_DATABASE_URL": "postgresql://127.0.0.1:1/none", "LOCUST_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    return subprocess.run(
        ["bash", "-c", script],
        env=without_options() | stores | {"RUNS": str(runs), "CODE": CODE},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def undisturbed(runs: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert (runs / RUN / "report.json").stat().st_size > 1000
    printed = done.stderr + done.stdout
    assert not any(word in printed for word in ("Traceback", "Exception ignored", "BrokenPipeError", "OSError"))


# JSON goes to standard output alone.
@pytest.mark.parametrize("output", [*OUTPUTS, *(f"--json {output}" for output in OUTPUTS if "2>" not in output)])
def test_a_summary_without_a_reader_makes_no_difference(runs: Path, output: str) -> None:
    done = run(runs, COMMAND + output)
    assert done.returncode == 0
    undisturbed(runs, done)


@pytest.mark.parametrize("output", [OUTPUTS[1], OUTPUTS[5], OUTPUTS[8]])
def test_progress_without_a_reader_makes_no_difference(runs: Path, output: str) -> None:
    """The stores are down, so the run is inconclusive; stderr says what was tried."""
    index = runs / RUN / "witnesses" / "witness.json"
    index.write_text(index.read_text().replace('"complete": true', '"complete": false'))
    done = run(runs, COMMAND + output)
    assert done.returncode == 3
    undisturbed(runs, done)


def test_a_terminal_that_shows_ascii_only_gets_json_all_the_same(runs: Path) -> None:
    done = run(runs, "PYTHONIOENCODING=ascii PYTHONUTF8=0 " + COMMAND.replace("exec", "") + "--json")
    assert done.returncode == 0
    assert done.stdout.endswith("}\n")


def test_output_is_whole_when_it_can_be_written(runs: Path) -> None:
    done = run(runs, COMMAND + "--json | cat")
    assert done.stdout == (runs / RUN / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("output", ["<&- >&- 2>&-", "| exec true"])
@pytest.mark.parametrize(("module", "code"), [("chaos status", 0), ("chaos restore", 0), ("stack status --json", 3)])
def test_the_other_commands_end_with_their_code_too(tmp_path: Path, output: str, module: str, code: int) -> None:
    homes = {"HARNESS_STACK_HOME": str(tmp_path / "stack"), "HARNESS_STATE_HOME": str(tmp_path / "state")}
    script = f'set -o pipefail; "{sys.executable}" -m {module} {output}'
    done = subprocess.run(
        ["bash", "-c", script], env=without_options() | homes, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_descriptor_that_was_closed_is_never_that_of_a_file(tmp_path: Path) -> None:
    """Else what is written to standard error would end in it."""
    code = (
        "import sys; from files.output_streams import let_output_fail; let_output_fail(); "
        "opened = open(sys.argv[1], 'w'); opened.write(str(opened.fileno()))"
    )
    script = f'"{sys.executable}" -c "$CODE" "{tmp_path}/file" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", script], env={**os.environ, "CODE": code}, check=False).returncode == 0
    assert int((tmp_path / "file").read_text()) > 2
