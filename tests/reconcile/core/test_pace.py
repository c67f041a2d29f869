"""A thousand simulated services: a steady one is hardly ever called slower, one with doubled latencies nearly always.

Distributions, rates and lengths are those that real runs have. Seeded, so a failure is a change of the code.
"""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from reconcile.analysis.block_statistics import t_test
from reconcile.analysis.pace import (
    BLOCKS,
    LEAST_BLOCKS,
    TESTS,
    Pace,
    PaceFound,
    Stretch,
    find_change,
    find_pace,
    is_as_before,
    is_higher,
    is_slower,
)
from reconcile.history.joins import Floats

Service = Callable[[Floats, np.random.Generator], Floats]
SERVICES = 1000
SLOWER = {Pace.SLOWER, Pace.SLOWER_AT_FIRST}
# Orders a second, seconds of baseline, of outage, of recovery.
RUNS = [(20, 10, 15, 10), (50, 20, 30, 20), (100, 5, 10, 10), (20, 60, 60, 60)]


def lognormal(at: Floats, random: np.random.Generator) -> Floats:
    return 0.02 * np.exp(0.5 * random.standard_normal(len(at)))


def heavy_tail(at: Floats, random: np.random.Generator) -> Floats:
    return 0.01 * (1 + random.pareto(1.5, len(at)))


def bimodal(at: Floats, random: np.random.Generator) -> Floats:
    slow = random.random(len(at)) < 0.1
    return np.where(slow, 0.2, 0.01) * np.exp(0.2 * random.standard_normal(len(at)))


def bursts(at: Floats, random: np.random.Generator) -> Floats:
    """Every 8 s or so everything is eight times as slow for half a second to two seconds."""
    latency = 0.01 * np.exp(0.3 * random.standard_normal(len(at)))
    moment = float(at[0]) - 5
    while moment < at[-1]:
        moment += random.exponential(8)
        lasts = random.uniform(0.5, 2)
        latency[(at >= moment) & (at < moment + lasts)] *= 8
        moment += lasts
    return latency


def drifting(at: Floats, random: np.random.Generator) -> Floats:
    """Neighbouring orders are alike; that fades within about a second."""
    faded = np.exp(-np.arange(60) / 10)
    steps = random.standard_normal(int(10 * (at[-1] - at[0])) + 61)
    level = np.convolve(steps, faded / math.sqrt(float((faded * faded).sum())), "valid")
    place = ((at - at[0]) * 10).astype(int)
    latency: Floats = 0.02 * np.exp(0.3 * level[place] + 0.2 * random.standard_normal(len(at)))
    return latency


INDEPENDENT: list[Service] = [lognormal, heavy_tail, bimodal]


def simulate(service: Service, seed: int, factor: float) -> Counter[Pace]:
    random, found = np.random.default_rng(seed), Counter[Pace]()
    for number in range(SERVICES):
        rate, baseline, outage, recovery = RUNS[number % len(RUNS)]
        before = np.sort(random.uniform(0, baseline, random.poisson(rate * baseline)))
        after = np.arange(rate * recovery) / rate
        latency = service(np.concatenate([before, baseline + outage + after]), random)
        usual, now = np.split(latency, [len(before)])
        found[find_pace(Stretch(before, usual, baseline), Stretch(after, factor * now, recovery)).pace] += 1
    return found


@pytest.mark.parametrize("service", [*INDEPENDENT, bursts, drifting])
def test_a_steady_service_is_hardly_ever_called_slower(service: Service) -> None:
    found = simulate(service, 20261127, 1.0)
    assert sum(found[pace] for pace in SLOWER) <= SERVICES / 100
    # If orders are slow together, the same number of them shows less.
    assert found[Pace.AS_BEFORE] >= (0.9 if service in INDEPENDENT else 0.2) * SERVICES


@pytest.mark.parametrize("service", [*INDEPENDENT, bursts, drifting])
def test_doubled_latencies_are_found(service: Service) -> None:
    found = simulate(service, 20261128, 2.0)
    assert found[Pace.AS_BEFORE] <= SERVICES / 100
    if service in INDEPENDENT:
        assert sum(found[pace] for pace in SLOWER) >= 0.95 * SERVICES


@pytest.mark.parametrize("orders", [0, 1, 19])
def test_too_few_orders(orders: int) -> None:
    few = Stretch(np.linspace(0, 9, orders), np.full(orders, 9.0), 10.0)
    many = Stretch(np.linspace(0, 9, 200), np.full(200, 0.01), 10.0)
    assert {find_pace(few, many).pace, find_pace(many, few).pace} == {Pace.UNKNOWN}


def one_a_block(*latency: float, first: int = 0) -> Stretch:
    """Return a stretch of a second a block, with an order in the middle of each from `first` on; NaN: without one."""
    took = np.array(latency)
    since = first + 0.5 + np.arange(len(took))
    return Stretch(since[~np.isnan(took)], took[~np.isnan(took)], float(BLOCKS))


@pytest.mark.parametrize(
    ("after", "block"),
    [
        (one_a_block(9.0, 0.22), 1),
        (one_a_block(9.0, *[0.27] * 4, *[0.22] * 5), 1),  # fewer orders, but by far the slowest
        (one_a_block(9.0, *[0.7] * 4, *[0.22] * 5), 5),
        (one_a_block(9.0, 0.7, *[0.22] * 3, first=2), 4),  # as after an outage of the generator: two blocks are empty
        (one_a_block(9.0, math.nan, math.nan, 0.22), 3),  # quick from the first order that shows it
        (one_a_block(0.22, 0.22), BLOCKS),
        (one_a_block(0.22, 0.22, 0.7, 9.0), BLOCKS),
        (one_a_block(9.0), BLOCKS),
    ],
)
def test_the_change_is_where_orders_before_it_are_slowest_compared_with_those_after(after: Stretch, block: int) -> None:
    assert find_change(Stretch(np.linspace(0, 9, 50), np.linspace(0.01, 0.5, 50), 10.0), after) == block


def test_a_part_of_a_stretch_begins_with_its_first_block_and_ends_before_its_last() -> None:
    since = np.arange(BLOCKS, dtype=np.float64) + 0.5
    stretch = Stretch(since, since * 10, float(BLOCKS))
    part = stretch.part(2, 5)
    assert part.since.tolist() == [0.5, 1.5, 2.5]
    assert part.latency.tolist() == [25.0, 35.0, 45.0]
    assert part.seconds == 3.0


def test_what_is_sent_last_is_in_the_last_block_however_short_the_stretch() -> None:
    since = np.array([0.0, 0.24, 0.25, 0.5])
    assert Stretch(since, since, 0.5).blocks().tolist() == [0, 4, 5, BLOCKS - 1]
    assert Stretch(np.array([0.0]), np.array([1.0]), 0.0).blocks().tolist() == [0]


def even(*latency: float, seconds: float = 10.0) -> Stretch:
    """Return orders sent evenly, with these latencies in turn."""
    took = np.array(latency)
    return Stretch((np.arange(len(took)) + 0.5) * seconds / len(took), took, seconds)


def wave(level: float, orders: int = 200, seconds: float = 10.0) -> Stretch:
    """Return orders whose latencies alternate around a level, so that neighbours are unlike each other."""
    return even(*(level * (1.01 if place % 2 else 0.99) for place in range(orders)), seconds=seconds)


def rising(level: float) -> Stretch:
    """Return orders whose latencies rise a little from the first to the last, so that neighbours are alike."""
    return even(*np.linspace(0.99 * level, 1.01 * level, 200))


def tailed(tail: float) -> Stretch:
    """Return orders of 100 ms, of which one in ten takes `tail` seconds."""
    return even(*((tail if place % 10 == 5 else 0.1) for place in range(200)))


@pytest.mark.parametrize(
    ("baseline", "after", "slower"),
    [
        (wave(0.1), wave(0.12), False),
        (wave(0.1), wave(0.13), True),
        # If neighbours are alike in either, the margin is wider.
        (wave(0.1), rising(0.13), False),
        (rising(0.1), wave(0.13), False),
        (rising(0.1), rising(0.14), True),
        # The slowest twentieth of all counts by itself.
        (wave(0.1), tailed(1.0), True),
        (wave(0.1), tailed(0.11), False),
        # The least orders, and the least seconds.
        (wave(0.1, 20), wave(1.0, 20), True),
        (wave(0.1, 19), wave(1.0, 20), False),
        (wave(0.1, 20), wave(1.0, 19), False),
        (wave(0.1, seconds=4.0), wave(1.0, seconds=4.0), True),
        (wave(0.1, seconds=3.99), wave(1.0), False),
        (wave(0.1), wave(1.0, seconds=3.99), False),
    ],
)
def test_slower_by_more_than_the_margin(baseline: Stretch, after: Stretch, slower: bool) -> None:
    assert is_slower(baseline, after) is slower


def test_the_level_is_shared_by_all_tests() -> None:
    before, since = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([3.0, 4.0, 5.0, 6.0, 7.0])
    chance = t_test(before, since)
    assert is_higher(before, since, TESTS * chance)
    assert not is_higher(before, since, 0.999 * TESTS * chance)
    assert not is_higher(before[: LEAST_BLOCKS - 1], 9 * since, 0.5)
    assert not is_higher(before, 9 * since[: LEAST_BLOCKS - 1], 0.5)


@pytest.mark.parametrize(
    ("baseline", "after", "as_before"),
    [
        (wave(0.1), wave(0.1), True),
        (wave(0.1), wave(0.19), True),
        (wave(0.1), wave(0.2), False),
        (wave(0.1), rising(0.18), True),
        (wave(0.1), rising(0.19), False),
        (tailed(0.2), tailed(0.4), True),  # exactly twice the 95th percentile
        (tailed(0.2), tailed(0.41), False),
        (tailed(math.inf), tailed(0.4), True),
        (tailed(0.2), tailed(math.inf), False),
        (tailed(math.inf), tailed(math.inf), False),
        (even(), wave(0.1), False),
        (wave(0.1), even(), False),
    ],
)
def test_as_quick_as_before_is_proven_too(baseline: Stretch, after: Stretch, as_before: bool) -> None:
    assert is_as_before(baseline, after) is as_before


def halves(first: float, second: float, seconds: float = 9.0) -> Stretch:
    return even(*wave(first, 100).latency, *wave(second, 100).latency, seconds=seconds)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (halves(0.1, 0.1), PaceFound(Pace.AS_BEFORE, 0.0)),
        (halves(0.1, 0.1, seconds=3.0), PaceFound(Pace.UNKNOWN, None)),
        (halves(0.5, 0.03), PaceFound(Pace.SLOWER_AT_FIRST, 4.5)),  # by its first half alone
        (halves(0.5, 0.03, seconds=7.9), PaceFound(Pace.UNKNOWN, None)),  # its halves are too short
        (halves(0.5, 0.1), PaceFound(Pace.SLOWER_AT_FIRST, 4.5)),
        (halves(0.5, 0.15), PaceFound(Pace.SLOWER, None)),  # quicker than twice as slow, but still slower
        (even(*wave(0.1, 20).latency, *wave(0.5, 180).latency), PaceFound(Pace.SLOWER, None)),  # not by its first half
        (even(*wave(0.5, 140).latency, *wave(0.1, 60).latency), PaceFound(Pace.SLOWER, None)),  # 3 s prove nothing
    ],
)
def test_pace_of_a_service_whose_latency_changes(after: Stretch, found: PaceFound) -> None:
    assert find_pace(wave(0.1), after) == found
