"""The journal: it keeps an open fault completely until that is closed."""

import json
from pathlib import Path

import pytest

from chaos.faults.journal import Journal, JournalUnreadable, OpenFault
from chaos.faults.targets import TargetSpec

SPEC = TargetSpec("process", "broker", {"home": "stack"})


def test_journal_keeps_what_is_open_until_it_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    assert journal.left_open() is None
    entry = OpenFault("run-1", "stop", SPEC, "broker (process 7)", 5.0, 42, {"pid": 7}, "marks.jsonl", 1, (5.0, 6.0))
    journal.open(entry)
    assert Journal(tmp_path / "journal.json").left_open() == entry
    journal.close()
    journal.close()
    assert journal.left_open() is None


def test_an_unreadable_journal_still_reports_an_open_fault(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text('{"half": ')
    with pytest.raises(JournalUnreadable, match="something may be broken"):
        Journal(tmp_path / "journal.json").left_open()


def test_a_journal_of_another_format_is_named_and_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    journal.open(OpenFault("run-1", "stop", SPEC, "broker", 5.0, 42))
    other = json.dumps({**json.loads(journal.path.read_text()), "format": 9, "fault": ["stop"]})
    journal.path.write_text(other)
    with pytest.raises(JournalUnreadable, match="has format 9, this version of the harness reads format 1; use that"):
        journal.left_open()
    journal.note_proven()
    journal.note_failed("no")
    assert journal.path.read_text() == other


def test_journal_that_cannot_be_written_forbids_the_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Journal(tmp_path / "nowhere" / "journal.json").open(OpenFault("r", "stop", SPEC, "b", 1.0, 1))
