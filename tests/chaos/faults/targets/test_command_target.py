"""A pair of commands as a target: bounded, its output shown, no secret of ours passed on, equal in any process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import chaos.faults.targets.command
from chaos.faults.pause import PAUSE
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetError, TargetSpec
from chaos.faults.targets.command import open_command_target
from files.paths import CHECKOUT
from tests.chaos.faults.targets.command_targets import opened

pytestmark = pytest.mark.process

SECRET = "planted-9021"


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
