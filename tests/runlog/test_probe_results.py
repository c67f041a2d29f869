"""The format of `probes.jsonl`: what is written is read again, incomplete lines are left out, wrong ones refused."""

import json
from pathlib import Path

import pytest

from health.replies import CONNECTIONS, WORDS, ProbeResult
from runlog.folder import create_run_folder
from runlog.marks import Mark, MarksWriter, read_marks
from runlog.probe_results import probe_record, read_probe_results

SEEN = [
    ProbeResult(1795000000.125, 1795000000.25, "kept", "answered"),
    ProbeResult(1795000000.2, 1795000000.7, "new", "hanging", "no answer in time"),
    ProbeResult(1795000000.3, 1795000000.31, "kept", "broken", 'odd "words" — and\nlines'),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "probes.jsonl"
    path.write_text("".join(json.dumps(probe_record(seen)) + "\n" for seen in SEEN), encoding="utf-8")
    assert read_probe_results(path) == SEEN
    assert [seen.ok for seen in SEEN] == [True, False, False]
    assert "detail" not in probe_record(SEEN[0])
    assert set(WORDS) == set(CONNECTIONS)


def test_a_line_that_was_cut_short_is_left_out_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "probes.jsonl"
    lines = [json.dumps(probe_record(seen)) for seen in SEEN]
    path.write_text("\n".join([lines[0], lines[1][:40], lines[2], '{"asked": 1795']), encoding="utf-8")
    assert read_probe_results(path) == [SEEN[0], SEEN[2]]


@pytest.mark.parametrize(
    "line",
    [
        '{"asked": 1.0, "answered": 2.0, "connection": "old", "how": "answered"}',
        '{"asked": 1.0, "answered": 2.0, "connection": "new", "how": "fine"}',
        '{"asked": "1.0", "answered": 2.0, "connection": "new", "how": "broken"}',
        '{"asked": 1.0, "connection": "new", "how": "broken"}',
        "[]",
    ],
)
def test_a_whole_line_that_is_no_probe_result_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "probes.jsonl"
    path.write_text(f"{json.dumps(probe_record(SEEN[0]))}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2"):
        read_probe_results(path)


def test_a_run_has_a_file_for_them_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path)
    assert read_probe_results(folder.probes) == []
    assert folder.probes.stat().st_mode & 0o777 == 0o600


def test_a_mark_says_how_the_target_failed_by_connection_only(tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    writer = MarksWriter(path)
    writer.write(Mark(5.0, "injected", 0, {"seen": {"kept": "hanging", "new": "refused"}}))
    assert read_marks(path)[0].detail["seen"] == {"kept": "hanging", "new": "refused"}
    writer.write(Mark(6.0, "injected", 1, {"seen": {"kept": "gone"}}))
    writer.close()
    with pytest.raises(ValueError, match="line 2"):
        read_marks(path)
