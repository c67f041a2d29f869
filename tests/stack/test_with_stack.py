"""`python -m stack with COMMAND`: the stack is up for the command, and down again if it was down before."""

import subprocess
import sys
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from stack.embedded import EmbeddedStack
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
    finally:
        stack.clean()


@pytest.mark.process
def test_without_a_command_nothing_is_started(tmp_path: Path) -> None:
    done = run(tmp_path / "stack")
    assert done.returncode == 2
    assert done.stderr == "with: COMMAND is missing, for example python -m reconcile latest\n"
    assert not (tmp_path / "stack").exists()
