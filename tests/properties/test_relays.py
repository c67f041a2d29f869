"""A correct outbox whose relay retries with growing pauses is late, never lossy: many seeds, in drain and judge."""

import random

import pytest

from chaos.run.quiet_time import QuietTime
from contract.publish_horizon import Interval, Publisher, Source, horizon_of
from reconcile.judge.judge import judge
from runlog.offsets import Observation
from tests.properties.relays import Relay
from tests.reconcile.core.run_builder import START_OFFSET, T0, RunBuilder, facts

SEEDS = range(400)
UNKNOWN = Publisher(ours=False, delivery_s=None, block_s=None, given_s=None, backlog=False)
SETTLE_S = 5.5
# The outage of a `RunBuilder`: ordered at 10, no answer from 10.4 to 20.9, proven back at 21.
DOWN, BACK = 10.4, 20.9


def drawn_outages(source: random.Random) -> list[Interval]:
    found, at = [], 10.0
    for _ in range(source.choice([1, 1, 2, 3])):
        length = source.choice([3.0, 15.0, 75.0, 110.0]) * source.uniform(0.8, 1.2)
        found.append((at, at + length))
        at += length + source.uniform(1.0, 40.0)
    return found


@pytest.mark.parametrize("part", range(4))
def test_the_drain_of_an_unknown_publisher_outlasts_its_pauses(part: int) -> None:
    for seed in SEEDS[part::4]:
        source = random.Random(seed)
        relay, outages = Relay.drawn(source), drawn_outages(source)
        begin = outages[-1][1] + source.uniform(1.0, 10.0)
        stored = [at / 2 for at in range(round(begin * 2))]
        horizon = horizon_of(UNKNOWN, outages)
        assert horizon.source is Source.OUTAGE
        still, now = QuietTime.begin(begin, SETTLE_S, horizon), begin
        for at in sorted(at for at in relay.appended(stored, outages) if at > begin):
            over = now + max(still.settle_left(now), still.horizon_left(now))
            assert at <= over, f"seed {seed}: {relay} publishes at {at:.1f}, the drain is over at {over:.1f}"
            still.arrived(now := at)


def test_a_few_seconds_of_quiet_would_not_have_been_enough() -> None:
    """The near miss: the settle time alone ends many of these drains too soon."""
    early = 0
    for seed in SEEDS:
        source = random.Random(seed)
        relay, outages = Relay.drawn(source), drawn_outages(source)
        begin = outages[-1][1] + source.uniform(1.0, 10.0)
        coming = [at for at in relay.appended([12.0], outages) if at > begin + SETTLE_S]
        early += bool(coming)
    assert early > len(SEEDS) / 20


def builder_of(relay: Relay, read_at: float, dropped: set[int]) -> RunBuilder:
    """A run of a service with this relay, read to the end at second `read_at`; events in `dropped` never come."""
    builder = RunBuilder(facts=facts(stack="external", service_variant=None, delivery_timeout_s=None))
    sends = [1.0 + place / 2 for place in range(43)]
    for place, (at, appended) in enumerate(zip(sends, relay.appended(sends, [(DOWN, BACK)]), strict=True)):
        there = appended <= read_at and place not in dropped
        builder.order(place, at, event=there, appended=appended)
    builder.events_changes["read_at"] = T0 + read_at
    builder.observations = [
        Observation(T0 + at, T0 + at + 0.004, {0: START_OFFSET + sum(one[2] <= at for one in builder.events)})
        if not DOWN <= at < BACK
        else Observation(T0 + at, T0 + at + 0.05, None, "no answer")
        for at in (tick / 10 for tick in range(round(read_at * 10)))
    ]
    return builder


def test_whenever_it_is_read_no_event_is_lost() -> None:
    suspected = 0
    for seed in SEEDS:
        source = random.Random(seed)
        relay, read_at = Relay.drawn(source), source.uniform(22.5, 40.0)
        counts = judge(builder_of(relay, read_at, set()).history()).counts
        assert counts["lost_events"] == 0, f"seed {seed}: {relay}, read at {read_at:.1f}"
        suspected += counts["suspected_lost"] > 0
    # Not because all events were there already.
    assert suspected > len(SEEDS) / 20


def test_what_it_really_drops_is_lost_once_the_horizon_has_passed() -> None:
    """They were sent in the outage; second 60 is past every pause that an outage of 11 s may have grown."""
    for seed in SEEDS[:40]:
        relay = Relay.drawn(random.Random(seed))
        judgement = judge(builder_of(relay, 60.0, {22, 29}).history())
        assert judgement.counts["lost_events"] == 2, f"seed {seed}: {relay}: {judgement.ruling.reason}"
