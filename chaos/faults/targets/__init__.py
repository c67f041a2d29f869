"""What can be broken: one small interface for a process, a container or a pair of commands.

A target finds what a fault is done to, does and undoes it, and says what it is. Whether the fault took effect is seen
from outside, by the monitor. A `TargetSpec` is a target as plain values, so that another process (the watchdog,
`python -m chaos restore`) can open the same one; `chaos.faults.targets.open_target` does.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from chaos.faults.fault import Fault, Undo

COMPONENTS: Final = ("broker", "database", "service")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target as plain values; holds no secret, so the journal may keep it.

    Attributes:
        kind: `process`, `container` or `command`.
        component: what it is to the run: `broker`, `database` or `service`.
        parameters: what the kind needs, texts by name.
    """

    kind: str
    component: str
    parameters: dict[str, str] = field(default_factory=dict)


class Target(Protocol):
    """A component that faults can be done to."""

    @property
    def component(self) -> str:
        """What it is to the run: `broker`."""

    @property
    def identity(self) -> str:
        """The same text for every spec of the same thing, and for no other thing; it names the lease."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults that it can do."""

    def describe(self) -> str:
        """Return what exactly would be hit, in words: for the journal, the preflight and the report."""

    def is_up(self) -> bool:
        """Return whether it is there to be broken: running, not paused, not cut off.

        Raises:
            TargetError: that is unknown.
        """

    def prepare(self, fault: Fault) -> Undo:
        """Return what `heal` will need to undo `fault`; touches nothing. Called just before `apply`.

        Raises:
            TargetError: the fault could not be done; the message is one sentence.
        """

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Do `fault`; returns once it is done, within `timeout_s` seconds.

        Raises:
            TargetError: it could not be done, or how far it got is unknown.
        """

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        """Undo `fault`, and nothing that others did; harmless when there is nothing to undo, and when done twice.

        Returns once the undoing is under way, within `timeout_s` seconds.

        Raises:
            TargetError: it could not be done.
        """


class TargetError(Exception):
    """A fault could not be injected or healed; the message is one sentence."""


class ActTimedOut(TargetError):
    """An act exceeded its time limit and was ended by force. It is not repeated at once: that would take as long."""
