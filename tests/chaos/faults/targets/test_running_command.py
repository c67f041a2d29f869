"""Commands that outlive the process that started them: ended, awaited or left alone, and never doubled."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chaos.faults.journal import Journal, OpenFault
from chaos.faults.stop import STOP
from chaos.faults.targets import ActTimedOut, TargetError
from chaos.faults.targets.command import open_command_target
from chaos.faults.targets.running_command import ACT, RunningCommand
from stack.process import start_time, wait_until
from tests.chaos.faults.targets.command_targets import journal_in, kill, left_running, opened, start_elsewhere

pytestmark = pytest.mark.process


def test_a_break_command_that_outlives_its_watchdog_breaks_nothing_that_is_healed(tmp_path: Path) -> None:
    line = {"break": "touch begun; read line < gate; rm -f up; touch broke", "heal": "touch up", "shell": "yes"}
    os.mkfifo(tmp_path / "gate")
    target = opened(tmp_path, **line)
    journal, undo = left_running("break", tmp_path, target)
    left = journal.running()
    assert left is not None
    assert (left.step, left.still_runs()) == ("break", True)
    open_command_target(target.spec, journal).heal(STOP, undo, 30)
    assert not left.still_runs(), "the break command goes on after all was healed"
    assert (tmp_path / "up").exists()
    assert not (tmp_path / "broke").exists()


def test_a_heal_command_that_a_dead_watchdog_left_running_is_awaited_and_not_doubled(tmp_path: Path) -> None:
    line = {"heal": "echo >> begun; while ! [ -e go ]; do sleep 0.05; done; touch up", "shell": "yes"}
    target = opened(tmp_path, **line)
    journal, undo = left_running("heal", tmp_path, target)
    healer = start_elsewhere("heal", tmp_path, target, undo, stderr=subprocess.PIPE)
    assert healer.stderr is not None
    assert b"is awaited" in healer.stderr.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        healer.wait(1)
    (tmp_path / "go").touch()
    assert healer.wait(30) == 0
    assert (tmp_path / "up").exists()
    assert (tmp_path / "begun").read_text() == "\n", "it was started a second time"
    # Near miss: one that has ended is no longer waited for, it is run again.
    open_command_target(target.spec, journal).heal(STOP, undo, 30)
    assert (tmp_path / "begun").read_text() == "\n\n"


def test_a_heal_command_that_was_left_running_too_long_is_ended(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"heal": "touch begun; exec sleep 300", "shell": "yes"})
    journal, undo = left_running("heal", tmp_path, target)
    left = journal.running()
    assert left is not None
    with pytest.raises(ActTimedOut, match=rf"process {left.pid}\) did not end within 1 s"):
        open_command_target(target.spec, journal).heal(STOP, undo, 1.0)
    assert not left.still_runs()


@pytest.mark.parametrize("leads", [True, False])
def test_a_break_command_that_replaces_its_environment_is_ended_and_no_other_process(
    tmp_path: Path, leads: bool
) -> None:
    """What is started as a command leads a session of its own; another process with that pid need not."""
    line = ["/bin/sh", "-c", "exec env -i /bin/sleep 60"]
    other = subprocess.Popen(line, env={**os.environ, ACT: "mark"}, start_new_session=leads)
    try:
        wait_until(lambda: psutil.Process(other.pid).name() == "sleep", 10)
        target = opened(tmp_path)
        journal = journal_in(tmp_path, target, {"act": "mark"})
        journal.note_running(RunningCommand("break", "mark", other.pid, start_time(other.pid) or 0.0))
        open_command_target(target.spec, journal).heal(STOP, {"act": "mark"}, 10)
        assert (other.poll() is not None) is leads
    finally:
        other.kill()
        other.wait()


def test_another_process_with_the_pid_or_mark_of_a_command_is_not_taken_for_it(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, ACT: "mark"}, start_new_session=True)
    try:
        started = start_time(other.pid)
        assert started is not None
        assert RunningCommand("break", "mark", other.pid, started).still_runs()
        for known in (
            RunningCommand("break", "mark", other.pid, started - 1),
            RunningCommand("break", "another", other.pid, started),
        ):
            assert not known.still_runs()
            target = opened(tmp_path)
            journal = journal_in(tmp_path, target, {"act": "mark"})
            journal.note_running(known)
            open_command_target(target.spec, journal).heal(STOP, {"act": "mark"}, 10)
            assert other.poll() is None
    finally:
        kill(other)


def test_a_service_that_the_break_command_restarted_lives_on(tmp_path: Path) -> None:
    """It leads a session of its own and carries the mark of the act; the command that started it has finished."""
    start = "import os, subprocess; p = subprocess.Popen(['sleep', '60'], start_new_session=True); print(p.pid)"
    target = opened(tmp_path, **{"break": f'{sys.executable} -c "{start}" > pid', "shell": "yes"})
    undo = dict(target.prepare(STOP))
    target = open_command_target(target.spec, journal_in(tmp_path, target, undo))
    target.apply(STOP, undo, 30)
    service = psutil.Process(int((tmp_path / "pid").read_text()))
    try:
        assert service.environ()[ACT] == undo["act"]
        target.heal(STOP, undo, 10)
        assert service.is_running()
        assert service.status() != psutil.STATUS_ZOMBIE
    finally:
        service.kill()


def test_healing_ends_no_command_but_its_own(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "sleep 60 & echo $! > pid", "shell": "yes"})
    undo = dict(target.prepare(STOP))
    target = open_command_target(target.spec, journal_in(tmp_path, target, undo))
    target.apply(STOP, undo, 10)
    left = psutil.Process(int((tmp_path / "pid").read_text()))
    try:
        target.heal(STOP, undo, 10)
        assert left.is_running(), "what the command left running on purpose"
    finally:
        left.kill()


def test_a_break_command_that_cannot_be_recorded_is_not_run_and_a_heal_command_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = opened(tmp_path, **{"break": "touch broken", "heal": "touch healed"})
    journal = journal_in(tmp_path, target, {"act": "mark"})

    def full(self: Journal, entry: OpenFault) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "open", full)
    target = open_command_target(target.spec, journal)
    with pytest.raises(TargetError, match="was not run: the journal cannot be written"):
        target.apply(STOP, {"act": "mark"}, 10)
    assert not (tmp_path / "broken").exists()
    target.heal(STOP, {"act": "mark"}, 10)
    assert (tmp_path / "healed").exists()


def test_the_age_of_a_command_is_not_that_of_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    started = start_time(os.getpid())
    assert started is not None
    one = RunningCommand("heal", "mark", os.getpid(), started)
    before = one.age_s()
    wall = time.time()
    monkeypatch.setattr("time.time", lambda: wall + 3600.0)
    assert before <= one.age_s() < before + 3600.0
    assert RunningCommand("heal", "mark", os.getpid(), started - 1.0).age_s() == 0.0
