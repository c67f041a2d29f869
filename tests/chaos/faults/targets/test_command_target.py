"""A pair of commands as a target: bounded, its output shown, no secret of ours passed on, equal in any process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import chaos.faults.targets.command
from chaos.faults.journal import Journal, OpenFault, this_boot
from chaos.faults.pause import PAUSE
from chaos.faults.stop import STOP
from chaos.faults.targets import ActTimedOut, TargetError, TargetSpec
from chaos.faults.targets.command import CommandTarget, open_command_target
from chaos.faults.targets.running_command import ACT, RunningCommand
from files.paths import CHECKOUT
from stack.process import start_time, wait_until

pytestmark = pytest.mark.process

SECRET = "planted-9021"


def opened(folder: Path, **commands: str) -> CommandTarget:
    given = {"break": "true", "heal": "true", "folder": str(folder), **commands}
    return open_command_target(TargetSpec("command", "broker", given))


def test_break_and_heal_run_where_and_as_they_were_given(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "mkdir 'two words'", "heal": "rmdir 'two words'"})
    target.apply(STOP, target.prepare(STOP), 10)
    assert (tmp_path / "two words").is_dir()
    target.heal(STOP, {}, 10)
    assert list(tmp_path.iterdir()) == []


def test_without_a_shell_nothing_is_expanded_and_with_one_it_is(tmp_path: Path) -> None:
    line = "touch a; touch $HARNESS_FAULT-$HARNESS_COMPONENT"
    opened(tmp_path, **{"break": line}).apply(STOP, {}, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["$HARNESS_FAULT-$HARNESS_COMPONENT", "a;", "touch"]
    (tmp_path / "shell").mkdir()
    opened(tmp_path / "shell", **{"break": line, "shell": "yes"}).apply(PAUSE, {}, 10)
    assert sorted(path.name for path in (tmp_path / "shell").iterdir()) == ["a", "pause-broker"]


def test_a_command_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    line = "for i in $(seq 1 40); do echo line $i; done; echo postgresql://a:b@c/d >&2; exit 7"
    target = opened(tmp_path, **{"break": line, "shell": "yes"})
    with pytest.raises(TargetError) as caught:
        target.apply(STOP, {}, 10)
    said = str(caught.value)
    assert "ended with 7: line 1 / line 2 / line 3 / ... / line 39 / line 40 / postgresql://***@c/d" in said
    assert "\n" not in said
    with pytest.raises(TargetError, match="--heal-command `false` ended with 1, and printed nothing"):
        opened(tmp_path, heal="false").heal(STOP, {}, 10)
    with pytest.raises(TargetError, match="was ended by signal 9"):
        opened(tmp_path, **{"break": "kill -9 $$", "shell": "yes"}).apply(STOP, {}, 10)


def test_a_command_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "echo begun; sleep 300 & echo $! > pid; wait", "shell": "yes"})
    began = time.monotonic()
    with pytest.raises(
        TargetError, match=r"did not end within 1 s .* ended by force, so how far it got is unknown: begun"
    ):
        target.apply(STOP, {}, 1.0)
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child of the command lives on"
        time.sleep(0.05)


def test_what_it_leaves_running_does_not_keep_us_waiting(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"heal": "sleep 60 & echo $! > pid", "shell": "yes"})
    began = time.monotonic()
    target.heal(STOP, {}, 30)
    assert time.monotonic() - began < 20
    psutil.Process(int((tmp_path / "pid").read_text())).kill()


def test_our_own_secrets_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCUST_DATABASE_URL", "LOCUST_HEADER"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("KUBECONFIG", "kept")
    opened(tmp_path, **{"break": "env > seen", "shell": "yes"}).apply(STOP, {}, 10)
    seen = (tmp_path / "seen").read_text()
    assert SECRET not in seen
    assert "KUBECONFIG=kept" in seen
    assert "HARNESS_FAULT=stop" in seen


def test_without_a_check_command_it_is_down_while_we_have_broken_it(tmp_path: Path) -> None:
    target = opened(tmp_path)
    assert target.is_up()
    target.apply(STOP, {}, 10)
    assert not target.is_up()
    target.heal(STOP, {}, 10)
    assert target.is_up()


def test_a_check_command_that_hangs_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos.faults.targets.command, "CHECK_TIMEOUT_S", 0.5)
    with pytest.raises(TargetError, match=r"--command-check `sleep 60` did not end within 0\.5 s"):
        opened(tmp_path, check="sleep 60").is_up()


def journal_in(folder: Path, target: CommandTarget, undo: dict[str, object]) -> Journal:
    """A journal that holds a fault of `target`, as it is written before the act."""
    journal = Journal(folder / "journal.json")
    journal.open(OpenFault("run-1", "stop", target.spec, target.describe(), 1.0, os.getpid(), undo, boot=this_boot()))
    return journal


def start_elsewhere(
    step: str, folder: Path, target: CommandTarget, undo: dict[str, object], stderr: int | None = None
) -> "subprocess.Popen[bytes]":
    """A process that breaks or heals, as a watchdog does: it is killed while the command goes on."""
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom chaos.faults.journal import Journal\n"
        "from chaos.faults.stop import STOP\nfrom chaos.faults.targets import TargetSpec\n"
        "from chaos.faults.targets.open_target import open_target\n"
        "step, journal, parameters, undo = json.loads(sys.stdin.read())\n"
        "target = open_target(TargetSpec('command', 'broker', parameters), Journal(Path(journal)))\n"
        "(target.apply if step == 'break' else target.heal)(STOP, undo, 30)\n"
    )
    watchdog = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdin=subprocess.PIPE, stderr=stderr)
    assert watchdog.stdin is not None
    given = [step, str(folder / "journal.json"), target.spec.parameters, undo]
    watchdog.stdin.write(json.dumps(given).encode())
    watchdog.stdin.close()
    return watchdog


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear within 30 s"
        time.sleep(0.02)


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def test_a_break_command_that_outlives_its_watchdog_breaks_nothing_that_is_healed(tmp_path: Path) -> None:
    line = {"break": "touch begun; read line < gate; rm -f up; touch broke", "heal": "touch up", "shell": "yes"}
    os.mkfifo(tmp_path / "gate")
    target = opened(tmp_path, **line)
    undo = dict(target.prepare(STOP))
    journal = journal_in(tmp_path, target, undo)
    watchdog = start_elsewhere("break", tmp_path, target, undo)
    await_file(tmp_path / "begun")
    kill(watchdog)
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
    undo = dict(target.prepare(STOP))
    journal = journal_in(tmp_path, target, undo)
    watchdog = start_elsewhere("heal", tmp_path, target, undo)
    await_file(tmp_path / "begun")
    kill(watchdog)
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
    undo = dict(target.prepare(STOP))
    journal = journal_in(tmp_path, target, undo)
    watchdog = start_elsewhere("heal", tmp_path, target, undo)
    await_file(tmp_path / "begun")
    kill(watchdog)
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


def test_the_target_is_component_and_probed_address_and_not_the_text_of_its_commands(tmp_path: Path) -> None:
    one = opened(tmp_path, heal="true", probed="127.0.0.1:9092")
    corrected = opened(tmp_path / "elsewhere", heal="touch up", probed="127.0.0.1:9092")
    assert one.identity == corrected.identity
    assert one.identity != opened(tmp_path, probed="127.0.0.1:9093").identity


def test_the_check_command_says_whether_it_is_up(tmp_path: Path) -> None:
    target = opened(tmp_path, check="test -e up")
    assert not target.is_up()
    (tmp_path / "up").touch()
    assert target.is_up()


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ({"break": "no-such-program-x"}, "--break-command `no-such-program-x`: there is no program no-such-program-x"),
        ({"heal": "./heal.sh"}, "--heal-command `./heal.sh`: there is no program ./heal.sh"),
        ({"check": "no-such-program-x"}, "--command-check `no-such-program-x`"),
        ({"heal": ""}, "--heal-command is missing"),
        ({"heal": " "}, "--heal-command is blank"),
        ({"heal": 'start "it', "shell": "yes"}, '--heal-command `start "it`: no closing quotation'),
    ],
)
def test_a_missing_program_is_reported_before_anything_is_broken(
    tmp_path: Path, commands: dict[str, str], words: str
) -> None:
    with pytest.raises(TargetError) as caught:
        opened(tmp_path, **commands)
    assert words in str(caught.value)


def test_a_script_beside_the_harness_is_found(tmp_path: Path) -> None:
    script = tmp_path / "heal.sh"
    script.write_text("#!/bin/sh\ntouch healed\n")
    script.chmod(0o700)
    opened(tmp_path, heal="./heal.sh").heal(STOP, {}, 10)
    assert (tmp_path / "healed").exists()


def test_another_process_elsewhere_opens_the_same_target_without_gevent(tmp_path: Path) -> None:
    target = opened(tmp_path, heal="touch healed", check="test -e healed")
    spec = target.spec
    code = (
        "import sys\n"
        "from chaos.faults.stop import STOP\n"
        "from chaos.faults.targets import TargetSpec\n"
        "from chaos.faults.targets.command import open_command_target\n"
        f"target = open_command_target(TargetSpec({spec.kind!r}, {spec.component!r}, {spec.parameters!r}))\n"
        "target.heal(STOP, {}, 10)\n"
        "assert target.is_up()\n"
        "assert 'gevent' not in sys.modules\n"
        f"assert target.identity == {target.identity!r}\n"
    )
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run([sys.executable, "-c", code], cwd="/", env=env, check=True, timeout=60)
    assert (tmp_path / "healed").exists()


def test_a_spec_of_another_kind_is_refused() -> None:
    with pytest.raises(TargetError, match="it is no pair of commands"):
        open_command_target(TargetSpec("container", "broker", {"name": "x"}))


@pytest.mark.parametrize("disk", ["full", "no folder"])
def test_a_full_disk_fails_no_command_that_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str) -> None:
    if disk == "full":
        monkeypatch.setattr("tempfile.TemporaryFile", lambda: Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115
    else:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    target = opened(tmp_path, heal="sh -ec 'echo starting; touch healed; exit 3'")
    with pytest.raises(TargetError, match="ended with 3: starting"):
        target.heal(STOP, {}, 10)
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


def test_what_is_only_healed_needs_no_program_that_breaks(tmp_path: Path) -> None:
    given = {"break": "./gone", "check": "./gone", "heal": "touch healed", "folder": str(tmp_path)}
    spec = TargetSpec("command", "broker", given)
    with pytest.raises(TargetError, match=r"there is no program \./gone"):
        open_command_target(spec)
    open_command_target(spec, left=True).heal(STOP, {}, 10)
    assert (tmp_path / "healed").exists()
    gone = TargetSpec("command", "broker", {**given, "folder": str(tmp_path / "none")})
    with pytest.raises(TargetError, match=r"--heal-command `touch healed` cannot be run: its folder .*none is gone"):
        open_command_target(gone, left=True).heal(STOP, {}, 10)
