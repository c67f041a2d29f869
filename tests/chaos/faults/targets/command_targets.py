"""Command targets in a folder of the test, their journal, and another process that breaks or heals."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from chaos.faults.journal import Journal, OpenFault, this_boot
from chaos.faults.stop import STOP
from chaos.faults.targets import TargetSpec
from chaos.faults.targets.command import CommandTarget, open_command_target
from files.paths import CHECKOUT


def opened(folder: Path, **commands: str) -> CommandTarget:
    given = {"break": "true", "heal": "true", "folder": str(folder), **commands}
    return open_command_target(TargetSpec("command", "broker", given))


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


def left_running(step: str, folder: Path, target: CommandTarget) -> tuple[Journal, dict[str, object]]:
    """Kill the watchdog of a command of `target` that has made the file `begun`; return its journal and undo."""
    undo = dict(target.prepare(STOP))
    journal = journal_in(folder, target, undo)
    watchdog = start_elsewhere(step, folder, target, undo)
    await_file(folder / "begun")
    kill(watchdog)
    return journal, undo
