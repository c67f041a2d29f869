"""The publisher's retry horizon: how long after an outage an event may still come. Pure.

An event that is missing is proven lost only past it. A known publisher gives up within its own limits, or is watched by
its backlog, or the user states the horizon. For any other the horizon is the longest outage: a retry pause that doubles
from failure to failure is never longer than the time for which the publisher has failed.

Drain and judge call the same function with the same facts, so both speak of the same number.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

# Beyond a pause as long as the outage: the attempt that ends it, and its append.
MARGIN_S: Final = 1.5
# Default of `delivery.timeout.ms` in the Java client.
JAVA_DELIVERY_S: Final = 120.0
# Slack of a drain beyond all that it waits for, and the shortest longest drain.
SLACK_S: Final = 30.0
LEAST_DRAIN_S: Final = 60.0
# A late arrival begins the horizon again; a derived drain timeout leaves room for so many horizons.
RESTARTS: Final = 3

Interval = tuple[float, float]


class Source(Enum):
    """Where a horizon comes from."""

    GIVEN = "publish-horizon"
    """The user states it with `--publish-horizon`."""
    BACKLOG = "backlog"
    """A backlog that is watched until it is empty: what has left it is in the topic."""
    PRODUCER = "producer"
    """Delivery and block time of our own service."""
    OUTAGE = "outage"
    """Nothing is known of the publisher: the longest outage."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """What is known of the service's publisher. Durations in seconds.

    Attributes:
        ours: it is our own service, whose limits are its settings.
        delivery_s: after which time its producer gives an event up; None: unknown.
        block_s: for how long a publish may hold its request; None: unknown.
        given_s: the horizon that the user states; None: none.
        backlog: the drain watches its backlog.
    """

    ours: bool
    delivery_s: float | None
    block_s: float | None
    given_s: float | None
    backlog: bool

    @property
    def at_work_s(self) -> float:
        """For how long its producer may be at work on an event; where that is unknown, Java's default."""
        return JAVA_DELIVERY_S if self.delivery_s is None else self.delivery_s


@dataclass(frozen=True, slots=True)
class Horizon:
    """For how long an event may still come, counted from the return of the target or the last order.

    Attributes:
        seconds: how long.
    """

    seconds: float
    source: Source

    @property
    def known(self) -> bool:
        """Whether it is the publisher's own limit, and not inferred from the outages."""
        return self.source is not Source.OUTAGE

    @property
    def words(self) -> str:
        """The horizon and its source, for people."""
        # Rounded up: what is shown as longer than it, is.
        length = f"{math.ceil(round(10 * self.seconds, 6)) / 10:g} s"
        return {
            Source.GIVEN: f"{length} (--publish-horizon)",
            Source.BACKLOG: "an empty backlog",
            Source.PRODUCER: f"{length} (delivery and block time of the service)",
            Source.OUTAGE: f"{length} (as long as the longest outage)",
        }[self.source]


def horizon_of(publisher: Publisher, outages: Iterable[Interval]) -> Horizon:
    """Return the horizon of a run.

    Args:
        outages: [begin, end] of each in epoch seconds, in order; those that never ended are left out.
    """
    if publisher.given_s is not None:
        return Horizon(publisher.given_s, Source.GIVEN)
    if publisher.backlog:
        return Horizon(0.0, Source.BACKLOG)
    if publisher.ours and publisher.delivery_s is not None:
        return Horizon(publisher.delivery_s + (publisher.block_s or 0.0), Source.PRODUCER)
    longest = longest_failure(outages)
    return Horizon(longest + MARGIN_S if longest else 0.0, Source.OUTAGE)


def longest_failure(outages: Iterable[Interval]) -> float:
    """Return for how long a publisher may have failed without a success in between, seconds.

    A pause that an outage has grown may be as long as that outage. When the next one begins before such a pause is
    over, the publisher may have slept through the time between them, and its pauses go on growing.
    """
    longest, first, last = 0.0, None, 0.0
    for begin, end in outages:
        if first is None or begin - last >= last - first:
            first = begin
        last = end
        longest = max(longest, last - first)
    return longest


def longest_drain(publisher: Publisher, horizon: Horizon, request_timeout: float, settle: float) -> float:
    """Return the longest drain in seconds, where no `--drain-timeout` says it: room for all that it waits for.

    That is the last answer, the event of the canary order until a known producer gives it up, the settle time of
    either, and the horizon with some late arrivals.
    """
    own_order = settle + (publisher.delivery_s or 0.0)
    return max(LEAST_DRAIN_S, request_timeout + own_order + settle + SLACK_S) + RESTARTS * horizon.seconds
