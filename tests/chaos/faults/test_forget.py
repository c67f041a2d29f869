"""A journal can always be closed by hand, but not while a run, a command or a watchdog uses its target.

Real processes: a little HTTP service, its commands, watchdogs, and `python -m chaos`.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.faults.journal import JOURNAL
from chaos.faults.targets.command import open_command_target
from chaos.faults.watchdog.fault_controller import LEASE
from files.paths import CHECKOUT
from runlog import exit_codes
from stack.lease import Lease
from stack.state_dir import lease_of
from tests.chaos.faults.little_service import Little, Orphan, await_that

pytestmark = pytest.mark.process

Capture = pytest.CaptureFixture[str]


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
    assert main(["status"]) == exit_codes.INCONCLUSIVE
    assert "owns it\n  it heals it now: ask again in a moment; `python -m chaos restore`" in capsys.readouterr().out


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
