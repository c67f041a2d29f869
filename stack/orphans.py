"""Orphans: processes of a stack that are in no record, found by a tag in their environment, and ended.

A harness may be interrupted or killed after it has started a process and before the process is in the state file. So
each process of a stack has the stack's home in its environment, where any later process reads it. Broker and database
are also known by the data folder in their command line: some containers do not let us read another user's environment.
PostgreSQL's sessions overwrite both; they are known by their working directory.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack import process
from stack.errors import StackError
from stack.spawn import command_of

TAG = "HARNESS_STACK_CHILD"
_COMPONENT_OF_PROGRAM = {"java": "broker", "postgres": "database", "initdb": "database"}


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running process of a stack that is not in its state file; `component` as in `ManagedProcess.name`."""

    component: str
    pid: int


def tag(home: Path, component: str) -> dict[str, str]:
    """The variable in the environment of each process of the stack in `home`."""
    return {TAG: f"{component}@{home}"}


def find(home: Path, folders: Iterable[Path], recorded: Callable[[], Iterable[int]]) -> list[Orphan]:
    """The orphans of the stack in `home`, as far as they see the same paths as this process.

    folders: data folders; a server with one of them in its command line, or a `postgres` that works in one, belongs
    to the stack, tagged or not.
    recorded: gives the pids of the recorded processes that run; their descendants are no orphans either.
    """
    folders = [*folders]
    members = [(each, member) for each in psutil.process_iter() if (member := _member(each, home, folders)) is not None]
    if not members:
        return []
    # A child of one of them is ended with it.
    pids = {each.pid for each, _ in members}
    roots = [member for each, member in members if _parent(each) not in pids]
    # Read after the search, so that what was recorded meanwhile is no orphan.
    known = {member.pid for pid in recorded() for member in process.tree(pid)}
    return [root for root in roots if root.pid not in known and process.start_time(root.pid) is not None]


def end(found: Iterable[Orphan]) -> None:
    """SIGKILL each orphan with its descendants; raises StackError if one still runs after 5 s.

    No acknowledged data is lost: it is in the kernel's page cache.
    """
    for orphan in found:
        if not process.kill_tree(orphan.pid):
            raise StackError(f"an unrecorded {orphan.component} (process {orphan.pid}) still runs 5 s after SIGKILL")


def _parent(candidate: psutil.Process) -> int:
    try:
        return int(candidate.ppid())
    except psutil.Error:
        return 0


def _member(candidate: psutil.Process, home: Path, folders: list[Path]) -> Orphan | None:
    """A process as a member of the stack in `home`; None if it is none, has ended, is this one or another user's."""
    pid = candidate.pid
    with suppress(psutil.Error):
        if pid == os.getpid() or os.geteuid() not in (0, candidate.uids().real):
            return None
        component = _tagged(candidate, home) or _serving(command_of(candidate), folders) or _working(candidate, folders)
        if component and _sees_our_paths(pid) and process.start_time(pid) is not None:
            return Orphan(component, pid)
    return None


def _tagged(candidate: psutil.Process, home: Path) -> str:
    try:
        component, _, owner = candidate.environ().get(TAG, "").partition("@")
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return ""
    return component if owner == str(home) else ""


def _serving(command: tuple[str, ...], folders: list[Path]) -> str:
    """The component that a server's command line shows. The program counts too: an editor may have a file open."""
    component = _COMPONENT_OF_PROGRAM.get(Path(command[0]).name, "") if command else ""
    paths = [Path(argument) for argument in command[1:]]
    return component if any(path.is_relative_to(folder) for path in paths for folder in folders) else ""


def _working(candidate: psutil.Process, folders: list[Path]) -> str:
    """The database, if the process is one of PostgreSQL's and works in one of the folders."""
    if candidate.name() != "postgres":
        return ""
    return "database" if any(Path(candidate.cwd()).is_relative_to(folder) for folder in folders) else ""


def _sees_our_paths(pid: int) -> bool:
    """Whether a path means the same file to that process (not in a container). True if unknown."""
    try:
        return Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    except OSError:
        return True
