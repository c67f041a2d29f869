"""Folders that were edited, mixed up or damaged: one sentence and exit code 2, no verdict and no traceback."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.run_key import RunKey
from reconcile.__main__ import main
from reconcile.history.saved_witnesses import save_witnesses
from reconcile.report.csv_lists import time_texts
from runlog.folder import RunFolder
from runlog.ledger import RECORD_BYTES, read_ledger
from tests.reconcile.core.confirmations import confirm_all
from tests.reconcile.core.run_builder import KEY, T0, RunBuilder, facts

RUN = "20261123-073000-4f2a"
OTHER = RunKey.parse("fedcba9876544321")


def written(path: Path, key: RunKey = KEY) -> RunFolder:
    builder = RunBuilder(facts=facts(run_key=key)).calm(0)
    builder.mark("started", run=str(key))
    folder = RunFolder(path / RUN)
    builder.write(folder)
    history = builder.history()
    save_witnesses(folder, key, history.rows, history.events)
    confirm_all(folder, history)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return written(tmp_path / "one")


def refused(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(folder.path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert RUN in printed.err
    assert not folder.report.exists()
    return printed.err


def test_the_run_itself_is_whole(folder: RunFolder) -> None:
    assert main([str(folder.path), "--quiet"]) == 0


@pytest.mark.parametrize(
    ("altered", "sentence"),
    [
        ({"phrase": "stop of {everything}"}, "the words of the fault stop hold an unknown name"),
        ({"held": "answered {target}"}, "the words of the fault stop hold an unknown name"),
        ({"effect": {"kind": "reset", "share": 0.0}}, "no fault has the effect"),
        ({"effect": {"kind": "reset", "share": 1.5}}, "no fault has the effect"),
        ({"effect": {"kind": "late", "added_s": -1.0}}, "no fault has the effect"),
    ],
)
def test_a_fault_that_there_is_not(
    folder: RunFolder, altered: dict[str, object], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(folder.facts.read_text())
    record["fault"].update(altered)
    folder.facts.write_text(json.dumps(record))
    assert f"run.json of run {RUN} is damaged: {sentence}" in refused(folder, capsys)


@pytest.mark.parametrize("part", ["ledger.bin", "marks.jsonl", "witnesses/witness.json", "run.json"])
def test_a_part_of_another_run(
    folder: RunFolder, tmp_path: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alike in everything but its key."""
    other = written(tmp_path / "other", OTHER)
    (folder.path / part).write_bytes((other.path / part).read_bytes())
    printed = refused(folder, capsys)
    assert str(KEY) in printed and str(OTHER) in printed


def change(*path: str, to: object) -> Callable[[Any], None]:
    def act(value: Any) -> None:
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = to

    return act


FACTS = [
    change("settle_s", to="2"),
    change("rate", to="2"),
    change("rate", to=float("nan")),
    change("delivery_timeout_s", to="3"),
    change("delivery_timeout_s", to=-3.0),
    change("started_at", to=None),
    change("started_at", to=1e300),
    change("request_timeout_s", to=None),
    change("versions", to=None),
    change("options", "outages", to="x"),
    change("options", "outages", to="1000000000"),
    change("topic", "starts", to={"0": "x"}),
    change("topic", "starts", to={"0": -1}),
    change("expect", to="bogus"),
    change("attribution", to="foo"),
    change("scenario", to="weird"),
    change("run_key", to=5),
    change("clock", to=None),
    change("check_order", to={"order_id": 1}),
    change("format", to="3"),
]


@pytest.mark.parametrize("act", FACTS)
def test_facts_that_no_run_writes(
    folder: RunFolder, act: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(folder.facts.read_text())
    act(record)
    folder.facts.write_text(json.dumps(record))
    assert f"run.json of run {RUN} is damaged: " in refused(folder, capsys)


@pytest.mark.parametrize(
    ("line", "act"),
    [
        (0, change("at", to="now")),
        (0, change("at", to=float("inf"))),
        (0, change("name", to=None)),
        (2, change("outage", to="0")),
        (3, change("down_edge", to=["a", "b"])),
        (3, change("down_edge", to=[1.0])),
        (8, change("missing", to=5)),
        (8, change("complete", to="yes")),
        (9, change("wall_step", to="0.1")),
        (9, change("at", to=T0 + 31.9)),
        (9, change("at", to=1e300)),
    ],
)
def test_marks_that_no_run_writes(
    folder: RunFolder, line: int, act: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = folder.marks.read_text().splitlines()
    record = json.loads(lines[line])
    act(record)
    lines[line] = json.dumps(record)
    folder.marks.write_text("\n".join(lines) + "\n")
    assert f"marks.jsonl of run {RUN} is damaged" in refused(folder, capsys)


def test_marks_in_reverse_order_or_torn_in_the_middle(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    lines = folder.marks.read_text().splitlines()
    folder.marks.write_text("\n".join(lines[::-1]) + "\n")
    assert "s before a mark above it" in refused(folder, capsys)
    folder.marks.write_text("\n".join([*lines[:4], lines[4][:9], *lines[5:]]) + "\n")
    assert "line 5" in refused(folder, capsys)


def test_marks_that_swap_by_less_than_a_second_are_fine(folder: RunFolder) -> None:
    lines = folder.marks.read_text().splitlines()
    lines[-1] = json.dumps({**json.loads(lines[-1]), "at": T0 + 32.5})
    folder.marks.write_text("\n".join(lines))
    assert main([str(folder.path), "--quiet"]) == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"asked": 1e400, "answered": 1.0, "ends": {"0": 1}}',
        '{"asked": 1.0, "answered": 1.0, "ends": {"0": 1e400}}',
        '{"asked": "a", "answered": 1.0, "ends": {"0": 1}}',
        '{"asked": 1.0, "answered": 1.0, "ends": {"x": 1}}',
        '{"asked": 1.0, "answered": 1.0, "ends": {"0": 1}}',
        "[1]",
    ],
)
def test_observations_that_no_monitor_makes(folder: RunFolder, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder.offsets.write_text(line + "\n" + folder.offsets.read_text())
    assert f"offsets.jsonl of run {RUN} is damaged" in refused(folder, capsys)


def test_observations_that_were_cut_short_are_left_out(folder: RunFolder) -> None:
    text = folder.offsets.read_text()
    folder.offsets.write_text('{"asked": 17' + text + '{"asked": 17')
    assert main([str(folder.path), "--quiet"]) == 0


@pytest.mark.parametrize(
    "act",
    [
        change("events", "read_at", to="x"),
        change("events", "complete", to="no"),
        change("rows", "complete", to=1),
        change("rows", "taken_at", to=float("nan")),
        change("events", "ends", to={"0": "x"}),
        change("events", "foreign", to=None),
        change("rows", "arrays", to={}),
        change("rows", "more", to=1),
        change("run_key", to=None),
        change("format", to="1"),
    ],
)
def test_witnesses_that_were_not_saved(
    folder: RunFolder, act: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.witnesses / "witness.json"
    record = json.loads(path.read_text())
    act(record)
    path.write_text(json.dumps(record))
    assert f"the saved witnesses of run {RUN} are damaged (" in refused(folder, capsys)


def test_each_flipped_byte_of_the_ledger_is_noticed(folder: RunFolder) -> None:
    whole = folder.ledger.read_bytes()
    for place in range(len(whole) - 3 * RECORD_BYTES, len(whole), 5):
        folder.ledger.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert read_ledger(folder.ledger).damaged == 1
    assert main([str(folder.path), "--quiet"]) == 3


@pytest.mark.parametrize("name", ["run.json", "marks.jsonl", "witnesses/witness.json"])
@pytest.mark.parametrize("raw", [b"\xff\xfe\n\n", b"[" * 100_000 + b"\n1\n", b"null\n", b"\n\n\n"])
def test_what_is_no_json_at_all(folder: RunFolder, name: str, raw: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.path / name).write_bytes(raw)
    assert "damaged" in refused(folder, capsys)


def test_times_that_no_clock_shows_are_empty_and_cause_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts = time_texts(np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e15, 0.5]))
    assert texts == [""] * 6 + ["1970-01-01T00:00:00.500000Z"]
