"""Readings of an outbox, paired with what has been read of the topic since."""

import uuid

import numpy as np
import pytest

from chaos.live.backlog import MOST_KEPT, Readings
from contract.ids import IDS, parse_ids


def ids(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    return parse_ids([str(uuid.UUID(int=number)) for number in numbers])[0] if numbers else np.empty(0, dtype=IDS)


def numbers(found: "np.ndarray[tuple[int], np.dtype[np.void]]") -> list[int]:
    return [int(one["lo"]) for one in found]


def test_what_has_left_the_outbox_waits_until_the_topic_was_read_after_that() -> None:
    readings = Readings()
    readings.add(10.0, ids(1, 2))
    readings.add(11.0, ids(2, 3))
    held = readings.held(10.5)
    assert held is not None
    assert (numbers(held.ids), held.paired_at, held.newest_at) == ([1, 2, 3], 10.0, 11.0)
    held = readings.held(11.5)
    assert held is not None
    assert (numbers(held.ids), held.paired_at, held.newest_at) == ([2, 3], 11.0, 11.0)


@pytest.mark.parametrize("topic_read_at", [None, 9.9])
def test_before_the_topic_was_read_after_a_reading_nothing_is_paired(topic_read_at: float | None) -> None:
    readings = Readings()
    assert readings.held(topic_read_at) is None
    readings.add(10.0, ids(1))
    held = readings.held(topic_read_at)
    assert held is not None
    assert (numbers(held.ids), held.paired_at, held.newest_at) == ([1], None, 10.0)


def test_an_outbox_that_cannot_be_compared_holds_nothing_that_is_known() -> None:
    readings = Readings()
    readings.add(10.0, ids(1))
    readings.forget()
    assert readings.held(20.0) is None


def test_a_long_outage_keeps_few_readings_and_every_order() -> None:
    readings = Readings()
    for number in range(100):
        readings.add(float(number), ids(number))
    held = readings.held(0.5)
    assert held is not None
    assert (numbers(held.ids), held.paired_at, held.newest_at) == (list(range(100)), 0.0, 99.0)
    assert len(readings._kept) == MOST_KEPT
    held = readings.held(1000.0)
    assert held is not None
    assert (numbers(held.ids), held.paired_at) == ([99], 99.0)
