"""What a run's folder may hold or be called: a damaged record, pipes, files of another format, paths without UTF-8."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from files.safe_files import read_json
from reconcile.__main__ import main
from reconcile.history.saved_witnesses import save_witnesses
from runlog.folder import RunFolder
from runlog.ledger import HEADER, MAGIC, RECORD_BYTES, RecordKind
from runlog.outcomes import Outcome
from tests.e2e.harness import CHECKOUT
from tests.environment import without_options
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, RunBuilder, facts

pytestmark = pytest.mark.process

RUN = "20261123-073000-4f2a"


def record(path: Path, **changes: Any) -> RunFolder:
    builder = RunBuilder(facts=facts(**{"expect": "lost-events", **changes})).calm(0).order(6, 12, event=False)
    builder.order(7, 13, Outcome.REJECTED, row=False, event=False).unanswered(8, 14).not_sent(9, 14.5)
    folder = RunFolder(path)
    builder.write(folder)
    history = builder.history()
    save_witnesses(folder, KEY, history.rows, history.events)
    confirm_all(folder, history)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return record(tmp_path / RUN)


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def records_of(folder: RunFolder) -> list[tuple[int, int]]:
    """RecordKind and place of each record of the ledger."""
    raw = folder.ledger.read_bytes()
    return [(raw[at], at) for at in range(HEADER.size, len(raw), RECORD_BYTES)]


@pytest.mark.parametrize("kind", RecordKind)
def test_the_rest_of_a_damaged_ledger_is_judged_and_the_doubt_reported(folder: RunFolder, kind: RecordKind) -> None:
    assert main([str(folder.path), "--quiet"]) == 0
    whole = read_json(folder.report)
    raw = bytearray(folder.ledger.read_bytes())
    for place in [at for found, at in records_of(folder) if found == kind]:
        damaged = raw.copy()
        damaged[place + 20] ^= 0x10
        folder.ledger.write_bytes(damaged)
        code = main([str(folder.path), "--quiet"])
        report = read_json(folder.report)
        guards = {guard["name"]: guard for guard in report["guards"]}
        # The lost event is proven by row and event; only until when it may still come can rest on a record.
        assert code == report["exit_code"] == (0 if report["verdict"] == "inconsistent" else 3)
        assert guards["ledger complete"]["passed"] is False
        assert "1 damaged record left out" in guards["ledger complete"]["reason"]
        assert guards["conservation"]["passed"] is True
        # Nothing is claimed that was not before, and what rests on no ledger record still is.
        for claim in ("lost_events", "phantom_events", "lost_orders", "visible_after_reject"):
            assert report["counts"][claim] <= whole["counts"][claim]
        assert report["counts"]["lost_events"] + report["counts"]["suspected_lost"] == 1


def test_a_damaged_record_makes_a_clean_result_inconclusive(tmp_path: Path) -> None:
    builder = RunBuilder(facts=facts()).calm(0)
    clean = RunFolder(tmp_path / RUN)
    builder.write(clean)
    save_witnesses(clean, KEY, builder.history().rows, builder.history().events)
    assert main([str(clean.path), "--quiet"]) == 0
    raw = bytearray(clean.ledger.read_bytes())
    raw[-RECORD_BYTES - 8] ^= 1
    clean.ledger.write_bytes(raw)
    assert main([str(clean.path), "--quiet"]) == 3


def test_a_ledger_of_which_nothing_is_sound_is_refused(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    raw = bytearray(folder.ledger.read_bytes())
    raw[len(MAGIC)] ^= 1  # the run's key, which goes into each checksum
    folder.ledger.write_bytes(raw)
    assert main([str(folder.path)]) == 2
    assert "all of its 19 records are damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    ["run.json", "ledger.bin", "marks.jsonl", "offsets.jsonl", "probes.jsonl", "order-names.jsonl", "report.json",
     "logs/service.log", "witnesses/witness.json", "witnesses/confirmation.json", "witnesses/lost-rows.ndjson",
     "witnesses/rows", ".report.json.partial"],
)  # fmt: skip
def test_a_pipe_in_place_of_a_file_hangs_nothing(folder: RunFolder, name: str) -> None:
    assert main([str(folder.path), "--quiet"]) == 0
    path = next(folder.witnesses.glob("rows*.npy")) if name.endswith("/rows") else folder.path / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    command = [sys.executable, "-m", "reconcile", str(folder.path), "--quiet"]
    done = subprocess.run(command, env=without_options(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 2, 3)
    assert "Traceback" not in done.stderr
    if name in ("ledger.bin", "marks.jsonl", "offsets.jsonl", "probes.jsonl", "order-names.jsonl"):
        assert done.stderr == f"reconcile: {name} of run {RUN} cannot be read: not a regular file\n"


def set_other_format(folder: RunFolder, name: str, step: int) -> None:
    path = folder.path / name
    if name == "ledger.bin":
        raw = bytearray(path.read_bytes())
        raw[MAGIC.index(0) + 1] += step
        path.write_bytes(raw)
        return
    document = json.loads(path.read_text())
    key = "schema_version" if name == "report.json" else "format"
    path.write_text(json.dumps({**document, key: document[key] + step}))


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("name", ["run.json", "ledger.bin", "witnesses/witness.json", "report.json"])
def test_a_file_of_another_format_is_named_as_such_and_nothing_is_written(
    folder: RunFolder, name: str, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder.path), "--quiet"]) == 0
    set_other_format(folder, name, step)
    before = contents(folder)
    capsys.readouterr()
    assert main([str(folder.path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"{Path(name).name} of run {RUN} has format " in printed.err
    assert "delete" not in printed.err
    assert contents(folder) == before


def test_a_report_that_is_no_report_is_written_again(folder: RunFolder) -> None:
    folder.report.write_text("{")
    assert main([str(folder.path), "--quiet"]) == 0
    assert read_json(folder.report)["exit_code"] == 0


def test_a_path_that_is_no_utf8_is_judged_like_any_other(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff\xfe"))
    folder = record(odd / RUN, options={"runs_dir": str(odd), "rate": "2"}, command=["locust", str(odd)])
    summary = tmp_path / "summary.md"
    done = subprocess.run(
        [sys.executable, "-m", "reconcile", RUN, "--runs-dir", str(odd)],
        env={**without_options(), "GITHUB_STEP_SUMMARY": str(summary)}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert done.stderr == b""
    assert b"exit code 0" in done.stdout
    report = read_json(folder.report)
    assert report["options"]["runs_dir"].endswith(r"r\xff\xfe")
    for path in folder.path.rglob("*"):
        if path.suffix in (".json", ".md", ".html", ".xml", ".csv"):
            path.read_bytes().decode("utf-8")
    assert summary.read_bytes().decode("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["r\udcff"],
        ["r\udcff", "--runs-dir", "x\udcfe"],
        [RUN, "--kafka-config", "c\udcff.conf"],
        ["show", "r\udcff", "1"],
    ],
)
def test_arguments_that_are_no_utf8_get_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconcile", *arguments]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1
