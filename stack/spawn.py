"""Starts processes in sessions of their own, with their output in a log file; none is left behind half started.

A signal may arrive while a process is being started: Python code runs on both sides of the fork, and under gevent other
greenlets run until the exec. The caller then never gets the pid, so the child is ended here.
"""

import subprocess
import tempfile
import time
from collections.abc import Generator

import psutil

from stack import process
from stack.errors import StackError
from stack.process import Launch

_NEWBORN_WAIT_S = 5.0


def spawn(launch: Launch, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to the log file; returns once it is spawned.

    A session of its own: a Ctrl-C in the terminal reaches the harness alone.
    What is raised meanwhile, also KeyboardInterrupt, is raised again once the process has been ended.
    """
    launch.log_path.parent.mkdir(parents=True, exist_ok=True)
    # Root's groups are dropped too, else the unprivileged process could read files of group root.
    extra_groups: list[int] | None = None if launch.user is None else []
    before = {child.pid for child in psutil.Process().children()}
    try:
        with launch.log_path.open("ab") as log:
            child = subprocess.Popen(
                launch.argv,
                cwd=launch.cwd,
                env=dict(launch.env),
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=launch.user,
                group=launch.group,
                extra_groups=extra_groups,
            )
        process.adopt(child)
    except BaseException:
        _end_newborn(launch, before)
        raise
    return child


def _end_newborn(launch: Launch, before: set[int]) -> None:
    """End the child of an interrupted start: one with this command that did not exist `before`.

    Between fork and exec a child shows our own command line, as do children that other parts of this process start at
    the same time. So the exec is awaited.
    """
    ours = command_of(psutil.Process())

    def settled() -> bool:
        newborn = [child for child in psutil.Process().children() if child.pid not in before]
        commands = {child.pid: command_of(child) for child in newborn}
        for pid, command in commands.items():
            if _runs(command, launch.argv):
                process.kill_tree(pid)
        # A running child without a command line is in its exec.
        return not any(
            command == ours or (not command and process.start_time(pid) is not None)
            for pid, command in commands.items()
        )

    process.wait_until(settled, _NEWBORN_WAIT_S)


def _runs(command: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    """Return whether a process with this command line was started as `argv`; a script shows its interpreter first."""
    return command == argv or (len(argv) > 1 and len(command) > len(argv) and command[1 - len(argv) :] == argv[1:])


def command_of(candidate: psutil.Process) -> tuple[str, ...]:
    """The command line of a process; empty when it has ended or may not be read."""
    try:
        return tuple(candidate.cmdline())
    except psutil.Error:
        return ()


def run_to_end(launch: Launch, what: str, timeout_s: float, text: bytes | None = None) -> Generator[None, None, None]:
    """Run a short program to its end, yielding while it runs; `text` goes to its standard input.

    what: for the error, "formatting Kafka's storage". Raises StackError with the last lines of its log when it fails or
    takes longer than `timeout_s` seconds; it is killed then.
    """
    with tempfile.TemporaryFile() as source:
        source.write(text or b"")
        source.seek(0)
        child = spawn(launch, stdin=source.fileno())
    begun = time.monotonic()
    try:
        while child.poll() is None:
            if time.monotonic() - begun > timeout_s:
                tail = process.log_tail(launch.log_path)
                raise StackError(f"{what} took longer than {timeout_s:g} s; its log says:\n{tail}")
            yield
    finally:
        if child.poll() is None:
            process.kill_tree(child.pid)
    if child.returncode != 0:
        tail = process.log_tail(launch.log_path)
        raise StackError(f"{what} failed with exit code {child.returncode}; its log says:\n{tail}")
