"""A thousand simulated services: a steady one is hardly ever called slower, one with doubled latencies nearly always.

Distributions, rates and lengths are those that real runs have. Seeded, so a failure is a change of the code.
"""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from reconcile.analysis.pace import BLOCKS, Pace, Stretch, find_change, find_pace, t_tail
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


@pytest.mark.parametrize(
    ("t", "freedom", "tail"),
    [(0.0, 5, 0.5), (6.314, 1, 0.05), (2.92, 2, 0.05), (2.353, 3, 0.05), (2.821, 9, 0.01), (3.197, 18, 0.0025)],
)
def test_tails_of_student(t: float, freedom: int, tail: float) -> None:
    """As printed in tables."""
    assert t_tail(t, freedom) == pytest.approx(tail, rel=0.01)


def test_a_part_of_a_stretch_begins_with_its_first_block_and_ends_before_its_last() -> None:
    since = np.arange(BLOCKS, dtype=np.float64) + 0.5
    stretch = Stretch(since, since * 10, float(BLOCKS))
    part = stretch.part(2, 5)
    assert part.since.tolist() == [0.5, 1.5, 2.5]
    assert part.latency.tolist() == [25.0, 35.0, 45.0]
    assert part.seconds == 3.0
