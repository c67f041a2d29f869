"""Healed means proven by a probe, a journal can always be closed, and a watchdog that is frozen is taken over.

Real processes: a little HTTP service, its commands, watchdogs, and `python -m chaos`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaos.__main__ import main
from chaos.faults.journal import JOURNAL
from chaos.faults.restore import places, restore
from chaos.faults.targets.command import open_command_target
from chaos.faults.watchdog.fault_controller import LEASE, FaultController
from chaos.faults.watchdog.liveness import will_be_free
from chaos.faults.watchdog.protocol import Break, Refusal
from chaos.run.run_setup import heal_earlier
from chaos.sut.sut import PreflightError, SystemUnderTest
from files.paths import CHECKOUT
from health.effect import Effect
from health.spec import ProbeRecipe, ProbeSpec, SecretSource
from runlog import exit_codes, marks
from runlog.clock import AnchoredClock
from runlog.marks import Mark, MarksWriter, read_marks
from settings.run_settings import make_settings
from stack.lease import Lease
from stack.state_dir import lease_of
from tests.chaos.faults.little_service import (
    BREAK,
    PROOF,
    Charged,
    Little,
    Orphan,
    arm_of,
    await_that,
    runs_of,
)

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


def test_forget_names_the_target_and_wants_a_yes(little: Little, capsys: Capture) -> None:
    assert main(["forget", "--yes"]) == exit_codes.AS_EXPECTED
    journal = little.left_broken(heal="touch healed")
    assert main(["forget"]) == exit_codes.INCONCLUSIVE
    assert "healed by `touch healed`" in capsys.readouterr().out
    assert journal.left_open() is not None
    assert main(["forget", "--yes"]) == exit_codes.AS_EXPECTED
    assert "forgotten, neither healed nor proven: service (" in capsys.readouterr().out
    assert journal.left_open() is None
    assert not (little.folder / "healed").exists()


def test_forget_is_refused_while_a_run_uses_the_target(little: Little, capsys: Capture) -> None:
    journal = little.left_broken()
    identity = open_command_target(little.spec()).identity
    for path, user in [(little.home() / LEASE, "a run of process"), (lease_of(identity), "a run of process")]:
        lease = Lease(path)
        lease.take()
        assert main(["forget", "--yes"]) == exit_codes.NOT_READY
        assert user in capsys.readouterr().err
        lease.give_back()
    assert journal.left_open() is not None
    assert main(["forget", "--yes"]) == exit_codes.AS_EXPECTED


def test_forget_is_refused_while_a_command_that_a_dead_restore_left_still_runs(little: Little, capsys: Capture) -> None:
    journal = little.left_broken(heal="echo >> begun; while ! [ -e go ]; do sleep 0.05; done")
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    await_that((little.folder / "begun").exists, "the heal command to begin")
    restoring.kill()
    restoring.communicate()
    entry = journal.left_open()
    assert entry is not None
    assert entry.running is not None
    assert main(["forget", "--yes"]) == exit_codes.NOT_READY
    assert f"its heal command (process {entry.running.pid}) still runs" in capsys.readouterr().err
    (little.folder / "go").touch()
    await_that(lambda: entry.running is not None and not entry.running.still_runs(), "the heal command to end")
    assert main(["forget", "--yes"]) == exit_codes.AS_EXPECTED
    assert journal.left_open() is None


def test_forget_is_refused_while_a_watchdog_is_in_charge(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(frozen=True)
    assert main(["forget", "--yes"]) == exit_codes.NOT_READY
    assert f"watchdog {watchdog.process.pid} owns it" in capsys.readouterr().err
    assert (little.home() / JOURNAL).exists()


def test_a_journal_that_cannot_be_read_can_be_forgotten_and_several_must_be_named(
    little: Little, capsys: Capture
) -> None:
    journal = little.left_broken()
    journal.path.write_text("{")
    other = Path(os.environ["HARNESS_STACK_HOME"])
    other.mkdir()
    (other / JOURNAL).write_text("{")
    with pytest.raises(SystemExit) as usage:
        main(["forget", "--yes"])
    assert usage.value.code == exit_codes.USAGE_OR_CRASH
    assert "several journals are open" in capsys.readouterr().err
    assert main(["forget", "--yes", "--journal", str(other)]) == exit_codes.AS_EXPECTED
    assert journal.path.exists()
    assert main(["forget", "--yes"]) == exit_codes.AS_EXPECTED
    assert not journal.path.exists()
    with pytest.raises(SystemExit):
        main(["forget", "--yes", "--journal", str(other)])


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


def test_a_break_program_that_is_gone_hides_no_run_from_forget(little: Little, capsys: Capture) -> None:
    journal = little.left_broken()
    entry = journal.left_open()
    assert entry is not None
    given = {**entry.target.parameters, "break": "./gone", "shell": ""}
    journal.open(replace(entry, target=replace(entry.target, parameters=given)))
    lease = Lease(lease_of(open_command_target(little.spec()).identity))
    lease.take()
    assert main(["forget", "--yes"]) == exit_codes.NOT_READY
    assert "a run of process" in capsys.readouterr().err
    lease.give_back()


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


# -- a watchdog that is frozen ----------------------------------------------------------------------------------------


def test_restore_takes_over_from_a_frozen_watchdog_whose_harness_has_died(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(frozen=True)
    assert not little.serves()
    assert main(["restore"]) == exit_codes.AS_EXPECTED
    printed = capsys.readouterr()
    assert f"watchdog {watchdog.process.pid} was frozen and its harness has died: it was ended" in printed.err
    assert "is healed and proven back" in printed.out
    assert watchdog.gone
    assert little.serves()


def test_a_run_that_has_healed_by_itself_meanwhile_breaks_nothing_more_after_restore(
    little: Little, charged: Callable[..., Charged]
) -> None:
    little.start()
    watchdog = charged()
    watchdog.ask("break", fault=BREAK)
    (place,) = places()
    watchdog.ask("heal")
    watchdog.ask("heal", proof=PROOF)
    assert "its run breaks nothing more" in restore(place)
    with pytest.raises(AssertionError, match="restore was asked for"):
        watchdog.ask("break", fault=BREAK)
    assert little.serves()


def test_a_frozen_watchdog_whose_harness_lives_is_left_to_it(little: Little, capsys: Capture) -> None:
    little.start()
    log = (little.folder / "watchdog.log").open("wb")
    watchdog = subprocess.Popen(
        [sys.executable, "-m", "chaos.faults.watchdog"], cwd=CHECKOUT, stdin=-1, stdout=-1, stderr=log
    )
    try:
        assert watchdog.stdin is not None
        assert watchdog.stdout is not None
        requests: list[dict[str, object]] = [
            {"do": "arm", "arm": asdict(arm_of(little))},
            {"do": "break", "fault": BREAK},
        ]
        for request in requests:
            watchdog.stdin.write(json.dumps({"id": 1, **request}).encode() + b"\n")
            watchdog.stdin.flush()
            assert "error" not in json.loads(watchdog.stdout.readline())
        watchdog.send_signal(signal.SIGSTOP)
        assert main(["restore"]) == exit_codes.NOT_READY
        said = capsys.readouterr().err
        assert f"watchdog {watchdog.pid} does not answer, and its harness (process {os.getpid()}) still runs" in said
        assert watchdog.poll() is None
    finally:
        watchdog.kill()
        watchdog.communicate()
        log.close()


@pytest.mark.exhaustive
def test_a_slow_watchdog_in_the_middle_of_a_heal_command_is_not_ended(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    heal = f"echo >> begun; while ! [ -e go ]; do sleep 0.05; done; {little.heal}"
    watchdog = orphan(heal=heal)
    await_that((little.folder / "begun").exists, "the heal command to begin")
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            restoring.wait(8)  # longer than a frozen watchdog is given to answer
        assert not watchdog.gone
        (little.folder / "go").touch()
        out, err = restoring.communicate(timeout=60)
    finally:
        restoring.kill()
    assert restoring.returncode == 0, err
    assert f"healed by watchdog {watchdog.process.pid}".encode() in out
    assert (little.folder / "begun").read_text() == "\n"
    assert little.serves()


@pytest.mark.exhaustive
def test_the_heal_command_of_a_frozen_watchdog_is_awaited_and_not_doubled(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(heal=f"echo >> begun; while ! [ -e go ]; do sleep 0.05; done; {little.heal}")
    await_that((little.folder / "begun").exists, "the heal command to begin")
    watchdog.process.suspend()
    restoring = subprocess.Popen([sys.executable, "-m", "chaos", "restore"], cwd=CHECKOUT, stdout=-1, stderr=-1)
    try:
        await_that(lambda: watchdog.gone, "the frozen watchdog to be ended")
        with pytest.raises(subprocess.TimeoutExpired):
            restoring.wait(3)
        (little.folder / "go").touch()
        _, err = restoring.communicate(timeout=60)
    finally:
        restoring.kill()
    assert restoring.returncode == 0, err
    assert (little.folder / "begun").read_text() == "\n"
    assert little.serves()


def test_restore_reports_a_failing_watchdog_at_once(
    little: Little, orphan: Callable[..., Orphan], capsys: Capture
) -> None:
    little.start()
    watchdog = orphan(heal="echo >> tried; false")
    await_that((little.folder / "tried").exists, "the heal command to be tried")
    assert main(["restore"]) == exit_codes.NOT_READY
    said = capsys.readouterr().err
    assert f"watchdog {watchdog.process.pid} goes on trying" in said or "ended" in said


def test_a_frozen_watchdog_that_left_nothing_broken_gives_its_target_free(
    little: Little, orphan: Callable[..., Orphan]
) -> None:
    little.start()
    watchdog = orphan(frozen=True, broken=False)
    controller = FaultController()
    with pytest.raises(Refusal, match="already uses this target"):
        controller.arm(arm_of(little))
    assert will_be_free(Lease(little.home() / LEASE))
    assert watchdog.gone
    assert controller.arm(arm_of(little)) is None
    controller.disarm()


NEXT_START = """
from gevent import monkey; monkey.patch_all()
import logging, sys, msgspec
from pathlib import Path
from types import SimpleNamespace
from chaos.run.run_setup import arm_watchdog
from chaos.faults.watchdog.client import Watchdog
from chaos.faults.watchdog.protocol import Arm
from settings.run_settings import make_settings
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
arm = msgspec.json.decode(sys.argv[1], type=Arm)
subject = SimpleNamespace(spec=arm.target, probe=arm.probe, recipe=arm.recipe, state_dir=Path(arm.folder))
one = Watchdog(Path(sys.argv[2]))
arm_watchdog(one, subject, make_settings({}))
one.disarm()
one.end()
"""


def test_the_next_start_takes_over_from_a_frozen_watchdog_and_heals(
    little: Little, orphan: Callable[..., Orphan], tmp_path: Path
) -> None:
    little.start()
    watchdog = orphan(frozen=True)
    arm = json.dumps(asdict(arm_of(little)))
    done = subprocess.run(
        [sys.executable, "-c", NEXT_START, arm, str(tmp_path / "next.log")],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"watchdog {watchdog.process.pid} was frozen and its harness has died" in done.stdout
    assert "preflight: healed service (" in done.stdout
    assert "which run run-1 left broken (stop, " in done.stdout
    assert watchdog.gone
    assert little.serves()


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
