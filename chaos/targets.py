"""What can be broken: one small interface, whatever stands behind it.

A target knows how to apply a fault and how to undo it, and says what it is. Proving that the fault took effect is not
its business: that is seen from outside, by the lookout.
"""

from typing import Protocol


class Target(Protocol):
    """A component that faults can be done to."""

    @property
    def name(self) -> str:
        """The component, as people call it: `broker`."""

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that it can do."""

    def describe(self) -> str:
        """Return what exactly would be hit, in words: for the journal, the preflight and the report."""

    def is_up(self) -> bool:
        """Return whether it is there to be broken."""

    def apply(self, fault: str, timeout_s: float) -> None:
        """Do `fault`; returns once it is done, within `timeout_s` seconds.

        Raises:
            TargetError: it could not be done.
        """

    def heal(self, fault: str, timeout_s: float) -> None:
        """Undo `fault`; harmless when there is nothing to undo. Returns once the undoing is under way.

        Raises:
            TargetError: it could not be done.
        """


class TargetError(Exception):
    """A fault could not be done or undone; the message is one sentence."""
