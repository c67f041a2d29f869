"""Healed means proven by a probe, and a journal can always be closed.

Real processes: a little HTTP service, its commands, watchdogs, and `python -m chaos`.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaos.__main__ import main
from chaos.faults.journal import JOURNAL
from chaos.faults.watchdog.fault_controller import FaultController
from chaos.faults.watchdog.protocol import Break, Refusal
from chaos.run.run_setup import heal_earlier
from chaos.sut.sut import PreflightError, SystemUnderTest
from health.effect import Effect
from health.spec import ProbeRecipe, ProbeSpec, SecretSource
from runlog import exit_codes, marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark, MarksWriter, read_marks
from settings.run_settings import make_settings
from tests.chaos.faults.little_service import Little, arm_of, runs_of

pytestmark = pytest.mark.process

Capture = pytest.CaptureFixture[str]


# -- healed means proven ----------------------------------------------------------------------------------------------


def test_a_heal_command_that_ends_with_0_and_does_nothing_heals_nothing(little: Little, capsys: Capture) -> None:
    journal = little.left_broken(heal="true")
    assert main(["restore"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert said.startswith("NOT RESTORED: service (")
    assert "is not proven back" in said
    assert journal.left_open() is not None
    assert main(["status"]) == exit_codes.INCONCLUSIVE


def test_what_serves_again_is_healed_and_the_journal_is_closed(little: Little, capsys: Capture) -> None:
    journal = little.left_broken()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert "is healed and proven back" in capsys.readouterr().out
    assert little.serves()
    assert journal.left_open() is None
    assert main(["status"]) == exit_codes.AS_EXPECTED


def test_a_probe_that_cannot_be_made_is_not_proven_and_names_the_variable(
    little: Little, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCUST_DATABASE_URL", raising=False)
    source = SecretSource("variable", "LOCUST_DATABASE_URL")
    journal = little.left_broken(
        heal="echo >> healed", recipe=ProbeRecipe("sql", "127.0.0.1:1/shop", credentials=source)
    )
    assert main(["restore"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert said.startswith("NOT PROVEN: ")
    assert "the variable LOCUST_DATABASE_URL is not set" in said
    assert journal.left_open() is not None
    assert (little.folder / "healed").read_text() == "\n", "it always heals, and once is enough"


# -- a journal can always be closed -----------------------------------------------------------------------------------


def test_what_was_corrected_by_hand_is_found_back_although_the_heal_command_is_wrong(
    little: Little, capsys: Capture
) -> None:
    journal = little.left_broken(heal="false")
    assert main(["restore"]) == exit_codes.NOT_READY, "nothing serves"
    little.start()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert "is back already: the probe that had proven the fault is answered" in capsys.readouterr().out
    assert journal.left_open() is None


def test_what_was_only_degraded_is_back_to_normal(little: Little, capsys: Capture) -> None:
    little.start()
    little.left_broken(heal="false", fault="reset", effect=Effect("reset"))
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert "is back to normal already: the probe that had proven the fault is answered as usual" in (
        capsys.readouterr().out
    )
    little.left_broken(heal="true", fault="reset", effect=Effect("reset"), proven=False)
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert "is healed and proven back to normal (" in capsys.readouterr().out


def test_a_probe_that_had_not_proven_the_fault_does_not_prove_it_gone(little: Little, capsys: Capture) -> None:
    little.start()
    journal = little.left_broken(heal="false", proven=False)
    assert main(["restore"]) == exit_codes.NOT_READY
    assert "--heal-command `false` ended with 1" in capsys.readouterr().err
    assert journal.left_open() is not None


def test_nothing_is_run_where_probe_and_own_check_find_nothing_any_more(little: Little) -> None:
    little.start()
    journal = little.left_broken(heal="touch healed", check="test ! -e frozen")
    (little.folder / "frozen").touch()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert (little.folder / "healed").exists(), "the check finds the fault still there"
    (little.folder / "healed").unlink()
    (little.folder / "frozen").unlink()
    little.left_broken(heal="touch healed", check="test ! -e frozen")
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert not (little.folder / "healed").exists()
    assert journal.left_open() is None


def test_corrected_commands_reach_what_wrong_ones_left_broken(little: Little) -> None:
    journal = little.left_broken(heal="true")
    controller = FaultController()
    with pytest.raises(Refusal, match=r"which run run-1 left broken \(stop, 2.*Z\), is not healed: .* not proven back"):
        controller.arm(arm_of(little, heal="true"))
    assert journal.left_open() is not None
    healed = controller.arm(arm_of(little))
    controller.disarm()
    assert healed is not None
    assert "which run run-1 left broken" in healed
    assert little.serves()
    assert journal.left_open() is None


def this_system(little: Little) -> SystemUnderTest:
    """The system under test of the next run, of which the little service is the health URL."""
    parts: dict[str, object] = {
        "service_url": "http://127.0.0.1:1",
        "health_url": little.url,
        "database_url": "postgresql://x/y",
    }
    parts |= {"kafka": {"bootstrap.servers": "127.0.0.1:1"}, "state_dir": little.home().parent / "another"}
    return cast("SystemUnderTest", cast("Any", SimpleNamespace(**parts)))


def test_the_next_run_heals_what_an_earlier_one_left_broken_under_another_target(little: Little) -> None:
    journal = little.left_broken()
    sut, settings = this_system(little), make_settings({})
    sut.health_url = "http://127.0.0.1:1/health"  # type: ignore[misc]
    heal_earlier(sut, settings, later=True)
    assert journal.left_open() is not None, "it is of another system"
    heal_earlier(this_system(little), settings, later=True)
    assert journal.left_open() is None
    assert little.serves()


def test_the_next_run_is_refused_with_the_run_that_left_it_broken(little: Little) -> None:
    journal = little.left_broken(heal="false")
    with pytest.raises(PreflightError, match=r"which run run-1 left broken \(stop, 2.*Z\), is not healed: .*`false`"):
        heal_earlier(this_system(little), make_settings({}), later=False)
    assert journal.left_open() is not None


def test_what_is_proven_back_is_not_called_unrestored_when_its_journal_stays(little: Little, capsys: Capture) -> None:
    path = little.home() / JOURNAL
    little.left_broken(heal=f"echo >> ran; rm {path}; mkdir {path}; {little.heal}")
    assert main(["restore"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert said.startswith("NOT CLOSED: service (")
    assert f"is healed and proven back (200), but its journal {path} cannot be removed (is a directory)" in said
    assert runs_of(little) == 1


def test_a_journal_that_is_a_pipe_or_hidden_is_not_waited_for_and_no_proof_of_health(
    little: Little, capsys: Capture
) -> None:
    journal = little.left_broken()
    journal.path.unlink()
    os.mkfifo(journal.path)
    assert main(["status"]) == exit_codes.INCONCLUSIVE
    said = capsys.readouterr().out
    assert f"the journal {journal.path} cannot be read" in said
    assert "`python -m chaos restore` heals it" not in said
    shutil.rmtree(journal.path.parent.parent)
    journal.path.parent.parent.write_text("")
    for command, code in [("status", exit_codes.INCONCLUSIVE), ("restore", exit_codes.NOT_READY)]:
        assert main([command]) == code
        said = "".join(capsys.readouterr())
        assert "targets cannot be listed (not a directory)" in said
        assert "nothing is broken" not in said


# -- the history of the run that left it broken -----------------------------------------------------------------------


def marks_of(folder: Path, *names: str) -> Path:
    path = folder / "marks.jsonl"
    path.unlink(missing_ok=True)
    writer = MarksWriter(path)
    for name in names:
        writer.write(Mark(AnchoredClock.anchor().now(), name, 0 if name == marks.INJECTED else None))
    writer.close()
    return path


def names_in(path: Path) -> list[str]:
    return [mark.name for mark in read_marks(path)]


def test_the_marks_of_a_run_are_completed_as_long_as_that_may_be(little: Little, tmp_path: Path) -> None:
    path = marks_of(tmp_path, marks.STARTED, marks.INJECTED)
    little.left_broken(marks=str(path))
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert names_in(path) == [marks.STARTED, marks.INJECTED, marks.HEALING, marks.HEALED]


@pytest.mark.parametrize("why", ["it has ended", "it was judged", "another boot"])
def test_a_history_that_is_closed_is_not_changed_by_a_healing_days_later(
    little: Little, tmp_path: Path, why: str
) -> None:
    ended = [marks.ENDED] if why == "it has ended" else []
    path = marks_of(tmp_path, marks.STARTED, marks.INJECTED, *ended)
    if why == "it was judged":
        (tmp_path / "report.json").write_text("{}")
    journal = little.left_broken(marks=str(path))
    entry = journal.left_open()
    assert entry is not None
    if why == "another boot":
        journal.open(replace(entry, boot="another", clock=(entry.clock[0], entry.clock[1] + 1e6)))
    before = path.read_bytes()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    assert path.read_bytes() == before


def test_a_journal_says_nothing_that_is_secret(little: Little) -> None:
    source = SecretSource("variable", "LOCUST_DATABASE_URL")
    controller = FaultController()
    arm = replace(
        arm_of(little, **{"break": "true"}),
        probe=ProbeSpec("sql", "postgresql://u:planted-7@127.0.0.1:1/shop"),
        recipe=ProbeRecipe("sql", "127.0.0.1:1/shop", credentials=source),
    )
    controller.arm(arm)
    controller.inject(Break("run-1", "stop", 0, (0.0, 0.0)))
    text = (little.home() / JOURNAL).read_text()
    controller.disarm()
    assert "planted-7" not in text
    assert "LOCUST_DATABASE_URL" in text
