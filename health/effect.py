"""The effect that proves a fault: down, or degraded by late answers or by resets, with its bounds. Pure values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final, Literal

from health.replies import HANGING, KEPT, NEW, Connection, ProbeResult

EffectKind = Literal["down", "late", "reset"]
"""`down`: no question is answered, on a connection from before or on a new one. `late`: each answer comes later by the
time that was asked for. `reset`: a share of connections is reset, established ones and new ones."""

Results = Mapping[Connection, Sequence[ProbeResult]]
"""The results of each connection, in order."""

# An answer is late if it comes later than usual by what was asked for, give or take this part of it.
TOLERANCE: Final = 0.2
# What chance may add to that: so many standard deviations, of the share of resets or of the median delay with jitter. A
# share is observed on so many connections that these deviations are at most half of it.
DEVIATIONS: Final = 3.0
# A share of resets is over when so many connections in a row are not reset that chance does it more rarely than this.
CHANCE: Final = 0.001
# So many results in a row, over at least so many seconds, prove an effect on either connection: the kept one is asked
# 10 or 20 times a second, a new one 5 times.
STREAK: Final = 3
STREAK_SECONDS: Final = 0.25
# So many answers as usual in a row prove that it is over.
BACK_STREAK: Final = 2


@dataclass(frozen=True, slots=True)
class Effect:
    """What the probes of a target must see while a fault lasts.

    Attributes:
        added_s: of `late`: seconds by which each answer must come later than usual.
        jitter_s: of `late`: seconds by which a single answer may miss that.
        share: of `reset`: share of the connections, 0 to 1.
        usual_s: seconds that an answer takes without the fault, by connection; empty where that is not known yet.
    """

    kind: EffectKind = "down"
    added_s: float = 0.0
    jitter_s: float = 0.0
    share: float = 1.0
    usual_s: dict[Connection, float] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The state of the target in a word: `down` or `degraded`."""
        return "down" if self.kind == "down" else "degraded"

    @property
    def back(self) -> str:
        """What the target is once it is over, in words; one that was degraded was there all the time."""
        return "back" if self.state == "down" else "back to normal"

    @property
    def unit(self) -> str:
        """What a strength in words is, of a degraded target: `300 ms` *later than usual*, `all connections` *reset*."""
        return "later than usual" if self.kind == "late" else "reset"

    @property
    def strengths(self) -> dict[str, float]:
        """How strong it is, as numbers by name: seconds, and a share; empty for `down`."""
        if self.kind == "late":
            return {"latency_s": self.added_s, "jitter_s": self.jitter_s}
        return {"share": self.share} if self.kind == "reset" else {}

    def measured(self, results: Sequence[ProbeResult]) -> str:
        """Return how strong results of one connection show it, in words like those of `strength`."""
        value = self.measure(results)
        return "unknown" if value is None else self.strength_of(value)

    def strength_of(self, measured: float, ones: str = "connections") -> str:
        """Return a measured strength in words like those of `strength`, of `ones` that were reset."""
        if self.kind == "late":
            return milliseconds(max(0.0, measured))
        if self.kind == "reset":
            return f"all {ones}" if measured == 1 else f"{100 * measured:.3g} % of {ones}"
        return ""

    @property
    def strength(self) -> str:
        """How strong it is, in words: `300 ms ± 50 ms`, `50 % of connections`; empty for `down`."""
        jitter = f" ± {milliseconds(self.jitter_s)}" if self.jitter_s else ""
        return self.strength_of(self.added_s if self.kind == "late" else self.share) + jitter

    @property
    def awaited(self) -> str:
        """What its target must do until it is proven, in words: `to be degraded (300 ms later than usual)`."""
        return "to stop answering" if self.kind == "down" else f"to be degraded ({self.strength} {self.unit})"

    @property
    def stronger(self) -> str:
        """What a stronger effect of this kind is, in words; empty where there is none."""
        if self.kind == "late":
            return "a higher latency"
        return "a larger share of resets" if self.is_partial else ""

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections on which it must be seen, first the one that gives its edges.

        A share of resets may spare the one kept connection that there is.
        """
        return (NEW,) if self.is_partial else (KEPT, NEW)

    @property
    def is_partial(self) -> bool:
        """Whether it spares some connections."""
        return self.kind == "reset" and self.share < 1

    @property
    def slowest_s(self) -> float:
        """Longest delay of one answer, seconds."""
        return self.added_s + self.jitter_s

    def back_streak(self, connection: Connection) -> int:
        """Return how many probes of a connection in a row that do not show it prove that it is over.

        Of a partial one the new connections prove that; the kept one only has to be there again.
        """
        if not self.is_partial or connection not in self.connections:
            return BACK_STREAK
        return max(BACK_STREAK, math.ceil(math.log(CHANCE) / math.log(1 - self.share)))

    def after(self, results: Results) -> "Effect":
        """Return it with the usual time of an answer, as the results of a healthy target show it."""
        took = {each: [one.answered - one.asked for one in results[each] if one.ok] for each in results}
        return replace(self, usual_s={each: median(times) for each, times in took.items() if times})

    def increase(self, one: ProbeResult) -> float:
        """Return by how many seconds an answer came later than usual."""
        return self._beyond_usual(one, one.answered)

    def shows(self, one: ProbeResult) -> bool:
        if self.kind == "late":
            return one.ok and self.increase(one) >= self._least_s
        # The client of the kept connection tries again by itself, so its question may time out between two resets.
        return not one.ok and (self.kind == "down" or one.connection == KEPT or one.how != HANGING)

    def must_show(self, one: ProbeResult, begin: float, end: float) -> bool:
        """Return whether a probe must show it if it lasts from `begin` to `end`, epoch seconds.

        One that was settled in between, or that was by then under way for longer than without it.
        """
        late = self.kind == "late" and self._beyond_usual(one, end) >= self._least_s
        return begin < one.answered and (one.answered < end or late)

    def is_usual(self, one: ProbeResult) -> bool:
        """Return whether a probe was answered as without the fault."""
        return one.ok and (self.kind != "late" or self.increase(one) <= TOLERANCE * self.added_s)

    def is_proven_by(self, results: Sequence[ProbeResult], *, chance: bool = False) -> bool:
        """Return whether results of one connection that show it are enough, and show it as strongly as asked for.

        Args:
            results: in a row, each of which shows it; of a partial one all since the first that does.
            chance: see `in_bounds`.
        """
        if not results:
            return False
        if self.is_partial:
            return len(results) >= STREAK and self._deviation(results) <= self.share / 2 and self.in_bounds(results)
        if self.kind == "late" and results[0].connection == NEW:
            return True  # opening a connection takes several round trips: each of its probes is as long as several
        span = results[-1].answered - results[0].asked
        return len(results) >= STREAK and span >= STREAK_SECONDS and self.in_bounds(results, chance=chance)

    def in_bounds(self, results: Sequence[ProbeResult], *, chance: bool = False) -> bool:
        """Return whether results of one connection together are as strong as asked for.

        On a new connection an answer takes several round trips, so it may be later than asked for.

        Args:
            chance: whether the median delay may also miss it by what chance makes of the jitter. Not while it is being
                proven: then more results settle it.
        """
        measured = self.measure(results)
        if measured is None or self.kind == "down":
            return True
        if self.kind == "late":
            # The standard deviation of the median of n draws from an interval of twice the jitter.
            luck = DEVIATIONS * self.jitter_s / math.sqrt(len(results) + 2) if chance else 0.0
            return results[0].connection == NEW or abs(measured - self.added_s) <= max(TOLERANCE * self.added_s, luck)
        return abs(measured - self.share) <= max(TOLERANCE * self.share, self._deviation(results))

    def measure(self, results: Sequence[ProbeResult]) -> float | None:
        """Return how strong results of one connection show it; None without any.

        Seconds by which the median answer came later than usual, or the share of probes that were reset.
        """
        if self.kind == "late":
            later = [self.increase(one) for one in results if one.ok]
            return median(later) if later else None
        return sum(self.shows(one) for one in results) / len(results) if results else None

    def _beyond_usual(self, one: ProbeResult, at: float) -> float:
        """Return for how many seconds longer than usual a probe is under way at epoch second `at`."""
        return at - one.asked - self.usual_s.get(one.connection, 0.0)

    @property
    def _least_s(self) -> float:
        """Seconds by which an answer is later than usual, at the least, to be late."""
        return (1 - TOLERANCE) * self.added_s - self.jitter_s

    def _deviation(self, results: Sequence[ProbeResult]) -> float:
        return DEVIATIONS * math.sqrt(self.share * (1 - self.share) / len(results))


DOWN: Final = Effect()


def milliseconds(seconds: float) -> str:
    """Return `seconds` in words: `300 ms`, from 10 s on `12 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
