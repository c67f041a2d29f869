"""What can be broken: one small interface, whatever stands behind it (a process, a container, a pair of commands).

A target knows how to apply a fault and how to undo it, and says what it is. Proving that the fault took effect is not
its business: that is seen from outside, by the lookout. A `TargetSpec` is a target as plain values, so that another
process (the watchdog, `python -m chaos restore`) can open the same one; `chaos.faults.targets.open_target` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

FAULTS: Final = ("stop", "kill", "pause", "partition")
COMPONENTS: Final = ("broker", "database", "service")

Undo = Mapping[str, Any]
"""What undoing one fault needs to know, as JSON values without secrets: known before the act, kept in the journal."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target as plain values; holds no secret, so it may stand in the journal.

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
        """The same text for whoever would break the same thing, and for nothing else: leases are known by it."""

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that it can do."""

    def describe(self) -> str:
        """Return what exactly would be hit, in words: for the journal, the preflight and the report."""

    def is_up(self) -> bool:
        """Return whether it is there to be broken: running, not paused, not cut off.

        Raises:
            TargetError: nobody can tell.
        """

    def prepare(self, fault: str) -> Undo:
        """Return what `heal` will need to undo `fault`; touches nothing. Called just before `apply`.

        Raises:
            TargetError: the fault could not be done; the message is one sentence.
        """

    def apply(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Do `fault`; returns once it is done, within `timeout_s` seconds.

        Raises:
            TargetError: it could not be done, or nobody knows how far it got.
        """

    def heal(self, fault: str, undo: Undo, timeout_s: float) -> None:
        """Undo `fault`, and nothing that others did; harmless when there is nothing to undo, and when done twice.

        Returns once the undoing is under way, within `timeout_s` seconds.

        Raises:
            TargetError: it could not be done.
        """


class TargetError(Exception):
    """A fault could not be injected or healed; the message is one sentence."""


class ActTimedOut(TargetError):
    """An act was ended by force because it took longer than it may: doing it again at once would take as long."""
