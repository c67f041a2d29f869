"""Statistics of latencies by rank and of means by block, for `reconcile.analysis.pace`. Pure."""

import math
from typing import Final

import numpy as np

from reconcile.history.joins import Bools, Floats, Ints

CORRELATED_Z: Final = 3.0


def ranks(values: Floats) -> Floats:
    """Return the rank of each value as a share, 0 to 1; equal values get the mean of their ranks."""
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    found: Floats = middle[number] / len(values)
    return found


def shares_below(values: Floats) -> Floats:
    """Return of each value which share of all is lower: at least 0.95 for those beyond the 95th percentile."""
    return np.searchsorted(np.sort(values), values) / len(values)


def is_correlated(values: Floats) -> bool:
    """Return whether neighbouring values are more alike than independent ones would be by chance.

    By their rank autocorrelation, which has a standard deviation of 1 / sqrt(n) if they are independent.
    """
    centred = ranks(values) - 0.5
    total = float((centred * centred).sum())
    return total > 0 and float((centred[1:] * centred[:-1]).sum()) / total * math.sqrt(len(centred)) > CORRELATED_Z


def means(score: Floats | Bools, block: Ints) -> Floats:
    """Return the mean score of each block that has any, in order."""
    counts = np.bincount(block)
    some = counts > 0
    found: Floats = np.bincount(block, weights=score)[some] / counts[some]
    return found


def t_test(before: Floats, since: Floats) -> float:
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
