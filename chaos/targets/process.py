"""A target that is a process of the embedded stack: broken and mended by signals and by starting it again."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from chaos.targets import TargetError, TargetSpec, Undo
from stack.embedded import EmbeddedStack
from stack.errors import StackError


class StackProcess(Protocol):
    """What this target needs of a component of the embedded stack."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def stop(self, timeout_s: float = ...) -> None:
        """End it in good order and wait until it is gone."""

    def start(self) -> None:
        """Start it again on the same port and data; nothing when it runs."""


class ProcessTarget:
    """One process of the embedded stack.

    Args:
        component: `broker`, `database` or `service`.
        product: what it is, for people: `Apache Kafka`.
        process: the handle of the stack.
        home: folder of the stack that it belongs to.
    """

    def __init__(self, component: str, product: str, process: StackProcess, home: Path) -> None:
        self._component = component
        self._home = home
        self._product = product
        self._process = process
        # Each fault with its act; every one of them is undone by starting the process again.
        self._acts: Final[dict[str, Callable[[float], None]]] = {"stop": self._process.stop}

    @property
    def component(self) -> str:
        """The component."""
        return self._component

    @property
    def identity(self) -> str:
        """The component of this stack."""
        return f"process {self._component} of {self._home}"

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that a process of ours can do."""
        return tuple(self._acts)

    def describe(self) -> str:
        """Return component, product and process id."""
        try:
            return f"{self._component} ({self._product}, process {self._process.pid})"
        except StackError:
            # Somebody took the stack down under us; mending must be able to say what it wanted to mend.
            return f"{self._component} ({self._product}, no longer known)"

    def is_up(self) -> bool:
        """Return whether the process runs."""
        return self._process.is_alive()

    def prepare(self, fault: str) -> Undo:
        """See `Target.prepare`: starting it again needs to know nothing."""
        del fault
        return {}

    def apply(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Do `fault`; see `Target.apply`."""
        del undo
        act = self._acts.get(fault)
        if act is None:
            raise TargetError(f"{self.describe()} cannot do {fault}; it can do {', '.join(self._acts)}")
        try:
            act(timeout_s)
        except StackError as error:
            raise TargetError(str(error)) from None

    def heal(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Start the process again if it is gone; see `Target.heal`. Spawning does not wait, so no timeout is needed."""
        del fault, undo, timeout_s
        try:
            self._process.start()
        except StackError as error:
            raise TargetError(str(error)) from None


_PRODUCTS: Final = {"broker": "Apache Kafka", "database": "PostgreSQL", "service": "order service"}


def open_process_target(spec: TargetSpec) -> ProcessTarget:
    """Return the process that `spec` names: component and `home`, the folder of its stack.

    Raises:
        TargetError: there is no such component.
    """
    stack = EmbeddedStack(Path(spec.parameters["home"]))
    parts: dict[str, StackProcess] = {part.name: part for part in stack.components}
    if spec.component not in parts:
        raise TargetError(f"the embedded stack has no {spec.component}; it has {', '.join(parts)}")
    return ProcessTarget(spec.component, _PRODUCTS[spec.component], parts[spec.component], stack.home)
