"""For how long nothing has come in a drain, against settle time and publish horizon. Pure: it is given the time."""

from dataclasses import dataclass

from contract.publish_horizon import Horizon


@dataclass(slots=True)
class Stillness:
    """The quiet of one drain. Times in epoch seconds.

    Attributes:
        settle: seconds of quiet that are wanted once nothing else is awaited.
        horizon: for how long an event may still come after the last arrival.
        awaited_at: when something else was last awaited (an answer, a backlog, the drain's own order).
        arrived_at: when a row or an event of the run last came, or an answer was still awaited; at first the begin of
            the drain.
    """

    settle: float
    horizon: Horizon
    awaited_at: float
    arrived_at: float

    @classmethod
    def begin(cls, now: float, settle: float, horizon: Horizon) -> "Stillness":
        """Return the stillness of a drain that begins at `now`."""
        return cls(settle, horizon, now, now)

    def awaited(self, now: float) -> None:
        """Note that something is still awaited."""
        self.awaited_at = now

    def arrived(self, at: float) -> None:
        """Note an arrival; an older one than the last changes nothing."""
        self.arrived_at = max(self.arrived_at, at)

    def settle_left(self, now: float) -> float:
        """Return the seconds of quiet that are missing; 0 when there were enough."""
        return max(0.0, max(self.awaited_at, self.arrived_at) + self.settle - now)

    def horizon_left(self, now: float) -> float:
        """Return the seconds until the horizon has passed; 0 when it has."""
        return max(0.0, self.arrived_at + self.horizon.seconds - now)
