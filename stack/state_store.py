"""The folder that holds one checkout's stack: state file, data, logs, and how its state is changed safely."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from files.paths import CHECKOUT, expanded
from files.safe_files import encodable, is_encodable
from stack import process, state_file
from stack.errors import StackError
from stack.lock import locked
from stack.settings import ServiceSettings
from stack.state_dir import VARIABLE, state_dir
from stack.state_file import ComponentRecord, StackState

HOME_VARIABLE = "HARNESS_STACK_HOME"
_STATE_WAIT_S = 5.0
_FILES = ("state.json", "state.lock", "start.lock", "lock", "journal.json", "lease", "target-lease", "proxy.sock")
# A start is spawned within a second; `down` may hold the lock while it makes sure that nothing is left.
START_WAIT_S = 30.0


def default_home() -> Path:
    """Return the folder of this checkout's stack: `.stack` beside the code, or what HARNESS_STACK_HOME names."""
    given = os.environ.get(HOME_VARIABLE, "")
    return expanded(given).resolve() if given else CHECKOUT / ".stack"


class StateStore:
    """State, data and logs under `home` (created when first written)."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._path = self.home / "state.json"

    def log_path(self, component: str) -> Path:
        """Log file of a component."""
        return self.home / "logs" / f"{component}.log"

    def data_path(self, component: str) -> Path:
        """Data folder of a component."""
        return self.home / "data" / component

    @property
    def proxy_socket(self) -> Path:
        """Unix socket at which the TCP proxy is controlled."""
        return self.home / "proxy.sock"

    def load(self) -> StackState | None:
        """Read the state; None if nothing is recorded."""
        return state_file.load(self._path)

    def make(self) -> None:
        """Make the home; raises StackError if it cannot be made or written to."""
        if not is_encodable(str(self.home)):
            raise StackError(
                f"{HOME_VARIABLE}: {encodable(str(self.home))} is not valid UTF-8: "
                f"set {HOME_VARIABLE} to a folder that you may write to"
            )
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from None
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise self.unusable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def unusable(self, error: OSError) -> StackError:
        """The error to raise when the home is no folder that can be written to."""
        variable = VARIABLE if state_dir().resolve() in self.home.parents else HOME_VARIABLE
        return StackError(
            f"{variable}: the harness cannot keep its files in {self.home} ({error.strerror}): "
            f"set {variable} to a folder that you may write to"
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with locked(self.home / "state.lock", _STATE_WAIT_S, "the state file"):
            yield

    def begin(self, owner: str, settings: ServiceSettings) -> None:
        """Record with which service settings the stack is wanted, and by whom.

        Recorded processes stay. The owner stays too while any of them lives: a second caller that finds the stack
        running must be able to tell that it is not theirs to take down.
        """
        with self._changing():
            state = self.load()
            components = dict(state.components) if state else {}
            if state and any(process.is_alive(entry.pid, entry.started) for entry in components.values()):
                owner = state.owner
            state_file.save(self._path, StackState(owner=owner, settings=settings, components=components))

    def record(self, component: str, entry: ComponentRecord) -> None:
        """Record a component's newest process."""
        with self._changing():
            state = self.load()
            if state is None:
                raise StackError(f"the stack in {self.home} was taken down meanwhile: run 'python -m stack up'")
            components = {**state.components, component: entry}
            state_file.save(self._path, dataclasses.replace(state, components=components))

    @contextmanager
    def starting(self, wait_s: float = START_WAIT_S) -> Iterator[None]:
        """Hold the right to spawn and record a component for the `with` block: one process at a time has it.

        Held from the look whether the component lives until the new process is recorded, never while it gets ready.
        Raises StackError when another process still has it after `wait_s` seconds.
        """
        with locked(self.home / "start.lock", wait_s, "the start of a component"):
            yield

    def drop(self, component: str) -> None:
        """Forget one component; nothing if it is not recorded."""
        with self._changing():
            state = self.load()
            if state is not None and component in state.components:
                kept = {name: entry for name, entry in state.components.items() if name != component}
                state_file.save(self._path, dataclasses.replace(state, components=kept))

    def delete(self, spare: str = "") -> None:
        """Delete what this stack and its harness have put into its home, and the home itself if nothing else is in it.

        spare: name of a file to leave.
        """
        for folder in ("data", "logs"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for name in _FILES:
            if name != spare:
                (self.home / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.home.rmdir()

    def forget(self) -> None:
        """Record that nothing runs any more."""
        with self._changing():
            self._path.unlink(missing_ok=True)
