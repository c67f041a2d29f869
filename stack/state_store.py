"""The state store: the folder of one stack with its state file, data and logs, and safe changes of its state."""

import dataclasses
import errno
import os
import shutil
from contextlib import AbstractContextManager, suppress
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
# A start takes a second; `down` holds the lock until all processes have ended.
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
        return self.home / "logs" / f"{component}.log"

    def data_path(self, component: str) -> Path:
        return self.home / "data" / component

    @property
    def proxy_socket(self) -> Path:
        """Unix socket at which the TCP proxy is controlled."""
        return self.home / "proxy.sock"

    def load(self) -> StackState | None:
        """Read the state; None if nothing is recorded."""
        return state_file.load(self._path)

    def started(self) -> StackState:
        """Read the state of a stack that has begun to start; raises StackError if nothing is recorded any more."""
        state = self.load()
        if state is None:
            raise StackError(f"the stack in {self.home} was taken down while it was starting: start it again")
        return state

    def make(self) -> None:
        """Create the home; raises StackError if it cannot be created or written to."""
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
        """The error to raise when the home cannot be written to."""
        variable = VARIABLE if state_dir().resolve() in self.home.parents else HOME_VARIABLE
        return StackError(
            f"{variable}: the harness cannot keep its files in {self.home} ({error.strerror}): "
            f"set {variable} to a folder that you may write to"
        )

    def _changing(self) -> AbstractContextManager[None]:
        return locked(self.home / "state.lock", _STATE_WAIT_S, "the state file")

    def begin(self, owner: str, settings: ServiceSettings, *, with_service: bool = True) -> None:
        """Record the owner, the wanted service settings, and whether the order service is asked for (now or before).

        Recorded processes stay. The owner stays too while any of them runs: a second caller that finds the stack
        running must see that it must not take it down.
        """
        with self._changing():
            state = self.load()
            components = dict(state.components) if state else {}
            if state and any(process.is_alive(entry.pid, entry.started) for entry in components.values()):
                owner = state.owner
            asked_for = with_service or (state is not None and state.with_service)
            state_file.save(self._path, StackState(owner, settings, components, asked_for))

    def record(self, component: str, entry: ComponentRecord) -> None:
        """Record the process that was started last for a component."""
        with self._changing():
            state = self.load()
            if state is None:
                raise StackError(f"the stack in {self.home} was taken down meanwhile: run 'python -m stack up'")
            components = {**state.components, component: entry}
            state_file.save(self._path, dataclasses.replace(state, components=components))

    def starting(self, wait_s: float = START_WAIT_S) -> AbstractContextManager[None]:
        """Hold the lock for spawning and recording a component for the `with` block.

        Held from the check whether the component runs until the new process is recorded, not until it is ready.
        Raises StackError when another process still holds it after `wait_s` seconds.
        """
        return locked(self.home / "start.lock", wait_s, "the start of a component")

    def drop(self, component: str) -> None:
        """Forget one component; nothing if it is not recorded."""
        with self._changing():
            state = self.load()
            if state is not None and component in state.components:
                kept = {name: entry for name, entry in state.components.items() if name != component}
                state_file.save(self._path, dataclasses.replace(state, components=kept))

    def delete(self, spare: str = "") -> None:
        """Delete what this stack and its harness have put into the home, and the home if nothing else is in it.

        spare: name of a file to keep.
        """
        for folder in ("data", "logs"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        for name in _FILES:
            if name != spare:
                (self.home / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.home.rmdir()

    def forget(self) -> None:
        with self._changing():
            self._path.unlink(missing_ok=True)
