"""Runs one command of the user's so that any other process can know whether it still runs.

The command waits at a gate until its process id and start time are in the journal, and does nothing at all when the
process that started it dies before that. A later healing therefore knows a command that is still at work from the
processes that a finished one has left running, which are not touched.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import psutil

from chaos.faults.targets import ActTimedOut, TargetError
from redaction.patterns import without_secrets
from settings.run_settings import OPTIONS
from stack import process

# In the environment of a command: by it and by process id and start time a command is known.
ACT: Final = "HARNESS_ACT"
# `exec` keeps process id and start time, so what is recorded is the command itself.
_GATE: Final = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
_END_WAIT_S: Final = 5.0
# What is kept of a command's output for messages: its first and last lines.
_LINES: Final = 3
_LONGEST_LINE: Final = 200
_MOST_READ: Final = 64 * 1024
# A disk with less room than this is full.
_ROOM: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class RunningCommand:
    """A command that was started, as the journal holds it.

    Attributes:
        step: `break` or `heal`.
        act: value of `HARNESS_ACT` in its environment.
        started: its start time, see `stack.process.start_time`.
    """

    step: str
    act: str
    pid: int
    started: float

    def still_runs(self) -> bool:
        """Whether this very process runs. Where its environment may not be read (`sudo`), pid and start time decide.

        A command may replace its environment (`exec env -i`); it still leads the session that it was started in.
        """
        if not process.is_alive(self.pid, self.started):
            return False
        try:
            act = psutil.Process(self.pid).environ().get(ACT)
            return act == self.act if act is not None else os.getsid(self.pid) == self.pid
        except psutil.AccessDenied:
            return True
        except (psutil.Error, OSError):
            return False

    def age_s(self) -> float:
        """Seconds since it was started, whatever became of the wall clock; 0 when it is gone."""
        return max(0.0, process.now() - self.started) if process.is_alive(self.pid, self.started) else 0.0

    def end(self) -> None:
        """End it and the children that are still attached to it; what it has left running on its own stays.

        Raises:
            TargetError: it, or a child of it, belongs to another user.
        """
        family = process.tree(self.pid, self.started)
        # Paused first, the command before its children: a paused process starts no more of them.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for each in process.tree(self.pid, self.started) or family:
                with contextlib.suppress(psutil.Error):  # ended meanwhile, or another user's: looked at below
                    each.send_signal(number)
        if not process.wait_until(lambda: not any(process.start_time(each.pid) for each in family), _END_WAIT_S):
            raise TargetError(
                f"the {self.step} command (process {self.pid}) or a child of it cannot be ended by this user: end it"
            )


class CommandJournal(Protocol):
    """Where the command under way is recorded; see `chaos.faults.journal.Journal`."""

    def running(self) -> RunningCommand | None:
        """Return the command that was last recorded, whether it still runs or not."""

    def note_running(self, command: RunningCommand) -> None:
        """Record `command`; it is on disk when this returns. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run.

    Attributes:
        step: `break`, `heal` or `check`.
        line: as the user wrote it.
        words: the same as arguments.
        env: added to our own environment, from which our secrets are taken.
        must_be_recorded: whether it may not run unless it is in the journal.
    """

    step: str
    line: str
    words: tuple[str, ...]
    folder: Path
    env: dict[str, str]
    must_be_recorded: bool = False

    @property
    def option(self) -> str:
        name = "--command-check" if self.step == "check" else f"--{self.step}-command"
        return f"{name} `{self.line}`"


def run(command: Command, timeout_s: float, record: Callable[[RunningCommand], None] | None) -> tuple[int, str]:
    """Run `command` and return its exit code and the first and last lines that it printed.

    Args:
        timeout_s: longest time that it may take, seconds.
        record: takes the command before it begins; None: nothing is recorded.

    Raises:
        ActTimedOut: it did not end in time; it and its attached children were ended by force.
        TargetError: it cannot be run, or was not allowed to begin.
    """
    # A file, not a pipe: what the command leaves running in the background must not keep us waiting.
    with _output() as output:
        child = _start(command, output)
        known = RunningCommand(command.step, command.env.get(ACT, ""), child.pid, process.start_time(child.pid) or 0.0)
        _open_gate(child, command, known, record)
        try:
            code = child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            known.end()
            child.wait()
            raise ActTimedOut(
                f"{command.option} did not end within {timeout_s:g} s (--command-timeout) and was ended by force, "
                f"so how far it got is unknown{_printed(output)}"
            ) from None
        return code, _printed(output)


def _output() -> IO[bytes]:
    """Return a file for what a command prints: in memory where no disk takes it, else the command fails at writing."""
    try:
        with tempfile.TemporaryFile() as trial:
            trial.write(bytes(_ROOM))
            trial.flush()
        return tempfile.TemporaryFile()
    except OSError:  # the disk is full, or no folder for temporary files can be written
        memory = hasattr(os, "memfd_create")
        return os.fdopen(os.memfd_create("output"), "w+b") if memory else Path(os.devnull).open("w+b")


def _start(command: Command, output: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            [*_GATE, *command.words],
            cwd=command.folder,
            env={**_without_our_secrets(), **command.env},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if not command.folder.is_dir():
            reason = f"its folder {command.folder} is gone"
        raise TargetError(f"{command.option} cannot be run: {reason}") from None


def _open_gate(
    child: "subprocess.Popen[bytes]",
    command: Command,
    known: RunningCommand,
    record: Callable[[RunningCommand], None] | None,
) -> None:
    trouble = None
    try:
        if record is not None:
            record(known)
    except OSError as error:
        trouble = error if command.must_be_recorded else None
    gate = child.stdin
    with contextlib.suppress(OSError):  # it was killed at its gate: its exit code says so
        if gate is not None:
            if trouble is None:
                gate.write(b"go\n")
            gate.close()
    if trouble is not None:
        child.wait()
        raise TargetError(
            f"{command.option} was not run: the journal cannot be written ({trouble.strerror or trouble})"
        )


def _without_our_secrets() -> dict[str, str]:
    secret = {option.env for option in OPTIONS if option.secret}
    return {name: value for name, value in os.environ.items() if name not in secret}


def _printed(output: IO[bytes]) -> str:
    """Return the first and last lines of `output` as the end of a sentence."""
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    head = output.read(_MOST_READ)
    output.seek(max(0, size - _MOST_READ))
    tail = output.read(_MOST_READ)
    first, last = _lines(head), _lines(tail)
    shown = first if len(first) <= 2 * _LINES and size <= _MOST_READ else [*first[:_LINES], "...", *last[-_LINES:]]
    return ": " + " / ".join(shown) if shown else ", and printed nothing"


def _lines(text: bytes) -> list[str]:
    lines = [" ".join(line.split()) for line in text.decode("utf-8", "replace").splitlines()]
    printable = ["".join(c for c in line if c.isprintable())[:_LONGEST_LINE] for line in lines]
    return [without_secrets(line) for line in printable if line]
