"""A fault as `run.json` and the journal hold it: the effect that proves it with its bounds, and its words. Values only.

`chaos` writes them, monitor, watchdog and judge read them; what proves an effect is decided in `health.effect`.
"""

from dataclasses import dataclass, field
from typing import Literal

EffectKind = Literal["down"]
"""`down`: no question is answered, on a connection from before or on a new one."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the probes of a target must see while a fault lasts.

    Attributes:
        kind: see `EffectKind`.
    """

    kind: EffectKind = "down"


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What judge and reports know of a run's fault.

    Attributes:
        name: as `--fault` gives it.
        phrase: the fault as a noun phrase, with `{target}` for the component.
        effect: what its target's probes must see.
        ends_process: whether it ends the target's process, with the requests under way in it.
        drops_unflushed: whether a target may lose what it had acknowledged and not yet written to disk.
        silences: whether the target answers nobody at all while it lasts.
    """

    name: str
    phrase: str
    effect: Effect = field(default_factory=Effect)
    ends_process: bool = False
    drops_unflushed: bool = False
    silences: bool = True

    def of(self, target: str) -> str:
        """Return the fault and its target in words: `stop of the broker`."""
        return self.phrase.format(target=target)
