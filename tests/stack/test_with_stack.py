"""`python -m stack with COMMAND`: the stack is up for the command, and down again if it was down before."""

import subprocess
import sys
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from stack.embedded import EmbeddedStack
from stack.lease import LEASE, Lease
from tests.environment import without_options

SAYS = "import os, sys, psycopg; psycopg.connect(os.environ['LOCUST_DATABASE_URL']).close(); sys.exit(7)"


def run(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stack", "with", *words],
        env={**without_options(), "HARNESS_STACK_HOME": str(home)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.real
@pytest.mark.exhaustive
def test_a_command_finds_the_stack_up_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path / "stack")
    try:
        assert run(stack.home, sys.executable, "-c", SAYS).returncode == 7
        assert stack.status() is None
        stack.up(owner="pytest", with_service=False)
        assert run(stack.home, sys.executable, "-c", SAYS).returncode == 7
        assert stack.status() is not None
        assert run(stack.home, str(tmp_path / "nothing")).returncode == 127
        for component in stack.components:
            component.kill()
        assert stack.status() is not None, "a record is left, as after the machine's restart"
        assert run(stack.home, sys.executable, "-c", SAYS).returncode == 7
        assert stack.status() is None
    finally:
        stack.clean()


@pytest.mark.process
def test_nothing_is_started_while_a_harness_uses_the_stack(tmp_path: Path) -> None:
    """Its broker may be stopped on purpose just then: starting it would heal the fault."""
    lease = Lease(tmp_path / "stack" / LEASE)
    lease.take()
    try:
        done = run(tmp_path / "stack", sys.executable, "-c", SAYS)
    finally:
        lease.give_back()
    assert done.returncode == 4
    assert "uses the stack" in done.stderr
    assert "set HARNESS_STACK_HOME to another folder" in done.stderr
    assert EmbeddedStack(tmp_path / "stack").status() is None


@pytest.mark.process
def test_without_a_command_nothing_is_started(tmp_path: Path) -> None:
    done = run(tmp_path / "stack")
    assert done.returncode == 2
    assert done.stderr == "with: COMMAND is missing, for example python -m reconcile latest\n"
    assert not (tmp_path / "stack").exists()
