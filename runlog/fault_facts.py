"""A fault as `run.json` holds it: the effect that proves it with its bounds, and its words. Plain values.

`chaos` writes them, the judge reads them; what proves an effect is decided in `health.effect` and `health.state`.
"""

from dataclasses import dataclass, field

from health.effect import Effect


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What judge and reports know of a run's fault.

    Attributes:
        name: as `--fault` gives it.
        phrase: the fault as a noun phrase, with `{target}` for the component and `{strength}` for that of its effect.
        effect: what its target's probes must see.
        held: what its target did while the effect held, with `{probes}` for how many: `none of 5 probes` of one that is
            down, `all 5 probes` of one that is degraded.
        missed: what it did to the probes that do not show the effect.
        ends_process: whether it ends the target's process, with the requests under way in it.
        drops_unflushed: whether a target may lose what it had acknowledged and not yet written to disk.
        silences: whether the target answers no client while it lasts.

    Raises:
        ValueError: the words or the effect are those of no fault; one sentence.
    """

    name: str
    phrase: str
    effect: Effect = field(default_factory=Effect)
    held: str = "answered {probes}"
    missed: str = "answered {probes}"
    ends_process: bool = False
    drops_unflushed: bool = False
    silences: bool = True

    def __post_init__(self) -> None:
        effect = self.effect
        try:
            self.phrase.format(target="", strength="")
            [words.format(probes="") for words in (self.held, self.missed)]
        except (LookupError, AttributeError, ValueError):
            raise ValueError(f"the words of the fault {self.name} hold an unknown name") from None
        if not 0 < effect.share <= 1 or not 0 <= effect.jitter_s <= effect.added_s:
            raise ValueError(f"no fault has the effect {effect}")

    def of(self, target: str) -> str:
        """Return the fault and its target in words: `stop of the broker`, `latency of 300 ms to the broker`."""
        return self.phrase.format(target=target, strength=self.effect.strength)

    @property
    def state(self) -> str:
        """The state of its target in a word: `down` or `degraded`."""
        return self.effect.state

    @property
    def back(self) -> str:
        """What its target is once it is over, in words: `back` or `back to normal`."""
        return self.effect.back

    def return_of(self, target: str) -> str:
        """Return that moment in words that follow `after`: `the broker's return`."""
        return f"the {target}'s return" if self.state == "down" else f"the {target} was {self.back}"

    @property
    def stages(self) -> tuple[str, str]:
        """What its target does until that state is proven, and until it is proven back, in a word each."""
        return ("going down", "coming back") if self.state == "down" else ("degrading", "recovering")
