"""`python -m chaos` on journals in an unknown form, and on a stack's state that cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.__main__ import main
from chaos.faults.journal import FORMAT, JOURNAL
from chaos.faults.restore import look_at, restore
from chaos.sut.embedded import EmbeddedSystem
from chaos.sut.sut import Preview
from runlog import exit_codes
from settings.run_settings import make_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stack's home of these tests, without a stack."""
    monkeypatch.setenv("HARNESS_STACK_HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def left_open(home: Path, kind: str = "process", component: str = "broker", **fields: Any) -> None:
    given = {"format": FORMAT, "run_id": "run-1", "fault": "stop", "described": "the broker", "at": 1.0, "pid": 1}
    target = {"kind": kind, "component": component, "parameters": {"home": str(home)}}
    (home / JOURNAL).write_text(json.dumps({**given, "target": target, **fields}))


def target(kind: str, component: str = "broker", **parameters: str) -> dict[str, Any]:
    return {"target": {"kind": kind, "component": component, "parameters": parameters}}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (target("process", "nothing", home="x"), "a process is one of broker, database, service"),
        (target("process"), "the stack whose folder the parameter home names"),
        (target("command", **{"break": "true", "heal": 'start "it'}), "no closing quotation"),
        (target("command", **{"break": "true", "heal": " "}), "is blank"),
        (target("ship"), "not known to this version"),
        ({**target("process", home="/elsewhere"), "undo": {"pid": "x"}}, "names no process with its start time"),
    ],
)
def test_a_journal_of_another_hand_is_one_sentence_and_stays(
    home: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], words: str
) -> None:
    left_open(home, **fields)
    assert main(["restore", "--timeout", "1s"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert words in said
    assert said.startswith("NOT RESTORED: ")
    assert said.count("\n") == 1
    assert (home / JOURNAL).exists()


def test_where_the_stack_was_taken_down_since_nothing_is_left_to_heal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_open(home, undo={"pid": 1, "started": 2.0})
    assert main(["restore", "--timeout", "1s"]) == exit_codes.AS_EXPECTED
    assert "its stack was taken down since" in capsys.readouterr().out
    assert main(["status"]) == exit_codes.AS_EXPECTED


@pytest.mark.parametrize("state", ["garbage", '{"version": 99}'])
def test_a_state_that_cannot_be_read_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    left_open(home, undo={"pid": 1, "started": 2.0})
    (home / "state.json").write_text(state)
    assert main(["restore", "--timeout", "1s"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert str(home / "state.json") in said
    assert said.count("\n") == 1
    system = EmbeddedSystem(lambda *_: None, lambda *_: pytest.fail("no order is placed"))
    preview = system.preview(make_settings({}))
    assert isinstance(preview, Preview)
    assert str(home / "state.json") in str(preview.problem)


def test_status_says_it_also_of_a_process_id_that_none_can_have(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_open(home, pid=10**19)
    assert main(["status"]) == exit_codes.INCONCLUSIVE
    assert "which has ended" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["HARNESS_STACK_HOME", "HARNESS_STATE_HOME"])
def test_an_unknown_user_is_no_traceback(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "~no-such-user-x/there")
    assert main(["status"]) == exit_codes.AS_EXPECTED


def test_what_another_has_healed_meanwhile_is_not_healed_again(home: Path) -> None:
    left_open(home, **target("command", **{"break": "true", "heal": f"touch {home}/again"}))
    place = look_at(home)
    assert place is not None
    (home / JOURNAL).unlink()
    assert "was healed by another process" in restore(place)
    assert not (home / "again").exists()


def test_a_password_on_the_command_line_is_warned_of_and_not_shown(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", "--database-url", "postgresql://u:planted-1@x/y"]) == exit_codes.AS_EXPECTED
    said = capsys.readouterr().err
    assert "warning: a password in --database-url" in said
    assert "planted-1" not in said
