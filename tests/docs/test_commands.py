"""Every command that README and docs show is run by a test, parsed with `--dry-run`, or run by a test that is named."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from tests.docs.commands import ELSEWHERE, PARSED, RUN, commands
from tests.environment import without_options

BIN = Path(sys.executable).parent


def known(command: str) -> bool:
    plain = re.sub(r"^(LOCUST_\w+=\S+ )+", "", command)
    return plain in RUN | PARSED or any(plain == one or plain.startswith(f"{one} ") for one in ELSEWHERE)


def test_every_command_is_tested_in_one_way() -> None:
    shown = commands()
    unknown = {page: left for page, found in shown.items() if (left := [one for one in found if not known(one)])}
    assert unknown == {}
    everything = {re.sub(r"^(LOCUST_\w+=\S+ )+", "", one) for found in shown.values() for one in found}
    assert RUN - everything == frozenset()
    assert PARSED - everything == frozenset()
    assert [one for one in ELSEWHERE if not any(each.startswith(one) for each in everything)] == []


def test_the_tests_that_are_named_are_there() -> None:
    assert [where for where in ELSEWHERE.values() if not (CHECKOUT / where).exists()] == []


def test_every_link_leads_to_a_file() -> None:
    pages = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def run(command: str, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(BIN / Path(program).name), *arguments, *more],
        env={**without_options(), "HARNESS_STACK_HOME": str(folder / "stack"), "LOCUST_RUNS_DIR": str(folder / "runs")},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.process
@pytest.mark.parametrize("command", sorted(RUN))
def test_short_commands_run(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.exhaustive
@pytest.mark.parametrize("command", sorted(PARSED))
def test_long_commands_are_understood(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "runs").exists()
