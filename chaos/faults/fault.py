"""What a fault is: a value with its name, needs, proving effect, injection, undo and words.

One file of this folder a fault; `chaos.faults.registry` lists them. A fault says what is done to a process of the
embedded stack and to a container; the targets (`chaos.faults.targets`) find that process or container and call it. A
pair of the user's commands does any fault. Nothing outside this folder compares the names of faults.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from health.effect import DOWN, Effect
from runlog.fault_facts import FaultFacts
from settings.plan_options import FaultOptions

if TYPE_CHECKING:
    from stack.component import ManagedProcess

Undo = Mapping[str, Any]
"""What undoing one fault needs to know, as JSON values without secrets: known before the act, kept in the journal."""

Thing = TypeVar("Thing")


class Need(Enum):
    """What a target must have for a fault; `value` in words."""

    PROXY = "a proxy in its way"
    """On a process: the fault is done to the proxy (`stack.proxy`), not to the component."""
    NETWORK = "a network of its own"
    """On a container."""


@dataclass(frozen=True, slots=True)
class Hit(Generic[Thing]):
    """What a fault is injected into.

    Attributes:
        thing: the process, or the container as the Docker SDK has it.
        undo: what its target prepared before the act.
        timeout_s: longest time of the act, seconds.
    """

    thing: Thing
    undo: Undo
    effect: Effect
    timeout_s: float


def _nothing(hit: Hit[Any]) -> None:
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Act(Generic[Thing]):
    """How a fault is injected and undone on one kind of target.

    Attributes:
        do: does it; returns when it is done.
        undo: undoes it and nothing that others did; harmless when there is nothing to undo, and when done twice.
        settle: before `undo`, waits for an act that a process which died may have left under way.
    """

    do: Callable[[Hit[Thing]], object]
    undo: Callable[[Hit[Thing]], object] = _nothing
    settle: Callable[[Hit[Thing]], object] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(FaultFacts):
    """A fault.

    Attributes:
        process: how it is done to a process; what it hit is always woken and, if it has ended, started again.
        container: how it is done to a container; None where it cannot be done to one.
        asked: returns the effect that the options of a run ask for.
    """

    process: "Act[ManagedProcess]"
    container: Act[Any] | None
    asked: Callable[[FaultOptions], Effect] = lambda options: DOWN
    needs: frozenset[Need] = frozenset()

    @property
    def facts(self) -> FaultFacts:
        """What `run.json` keeps of it."""
        return FaultFacts(**{each.name: getattr(self, each.name) for each in fields(FaultFacts)})
