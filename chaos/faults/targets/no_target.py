"""The target of a run that breaks nothing: there was none to name, and no fault can be done to it."""

from chaos.faults.fault import Fault, Undo
from chaos.faults.targets import TargetError, TargetSpec


class NoTarget:
    """Nothing that could be broken."""

    component = "nothing"
    identity = "nothing"
    spec = TargetSpec("nothing", "nothing")
    faults: tuple[str, ...] = ()

    def describe(self) -> str:
        return "nothing is broken"

    def is_up(self) -> bool:
        return True

    def prepare(self, fault: Fault) -> Undo:
        raise TargetError(f"{fault.name}: this run has no target")

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        del undo, timeout_s
        raise TargetError(f"{fault.name}: this run has no target")

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Nothing was broken; see `Target.heal`."""
