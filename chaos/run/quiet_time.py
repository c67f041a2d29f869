"""How long a drain has seen no row or event, against settle time and publish horizon. Pure: time is passed in."""

from dataclasses import dataclass

from contract.publish_horizon import Horizon


@dataclass(slots=True)
class QuietTime:
    """The quiet time of one drain. Times in epoch seconds.

    Attributes:
        settle: wanted seconds without arrivals once nothing else is awaited.
        horizon: for how long an event may still come after the last arrival.
        awaited_at: when something else was last awaited (an answer, a backlog, the canary order).
        arrived_at: when a row or an event of the run last came, or an answer was still awaited; at first the begin of
            the drain.
    """

    settle: float
    horizon: Horizon
    awaited_at: float
    arrived_at: float

    @classmethod
    def begin(cls, now: float, settle: float, horizon: Horizon) -> "QuietTime":
        return cls(settle, horizon, now, now)

    def awaited(self, now: float) -> None:
        self.awaited_at = now

    def arrived(self, at: float) -> None:
        """Record an arrival; one older than the last changes nothing."""
        self.arrived_at = max(self.arrived_at, at)

    def settle_left(self, now: float) -> float:
        """Return the seconds that are missing from the settle time; 0 when it has passed."""
        return max(0.0, max(self.awaited_at, self.arrived_at) + self.settle - now)

    def horizon_left(self, now: float) -> float:
        """Return the seconds until the horizon has passed; 0 when it has."""
        return max(0.0, self.arrived_at + self.horizon.seconds - now)
