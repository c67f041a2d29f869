"""A pair of commands as a target: bounded, its output told, no secret of ours handed on, the same in any process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import chaos.targets.command
from chaos.targets import TargetError, TargetSpec
from chaos.targets.command import ACT, CommandTarget, open_command_target

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "planted-9021"


def opened(folder: Path, **commands: str) -> CommandTarget:
    given = {"break": "true", "heal": "true", "folder": str(folder), **commands}
    return open_command_target(TargetSpec("command", "broker", given))


def test_break_and_heal_run_where_and_as_they_were_given(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "mkdir 'two words'", "heal": "rmdir 'two words'"})
    target.apply("stop", target.prepare("stop"), 10)
    assert (tmp_path / "two words").is_dir()
    target.heal("stop", {}, 10)
    assert list(tmp_path.iterdir()) == []


def test_without_a_shell_nothing_is_expanded_and_with_one_it_is(tmp_path: Path) -> None:
    line = "touch a; touch $HARNESS_FAULT-$HARNESS_COMPONENT"
    opened(tmp_path, **{"break": line}).apply("stop", {}, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["$HARNESS_FAULT-$HARNESS_COMPONENT", "a;", "touch"]
    (tmp_path / "shell").mkdir()
    opened(tmp_path / "shell", **{"break": line, "shell": "yes"}).apply("pause", {}, 10)
    assert sorted(path.name for path in (tmp_path / "shell").iterdir()) == ["a", "pause-broker"]


def test_a_command_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    line = "for i in $(seq 1 40); do echo line $i; done; echo postgresql://a:b@c/d >&2; exit 7"
    target = opened(tmp_path, **{"break": line, "shell": "yes"})
    with pytest.raises(TargetError) as caught:
        target.apply("stop", {}, 10)
    said = str(caught.value)
    assert "ended with 7: line 1 / line 2 / line 3 / ... / line 39 / line 40 / postgresql://***@c/d" in said
    assert "\n" not in said
    with pytest.raises(TargetError, match="--heal-command `false` ended with 1, and printed nothing"):
        opened(tmp_path, heal="false").heal("stop", {}, 10)
    with pytest.raises(TargetError, match="was ended by signal 9"):
        opened(tmp_path, **{"break": "kill -9 $$", "shell": "yes"}).apply("stop", {}, 10)


def test_a_command_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "echo begun; sleep 300 & echo $! > pid; wait", "shell": "yes"})
    began = time.monotonic()
    with pytest.raises(TargetError, match="did not end within 1 s and was killed, nobody knows how far it got: begun"):
        target.apply("stop", {}, 1.0)
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child of the command lives on"
        time.sleep(0.05)


def test_what_it_leaves_running_does_not_keep_us_waiting(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"heal": "sleep 60 & echo $! > pid", "shell": "yes"})
    began = time.monotonic()
    target.heal("stop", {}, 30)
    assert time.monotonic() - began < 20
    psutil.Process(int((tmp_path / "pid").read_text())).kill()


def test_our_own_secrets_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCUST_DATABASE_URL", "LOCUST_HEADER"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("KUBECONFIG", "kept")
    opened(tmp_path, **{"break": "env > seen", "shell": "yes"}).apply("stop", {}, 10)
    seen = (tmp_path / "seen").read_text()
    assert SECRET not in seen
    assert "KUBECONFIG=kept" in seen
    assert "HARNESS_FAULT=stop" in seen


def test_without_a_check_command_it_is_down_while_we_have_broken_it(tmp_path: Path) -> None:
    target = opened(tmp_path)
    assert target.is_up()
    target.apply("stop", {}, 10)
    assert not target.is_up()
    target.heal("stop", {}, 10)
    assert target.is_up()


def test_a_check_command_that_hangs_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos.targets.command, "CHECK_TIMEOUT_S", 0.5)
    with pytest.raises(TargetError, match=r"--command-check `sleep 60` did not end within 0\.5 s"):
        opened(tmp_path, check="sleep 60").is_up()


def test_a_break_command_that_outlives_its_watchdog_breaks_nothing_that_is_mended(tmp_path: Path) -> None:
    line = {"break": "touch begun; sleep 4; rm -f up", "heal": "touch up", "shell": "yes"}
    target = opened(tmp_path, **line)
    undo = dict(target.prepare("stop"))
    code = (
        "import json, sys\nfrom chaos.targets import TargetSpec\nfrom chaos.targets.opening import open_target\n"
        "parameters, undo = json.loads(sys.stdin.read())\n"
        "open_target(TargetSpec('command', 'broker', parameters)).apply('stop', undo, 30)\n"
    )
    watchdog = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdin=subprocess.PIPE)
    assert watchdog.stdin is not None
    watchdog.stdin.write(json.dumps([target.spec.parameters, undo]).encode())
    watchdog.stdin.close()
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    watchdog.kill()
    watchdog.wait()
    opened(tmp_path, **line).heal("stop", undo, 30)
    assert (tmp_path / "up").exists()
    time.sleep(5)
    assert (tmp_path / "up").exists(), "the break command went on after all was mended"


def test_healing_ends_no_command_but_its_own(tmp_path: Path) -> None:
    target = opened(tmp_path, **{"break": "sleep 60 & echo $! > pid", "shell": "yes"})
    undo = dict(target.prepare("stop"))
    target.apply("stop", undo, 10)
    left = psutil.Process(int((tmp_path / "pid").read_text()))
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, ACT: "another"}, start_new_session=True)
    try:
        target.heal("stop", undo, 10)
        assert left.is_running(), "what the command left running on purpose"
        assert other.poll() is None
    finally:
        left.kill()
        other.kill()
        other.wait()


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
def test_a_program_that_is_not_there_is_told_before_anything_is_broken(
    tmp_path: Path, commands: dict[str, str], words: str
) -> None:
    with pytest.raises(TargetError) as caught:
        opened(tmp_path, **commands)
    assert words in str(caught.value)


def test_a_script_beside_the_harness_is_found(tmp_path: Path) -> None:
    script = tmp_path / "heal.sh"
    script.write_text("#!/bin/sh\ntouch healed\n")
    script.chmod(0o700)
    opened(tmp_path, heal="./heal.sh").heal("stop", {}, 10)
    assert (tmp_path / "healed").exists()


def test_another_process_elsewhere_opens_the_same_target_without_gevent(tmp_path: Path) -> None:
    target = opened(tmp_path, heal="touch healed", check="test -e healed")
    spec = target.spec
    code = (
        "import sys\n"
        "from chaos.targets import TargetSpec\n"
        "from chaos.targets.command import open_command_target\n"
        f"target = open_command_target(TargetSpec({spec.kind!r}, {spec.component!r}, {spec.parameters!r}))\n"
        "target.heal('stop', {}, 10)\n"
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
