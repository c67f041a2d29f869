"""Whether a service acknowledges as quickly after an outage as in the baseline, as far as the orders show. Pure.

Both stretches are cut into equal blocks of time. Orders are scored by their rank among all latencies of both (whole
distribution), and by whether they are beyond the 95th percentile of both (tail); the blocks' mean scores are compared
by a one-sided t-test. Blocks, not orders, are the units because orders near each other are slow together (a pause, a
checkpoint). The baseline's latencies are multiplied by a margin: a service within it is as quick as before. If
neighbouring orders are correlated, margin and level are stricter. Two stretches (the whole recovery, its first half)
and two scores make four tests; the level is divided among them.

An order that was not acknowledged is slower than any that was. A service that is not proven slower is as quick as
before only if the same test proves it quicker than the baseline with doubled latencies, and its 95th percentile is at
most twice the baseline's. Otherwise it is `UNKNOWN`: there are too few orders.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from reconcile.analysis.block_statistics import is_correlated, means, ranks, shares_below, t_test
from reconcile.history.joins import Floats, Ints, quantile

SHARE: Final = 0.95
BLOCKS: Final = 10
_HALF: Final = BLOCKS // 2
LEAST_BLOCKS: Final = 5
LEAST_ORDERS: Final = 20
LEAST_S: Final = 4.0
"""Shortest stretch that is compared, seconds: the service may pause for a second or two at any time."""
# (margin, level over all tests): for independent orders, for correlated ones.
_INDEPENDENT: Final = (1.25, 0.01)
_CORRELATED: Final = (1.35, 0.001)
TESTS: Final = 4


class Pace(Enum):
    """How quick a service was after an outage; the values are those of `report.json`."""

    AS_BEFORE = "as_before"
    SLOWER_AT_FIRST = "slower_at_first"
    SLOWER = "slower"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PaceFound:
    """The result of the comparison.

    Attributes:
        until_s: seconds from the start of the recovery until it was as quick as before: 0 for AS_BEFORE; None if that
            is unknown or did not happen.
    """

    pace: Pace
    until_s: float | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Orders of one stretch of a run: send times from its start and latencies in seconds, shape (n,); its length."""

    since: Floats
    latency: Floats
    seconds: float

    def blocks(self) -> Ints:
        return np.minimum(self.since * BLOCKS / max(self.seconds, 1e-9), BLOCKS - 1).astype(np.int64)

    def part(self, begin: int, end: int) -> "Stretch":
        """Return the orders of the blocks from `begin` to before `end`."""
        inside = (self.blocks() >= begin) & (self.blocks() < end)
        start = begin * self.seconds / BLOCKS
        return Stretch(self.since[inside] - start, self.latency[inside], (end - begin) * self.seconds / BLOCKS)


def find_pace(baseline: Stretch, after: Stretch) -> PaceFound:
    """Compare the latencies after an outage with those of the baseline; infinite: not acknowledged."""
    half = after.part(0, _HALF)
    if not (is_slower(baseline, after) or is_slower(baseline, half)):
        return PaceFound(Pace.AS_BEFORE, 0.0) if is_as_before(baseline, after) else PaceFound(Pace.UNKNOWN, None)
    cut = find_change(baseline, after)
    rest = after.part(cut, BLOCKS)
    if not is_slower(baseline, rest) and is_as_before(baseline, rest):
        return PaceFound(Pace.SLOWER_AT_FIRST, cut * after.seconds / BLOCKS)
    return PaceFound(Pace.SLOWER, None)


def is_as_before(baseline: Stretch, after: Stretch) -> bool:
    """Return whether a service that is not proven slower is proven to be quicker than one with doubled latencies."""
    usual, now = quantile(baseline.latency, SHARE), quantile(after.latency, SHARE)
    if usual is None or now is None or not now <= 2 * usual or math.isinf(now):
        return False
    # Correlated orders must be quicker by more than that: their margin is wider.
    return is_slower(after, Stretch(baseline.since, 2 * _INDEPENDENT[0] * baseline.latency, baseline.seconds))


def is_slower(baseline: Stretch, after: Stretch) -> bool:
    """Return whether the orders of `after` are proven slower than those of the baseline, by more than the margin."""
    if min(len(baseline.since), len(after.since)) < LEAST_ORDERS or min(baseline.seconds, after.seconds) < LEAST_S:
        return False
    margin, level = _CORRELATED if is_correlated(baseline.latency) or is_correlated(after.latency) else _INDEPENDENT
    pool = np.concatenate([baseline.latency * margin, after.latency])
    count = len(baseline.since)
    return any(
        is_higher(means(score[:count], baseline.blocks()), means(score[count:], after.blocks()), level)
        for score in (ranks(pool), shares_below(pool) >= SHARE)
    )


def is_higher(before: Floats, since: Floats, level: float) -> bool:
    """Return whether the means of the blocks are proven higher in `since`, by one of the tests that share the level."""
    return min(len(before), len(since)) >= LEAST_BLOCKS and t_test(before, since) * TESTS <= level


def find_change(baseline: Stretch, after: Stretch) -> int:
    """Return the block before which orders are slowest compared with those from it on; BLOCKS if none are slower."""
    score = ranks(np.concatenate([baseline.latency, after.latency]))[len(baseline.latency) :]
    of_block = after.blocks()
    best, found = 0.0, BLOCKS
    for cut in np.unique(of_block)[1:].tolist():
        early, late = score[of_block < cut], score[of_block >= cut]
        gap = float(early.mean() - late.mean())
        between = gap * abs(gap) * len(early) * len(late)
        if between > best:
            best, found = between, cut
    return found
