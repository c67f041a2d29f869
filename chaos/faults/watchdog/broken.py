"""A fault that this process began and that is not yet proven healed."""

import time
from dataclasses import dataclass

from chaos.faults.journal import OpenFault
from chaos.faults.watchdog.fault_marks import FaultMarks
from chaos.faults.watchdog.healing import BY_ITSELF, HARNESS, runs_once
from chaos.faults.watchdog.protocol import Marked


@dataclass(slots=True)
class Broken:
    """A fault in place.

    Attributes:
        deadline: monotonic seconds after which the watchdog heals it on its own account.
        healing: the mark `healing`, None before.
        came_back: whether the target was up again before healing began.
        acted: monotonic seconds of the last heal act that succeeded, None before.
    """

    entry: OpenFault
    marks: FaultMarks
    deadline: float
    healing: Marked | None = None
    came_back: bool = False
    acted: float | None = None

    def mark(self, name: str, **detail: object) -> Marked:
        at = self.marks.clock.now()
        return Marked(at, self.marks.write(name, at, **detail))

    @property
    def healed_by(self) -> str:
        """Who healed it, if it is proven back now."""
        return BY_ITSELF if self.came_back or self.acted is None else HARNESS

    @property
    def effect_awaited(self) -> bool:
        """Whether the heal act has succeeded and its effect is still awaited, so that it is not done again."""
        if self.acted is None or not runs_once(self.entry.target):
            return False
        return time.monotonic() < self.acted + self.entry.limits.proof
