"""Ranks, means of blocks, correlation of neighbours, and the t-test, against values worked out by hand or printed."""

import numpy as np
import pytest

from reconcile.analysis.block_statistics import is_correlated, means, ranks, shares_below, t_tail, t_test
from reconcile.history.joins import Floats

ODD = np.array([3.0, 1.0, 1.0, 2.0])


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(ODD).tolist() == [0.875, 0.25, 0.25, 0.625]
    assert shares_below(ODD).tolist() == [0.75, 0.0, 0.0, 0.5]


def test_blocks_without_a_score_have_no_mean() -> None:
    assert means(np.array([1.0, 3.0, 5.0]), np.array([1, 1, 3])).tolist() == [2.0, 5.0]
    assert means(np.array([True, False, True]), np.array([0, 0, 9])).tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("values", "correlated"),
    [
        (np.arange(14.0), False),  # 2.94 standard deviations
        (np.arange(15.0), True),  # 3.10
        (np.tile([1.0, 2.0], 100), False),
        (np.random.default_rng(20).random(1000), False),
        (np.ones(50), False),
        (np.array([0, 0, 1, 2, 2, *[1] * 44], dtype=np.float64), True),  # 3.5
        (np.array([2, 2, 2, 2, 1, 0, 0, 1, 0, 1, 0, *[1] * 25], dtype=np.float64), False),  # exactly 3
    ],
)
def test_neighbours_are_alike_beyond_three_standard_deviations(values: Floats, correlated: bool) -> None:
    assert is_correlated(values) is correlated


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_the_chance_of_a_higher_mean(scale: float) -> None:
    """Pooled: t = 2 with 8 degrees of freedom; t = 3 / sqrt(8/5 * (1/3 + 1/4)) with 5."""
    one, other = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([3.0, 4.0, 5.0, 6.0, 7.0])
    assert t_test(scale * one, scale * other) == pytest.approx(t_tail(2.0, 8))
    few, more = np.array([1.0, 2.0, 3.0]), np.array([4.0, 4.0, 5.0, 7.0])
    spread = (2 + 6) / 5
    assert t_test(scale * few, scale * more) == pytest.approx(t_tail(3 / (spread * (1 / 3 + 1 / 4)) ** 0.5, 5))


def test_a_mean_that_is_not_higher_is_chance_and_one_beyond_all_spread_is_none() -> None:
    spread, same, higher = np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([2.5, 2.5])
    assert t_test(spread, same) == t_test(higher, same) == t_test(same, same) == 1.0
    assert t_test(same, higher) == 0.0


@pytest.mark.parametrize(
    ("t", "freedom", "tail"),
    [(0.0, 5, 0.5), (6.314, 1, 0.05), (2.92, 2, 0.05), (2.353, 3, 0.05), (2.821, 9, 0.01), (3.197, 18, 0.0025)],
)
def test_tails_of_student(t: float, freedom: int, tail: float) -> None:
    """As printed in tables."""
    assert t_tail(t, freedom) == pytest.approx(tail, rel=0.01)
