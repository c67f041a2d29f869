"""The lease of a running harness, as the command line respects it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from stack.__main__ import main
from stack.errors import StackError
from stack.lease import LEASE, Lease, LeaseTaken
from stack.state_store import HOME_VARIABLE

pytestmark = pytest.mark.process

HOLD = (
    "import sys; from pathlib import Path; from stack.lease import Lease; "
    "Lease(Path(sys.argv[1])).take(); print('held', flush=True); input()"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def holder(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home / LEASE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("command", ["up", "down", "clean"])
def test_refused_while_a_harness_lives(
    home: Path, holder: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (home / "journal.json").write_text("{}")
    assert main([command]) == 4
    output = capsys.readouterr().err
    assert len(output.splitlines()) == 1
    assert f"a running harness (process {holder.pid}) uses the stack in {home}" in output
    assert f"{command} --force" in output
    assert sorted(entry.name for entry in home.iterdir()) == ["journal.json", LEASE]


def test_force_and_then_a_dead_holder(home: Path, holder: subprocess.Popen[bytes]) -> None:
    (home / "journal.json").write_text("{}")
    assert main(["down", "--force"]) == 0
    assert main(["clean", "--force"]) == 0
    assert [entry.name for entry in home.iterdir()] == [LEASE]  # still held: a second harness must not get a new one
    with pytest.raises(LeaseTaken, match=f"process {holder.pid}"):
        Lease(home / LEASE).take()
    holder.kill()
    holder.wait(timeout=10)
    assert main(["clean"]) == 0
    assert not home.exists()


@pytest.mark.real
def test_forced_up(home: Path, holder: subprocess.Popen[bytes]) -> None:
    try:
        assert main(["up", "--without-service", "--force"]) == 0
        assert main(["status"]) == 0  # needs no --force
    finally:
        assert main(["clean", "--force"]) == 0
    assert holder.poll() is None


def test_looking_takes_nothing(home: Path) -> None:
    lease = Lease(home / LEASE)
    assert lease.holder() == ""
    assert not home.exists()
    lease.take()
    assert Lease(home / LEASE).holder() == str(os.getpid())
    lease.give_back()
    assert lease.holder() == ""


@pytest.mark.parametrize("unusable", ["/dev/null", "/dev/null/below", "/proc/x"])
def test_home_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unusable: str
) -> None:
    with pytest.raises(StackError, match=rf"^HARNESS_STACK_HOME: .* {unusable} \(.*\): set HARNESS_STACK_HOME to"):
        Lease(Path(unusable) / LEASE).take()
    monkeypatch.setenv(HOME_VARIABLE, unusable)
    assert main(["up"]) == 4
    output = capsys.readouterr().err
    assert len(output.splitlines()) == 1
    assert "HARNESS_STACK_HOME" in output


def test_home_that_another_user_owns(tmp_path: Path) -> None:
    """Root may write anywhere, so an unprivileged process tries."""
    code = HOLD if os.geteuid() else f"import os; from stack.lease import Lease; os.setuid(65534); {HOLD}"
    tmp_path.chmod(0o555)
    try:
        run = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / LEASE)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        tmp_path.chmod(0o755)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("stack.errors.StackError: HARNESS_STACK_HOME: ")


def test_the_folder_of_a_target_is_named_by_its_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STATE_HOME", str(tmp_path))
    (tmp_path / "locust-chaos-harness").write_text("")
    words = r"^HARNESS_STATE_HOME: the harness cannot keep its files in .*: set HARNESS_STATE_HOME to"
    with pytest.raises(StackError, match=words):
        Lease(tmp_path / "locust-chaos-harness" / "targets" / "one" / LEASE).take()


def test_a_lease_whose_file_can_only_be_read_is_taken_to_heal_and_by_one_alone(tmp_path: Path) -> None:
    path = tmp_path / LEASE
    shutil.copy(str(shutil.which("sleep")), path)
    with subprocess.Popen([str(path), "600"]) as running:  # the file of a running program cannot be written
        try:
            one, other = Lease(path), Lease(path)
            with pytest.raises(StackError, match="cannot keep its files"):
                one.take()
            one.take(to_heal=True)
            with pytest.raises(LeaseTaken):
                other.take(to_heal=True)
            one.give_back()
            other.take(to_heal=True)
            other.give_back()
        finally:
            running.kill()


def test_one_lease_for_one_stack_and_it_dies_with_its_holder(home: Path, holder: subprocess.Popen[bytes]) -> None:
    lease = Lease(home / LEASE)
    with pytest.raises(LeaseTaken, match=rf"another harness \(process {holder.pid}\) already uses the stack"):
        lease.take()
    holder.kill()
    holder.wait(timeout=10)
    lease.take()
    assert (home / LEASE).read_text().strip() == str(os.getpid())
    lease.give_back()
    lease.give_back()
