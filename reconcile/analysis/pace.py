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

from reconcile.history.joins import Floats, Ints, quantile

SHARE: Final = 0.95
BLOCKS: Final = 10
LEAST_BLOCKS: Final = 5
LEAST_ORDERS: Final = 20
LEAST_S: Final = 4.0
"""Shortest stretch that is compared, seconds: the service may pause for a second or two at any time."""
# (margin, level over all tests): for independent orders, for correlated ones.
_INDEPENDENT: Final = (1.25, 0.01)
_CORRELATED: Final = (1.35, 0.001)
_CORRELATED_Z: Final = 3.0
_TESTS: Final = 4


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
    half = after.part(0, BLOCKS // 2)
    if not (_slower(baseline, after) or _slower(baseline, half)):
        return PaceFound(Pace.AS_BEFORE, 0.0) if _as_before(baseline, after) else PaceFound(Pace.UNKNOWN, None)
    cut = find_change(baseline, after)
    rest = after.part(cut, BLOCKS)
    if not _slower(baseline, rest) and _as_before(baseline, rest):
        return PaceFound(Pace.SLOWER_AT_FIRST, cut * after.seconds / BLOCKS)
    return PaceFound(Pace.SLOWER, None)


def _as_before(baseline: Stretch, after: Stretch) -> bool:
    """Whether a service that is not proven slower is proven to be quicker than one with doubled latencies."""
    usual, now = quantile(baseline.latency, SHARE), quantile(after.latency, SHARE)
    if usual is None or now is None or not now <= 2 * usual or math.isinf(now):
        return False
    # Correlated orders must be quicker by more than that: their margin is wider.
    return _slower(after, Stretch(baseline.since, 2 * _INDEPENDENT[0] * baseline.latency, baseline.seconds))


def _slower(baseline: Stretch, after: Stretch) -> bool:
    """Whether the orders of `after` are proven slower than those of the baseline, by more than the margin."""
    if min(len(baseline.since), len(after.since)) < LEAST_ORDERS or min(baseline.seconds, after.seconds) < LEAST_S:
        return False
    margin, level = _CORRELATED if _correlated(baseline.latency) or _correlated(after.latency) else _INDEPENDENT
    pool = np.concatenate([baseline.latency * margin, after.latency])
    count = len(baseline.since)
    beyond = pool > (quantile(pool, SHARE) or 0.0)
    for score in (_ranks(pool), beyond.astype(np.float64)):
        before, since = _means(score[:count], baseline.blocks()), _means(score[count:], after.blocks())
        if min(len(before), len(since)) >= LEAST_BLOCKS and _t_test(before, since) * _TESTS <= level:
            return True
    return False


def find_change(baseline: Stretch, after: Stretch) -> int:
    """Return the block before which orders are slowest compared with those from it on; BLOCKS if none are slower."""
    score = _ranks(np.concatenate([baseline.latency, after.latency]))[len(baseline.latency) :]
    of_block = after.blocks()
    best, found = 0.0, BLOCKS
    for cut in np.unique(of_block)[1:].tolist():
        early, late = score[of_block < cut], score[of_block >= cut]
        gap = float(early.mean() - late.mean())
        between = gap * abs(gap) * len(early) * len(late)
        if between > best:
            best, found = between, cut
    return found


def _correlated(latency: Floats) -> bool:
    """Whether neighbouring orders are more alike than independent ones would be by chance (rank autocorrelation)."""
    ranks = _ranks(latency) - 0.5
    total = float((ranks * ranks).sum())
    return total > 0 and float((ranks[1:] * ranks[:-1]).sum()) / total * math.sqrt(len(ranks)) > _CORRELATED_Z


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value as a share, 0 to 1; equal values get the mean of their ranks."""
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    ranks: Floats = middle[number] / len(values)
    return ranks


def _means(score: Floats, block: Ints) -> Floats:
    counts = np.bincount(block, minlength=BLOCKS)
    sums = np.bincount(block, weights=score, minlength=BLOCKS)
    means: Floats = sums[counts > 0] / counts[counts > 0]
    return means


def _t_test(before: Floats, since: Floats) -> float:
    """Return the chance of a mean this much higher in `since` if both had one normal distribution (pooled t-test)."""
    freedom = len(before) + len(since) - 2
    gap = float(since.mean() - before.mean())
    spread = float(((before - before.mean()) ** 2).sum() + ((since - since.mean()) ** 2).sum()) / freedom
    if gap <= 0:
        return 1.0
    return t_tail(gap / math.sqrt(spread * (1 / len(before) + 1 / len(since))), freedom) if spread > 0 else 0.0


def t_tail(t: float, freedom: int) -> float:
    """Return the chance that Student's t with `freedom` degrees exceeds `t` >= 0 (Abramowitz and Stegun, 26.7.3-4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    inside = 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
    return max(0.0, (1 - inside) / 2)
