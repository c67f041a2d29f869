"""A target that is a process of the embedded stack: broken by signals, healed by waking it or starting it again.

What each fault does to it is in that fault's file (`chaos.faults.registry`). What is hit (the component, or the
proxy in its way) is known by process id and start time, so a process that took its place is neither hit nor healed.
"""

import signal
import time
from pathlib import Path
from typing import Final

from chaos.faults.fault import Fault, Hit, Need, Undo
from chaos.faults.registry import FAULTS
from chaos.faults.targets import COMPONENTS, TargetError, TargetSpec
from stack import process
from stack.component import ManagedProcess
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.proxy_mode import PLAIN
from stack.state_file import StackState

KIND: Final = "process"
PRODUCTS: Final = {"broker": "Apache Kafka", "database": "PostgreSQL", "service": "the order service"}
# Longest wait for another process that is starting something: a frozen one never finishes.
_START_LOCK_S: Final = 30.0


def open_process_target(spec: TargetSpec) -> "ProcessTarget":
    """Return the target that `spec` says: its component of the stack whose home is the parameter `home`.

    Raises:
        TargetError: `spec` is not of this kind.
    """
    home = spec.parameters.get("home", "")
    if spec.kind != KIND or spec.component not in COMPONENTS or not home:
        raise TargetError(
            f"target {spec.kind} {spec.component}: a {KIND} is one of {', '.join(COMPONENTS)} of the stack whose "
            "folder the parameter home names"
        )
    return ProcessTarget(spec.component, EmbeddedStack(Path(home)))


class ProcessTarget:
    """One process of the embedded stack.

    Args:
        component: `broker`, `database` or `service`.
    """

    def __init__(self, component: str, stack: EmbeddedStack) -> None:
        self._component = component
        self._stack = stack
        servers: dict[str, ManagedProcess] = {
            "broker": stack.broker,
            "database": stack.database,
            "service": stack.service,
        }
        self._process = servers[component]

    @property
    def component(self) -> str:
        return self._component

    @property
    def spec(self) -> TargetSpec:
        """What `open_process_target` opens the same target from, in any process."""
        return TargetSpec(KIND, self._component, {"home": str(self._stack.home)})

    @property
    def identity(self) -> str:
        return f"{KIND} {self._component} of {self._stack.home}"

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults that it can do: some only while the stack's proxy stands in this component's way."""
        try:
            proxied = self._is_proxied()
        except StackError:
            proxied = False
        return tuple(fault.name for fault in FAULTS.values() if proxied or Need.PROXY not in fault.needs)

    def describe(self) -> str:
        """Return component, product and process id, and those of the proxy in its way."""
        try:
            way = f"; the proxy in its way is process {self._stack.proxy.pid}" if self._is_proxied() else ""
            return f"{self._component} ({PRODUCTS[self._component]}, process {self._process.pid}{way})"
        except StackError:
            # The stack was taken down since; healing must still be able to name the target.
            return f"{self._component} ({PRODUCTS[self._component]}, no longer known)"

    def is_up(self) -> bool:
        """Return whether the process runs and is not paused, and a proxy in its way carries all; see `Target.is_up`."""
        try:
            ways = [self._stack.proxy] if self._is_proxied() else []
            runs = all(each.is_alive() and not each.is_paused() for each in (self._process, *ways))
            return runs and all(proxy.mode() == PLAIN for proxy in ways)
        except StackError as error:
            raise TargetError(str(error)) from None

    def prepare(self, fault: Fault) -> Undo:
        """Return `pid` and `started` of the process that `fault` would hit; see `Target.prepare`."""
        if fault.name not in self.faults:
            raise TargetError(f"{self.describe()} does not support {fault.name}; choose from {', '.join(self.faults)}")
        try:
            hit = self._hit_by(fault)
            record = hit.record
        except StackError as error:
            raise TargetError(str(error)) from None
        if record is None or not process.is_alive(record.pid, record.started):
            raise TargetError(f"{self.describe()}: {hit.title} does not run, so {fault.name} cannot be injected")
        return {"pid": record.pid, "started": record.started}

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        try:
            hit = self._hit_by(fault)
            record = hit.record
            if record is None or (record.pid, record.started) != _prepared(undo) or not hit.is_alive():
                raise TargetError(
                    f"{self.describe()} is not the process that was to be hit: {fault.name} was not injected"
                )
            fault.process.do(Hit(hit, undo, fault.effect, timeout_s))
        except StackError as error:
            raise TargetError(str(error)) from None
        except OSError as error:  # a full disk: what is started must be recorded
            raise TargetError(f"{self.describe()}: {(error.strerror or str(error)).lower()}") from None

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Wake the process that `fault` hit, or start it again if it is gone; see `Target.heal`.

        Spawning and waking do not wait; another process that is just starting something is waited for.
        """
        deadline = time.monotonic() + min(timeout_s, _START_LOCK_S)
        try:
            hit = self._hit_by(fault)
            if Need.PROXY in fault.needs and not self._is_proxied():
                return  # the stack was started without it, or taken down: nothing is in the way any more
            # Also after a kill: it pauses before it kills, and may have been interrupted in between.
            process.send(process.tree(*_prepared(undo)), signal.SIGCONT)
            fault.process.undo(Hit(hit, undo, fault.effect, timeout_s))
            hit.start(max(0.0, deadline - time.monotonic()))
        except StackError as error:
            raise TargetError(str(error)) from None
        except OSError as error:  # a full disk: what is started must be recorded
            raise TargetError(f"{self.describe()}: {(error.strerror or str(error)).lower()}") from None

    def _hit_by(self, fault: Fault) -> ManagedProcess:
        return self._stack.proxy if Need.PROXY in fault.needs else self._process

    def _is_proxied(self) -> bool:
        state: StackState | None = self._stack.status()
        return state is not None and state.proxy == self._component


def _prepared(undo: Undo) -> tuple[int, float]:
    """Return process id and start time of what was to be hit."""
    try:
        return int(undo["pid"]), float(undo["started"])
    except (KeyError, TypeError, ValueError):
        raise TargetError(f"the fault's record names no process with its start time ({dict(undo)})") from None
