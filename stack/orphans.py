"""Processes of a stack that no record knows: found by the mark that each of them carries, then ended.

Whoever starts a process may be interrupted or killed before the process stands in the state file. So each one that a
stack starts has the stack's home in its environment, from where any later process reads it. Two of them are also known
by their command line, which names the data folder: another user's environment is closed to us in some containers.
PostgreSQL's sessions overwrite both; they are known by the folder that they work in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack import process
from stack.errors import StackError
from stack.spawn import command_of

MARK = "HARNESS_STACK_CHILD"
_COMPONENT_OF_PROGRAM = {"java": "broker", "postgres": "database", "initdb": "database"}


@dataclass(frozen=True, slots=True)
class Stray:
    """A running process of a stack that is not in its state file; `component` as in `ManagedProcess.name`."""

    component: str
    pid: int


def mark(home: Path, component: str) -> dict[str, str]:
    """The variable that a process of the stack in `home` carries in its environment."""
    return {MARK: f"{component}@{home}"}


def find(home: Path, folders: Iterable[Path], recorded: Callable[[], Iterable[int]]) -> list[Stray]:
    """Return the processes of the stack in `home` that no record knows; this process's own view of paths counts.

    folders: data folders; a server with one of them in its command line, or a `postgres` that works in one, belongs
    to the stack, marked or not.
    recorded: gives the pids of the recorded processes that live; their descendants are known too.
    """
    folders = [*folders]
    judged = [(each, stray) for each in psutil.process_iter() if (stray := _judge(each, home, folders)) is not None]
    if not judged:
        return []
    # A child of one of them goes with it, and need not be named.
    pids = {each.pid for each, _ in judged}
    found = [stray for each, stray in judged if _parent(each) not in pids]
    # Asked after the look: what was recorded meanwhile is known.
    known = {member.pid for pid in recorded() for member in process.tree(pid)}
    return [s for s in found if s.pid not in known and process.start_time(s.pid) is not None]  # not ended meanwhile


def end(strays: Iterable[Stray]) -> None:
    """SIGKILL each of them with its descendants; raises StackError if one is still there after 5 s.

    Nothing that the stack has acknowledged is lost: it is in the kernel's page cache.
    """
    for stray in strays:
        if not process.kill_tree(stray.pid):
            raise StackError(f"an unrecorded {stray.component} (process {stray.pid}) is still there 5 s after SIGKILL")


def _parent(candidate: psutil.Process) -> int:
    try:
        return int(candidate.ppid())
    except psutil.Error:
        return 0


def _judge(candidate: psutil.Process, home: Path, folders: list[Path]) -> Stray | None:
    """What a process is to the stack in `home`; None if nothing, or if it is dead, ours itself or not ours to end."""
    pid = candidate.pid
    with suppress(psutil.Error):
        if pid == os.getpid() or os.geteuid() not in (0, candidate.uids().real):
            return None
        component = _marked(candidate, home) or _serving(command_of(candidate), folders) or _working(candidate, folders)
        if component and _sees_our_paths(pid) and process.start_time(pid) is not None:
            return Stray(component, pid)
    return None


def _marked(candidate: psutil.Process, home: Path) -> str:
    try:
        component, _, owner = candidate.environ().get(MARK, "").partition("@")
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return ""
    return component if owner == str(home) else ""


def _serving(command: tuple[str, ...], folders: list[Path]) -> str:
    """The component that a server's command line shows. The program counts too: an editor may have such a file open."""
    component = _COMPONENT_OF_PROGRAM.get(Path(command[0]).name, "") if command else ""
    paths = [Path(argument) for argument in command[1:]]
    return component if any(path.is_relative_to(folder) for path in paths for folder in folders) else ""


def _working(candidate: psutil.Process, folders: list[Path]) -> str:
    """The database, if the process is one of PostgreSQL's and works in one of the folders."""
    if candidate.name() != "postgres":
        return ""
    return "database" if any(Path(candidate.cwd()).is_relative_to(folder) for folder in folders) else ""


def _sees_our_paths(pid: int) -> bool:
    """Whether a path means the same file to that process: in a container's it may not. True if nobody can tell."""
    try:
        return Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    except OSError:
        return True
