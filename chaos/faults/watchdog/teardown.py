"""Takes down what a dead harness had started: the data stays, so that the run can be judged later.

A stack that another harness has taken over meanwhile, or that was there before, is left alone; only what the harness
had taken from one that was there (it restarts the order service with other settings) is started as it was.
"""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from chaos.faults.watchdog.protocol import Teardown
from files.safe_files import write_text
from stack.lease import LEASE, Lease, LeaseTaken
from stack.process import start_time

if TYPE_CHECKING:
    from stack.compose import ComposeStack
    from stack.embedded import EmbeddedStack
    from stack.state_file import StackState

log = logging.getLogger("watchdog")

LEASE_WAIT_S: Final = 5.0
OWNER: Final = "locust"
# In the environment of a watchdog: the process id of its harness.
HARNESS: Final = "HARNESS_WATCHDOG_OF"


def tear_down(stack: Teardown) -> None:
    """Take down what a dead harness had started, if that harness still owns it.

    Raises:
        StackError: it does not go down.
    """
    # Imported only here: most watchdogs never need what these need.
    from stack.compose import ComposeStack
    from stack.embedded import EmbeddedStack

    where = stack.parameters
    if stack.kind == "embedded":
        _embedded(EmbeddedStack(Path(where["home"])), stack.owner, where)
    elif stack.kind == "compose":
        _compose(Path(where["home"]), ComposeStack(Path(where["file"]), where["project"]), stack.owner)


class ComposeOwner:
    """Who started a compose project, and its state before that: one small file in the project's home.

    Args:
        home: of the project; the folder must exist when it is written.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "owner"

    def write(self, owner: str, before: str) -> None:
        """Record that `owner` is about to start a project whose state is `before` (`absent` or `stopped`)."""
        write_text(self._path, f"{owner} {before}\n")

    def read(self) -> tuple[str, str]:
        """Return the owner and the state before; both empty if not recorded."""
        try:
            owner, before = self._path.read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return "", ""
        return owner, before if before in ("absent", "stopped") else ""

    def end(self, stack: "ComposeStack") -> None:
        """Return the project to its state before the harness, and forget its owner.

        Raises:
            StackError: it does not go down.
        """
        if self.read()[1] == "stopped":
            stack.stop()
        else:
            stack.down()
        self._path.unlink(missing_ok=True)


def _compose(home: Path, stack: "ComposeStack", owner: str) -> None:
    lease, noted = Lease(home / LEASE), ComposeOwner(home)
    try:
        lease.await_free(LEASE_WAIT_S)
        if noted.read()[0] == owner:
            noted.end(stack)
            log.info("compose project %s is down; its volumes stay", stack.name)
        else:
            log.info("compose project %s is no longer the one that %s started: it stays", stack.name, owner)
    except LeaseTaken:
        log.info("compose project %s is in use by another harness: it is left alone", stack.name)
    finally:
        lease.give_back()


def _embedded(stack: "EmbeddedStack", owner: str, where: dict[str, str]) -> None:
    lease = Lease(stack.home / LEASE)
    try:
        lease.await_free(LEASE_WAIT_S)
        state = stack.status()
        if state is None or state.owner == owner or has_died(state.owner):
            stack.down()
            log.info("the stack is down; its data stays in %s", stack.home)
        else:
            log.info("the stack was started by %s: it stays", state.owner)
            _bring_back(stack, where)
    except LeaseTaken:
        log.info("the stack is in use by another harness: it is left alone")
    finally:
        lease.give_back()


def as_parameters(stood: "StackState") -> dict[str, str]:
    """Return the settings of an embedded stack as parameters, so that they can be restored."""
    return {"stood": json.dumps(asdict(stood.settings)), "proxy": stood.proxy}


def _bring_back(stack: "EmbeddedStack", where: dict[str, str]) -> None:
    """Start the stack as it was before the harness began to change it; nothing if no change was under way."""
    from stack.settings import ServiceSettings, StackSettings

    if "stood" in where:
        stack.up(StackSettings(service=ServiceSettings(**json.loads(where["stood"])), proxy=where["proxy"]))
        log.info("the stack runs again as it did before the harness changed it")


def owner_name() -> str:
    """Return the name under which this process owns what it starts: its id and its start time."""
    return f"{OWNER}:{os.getpid()}:{start_time(os.getpid())}"


def has_died(owner: str) -> bool:
    """Return whether `owner` is a Locust that has ended without taking down what it had started.

    A process id alone may be another process's by now.
    """
    kind, _, rest = owner.partition(":")
    if kind != OWNER:
        return False
    pid, _, started = rest.partition(":")
    if not pid.isdigit():
        return True
    return str(start_time(int(pid))) != started if started else not psutil.pid_exists(int(pid))


def is_watchdog(pid: str) -> bool:
    try:
        return pid.isdigit() and "chaos.faults.watchdog" in psutil.Process(int(pid)).cmdline()
    except psutil.Error:
        return False


def is_orphan(pid: str) -> bool:
    """Return whether the process with this id, as text, is a watchdog whose harness has died: it will soon be done."""
    try:
        return is_watchdog(pid) and not has_harness(psutil.Process(int(pid)))
    except psutil.Error:
        return False


def has_harness(watchdog: psutil.Process) -> bool:
    """Return whether the harness that started this watchdog lives: a child whose parent has died gets another one.

    Raises:
        psutil.Error: it has ended, or belongs to another user.
    """
    parent, harness = watchdog.ppid(), watchdog.environ().get(HARNESS)
    return str(parent) == harness if harness else "locust" in " ".join(psutil.Process(parent).cmdline())
