"""The arrival benchmark counts right: known times in, known slots out, and a real target that notes every order."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.slots import spread
from benchmarks.target import request_size

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_metronome_is_even() -> None:
    found = spread([7.0 + k / 50 for k in range(50)], begin=7.0, seconds=1.0)
    assert (found.rate, found.deviation, found.fewest, found.most) == (50.0, 0.0, 5, 5)
    assert found.slots == (5,) * 10


def test_a_burst_is_not() -> None:
    found = spread([7.31] * 50, begin=7.0, seconds=1.0)
    assert found.slots == (0, 0, 0, 50, 0, 0, 0, 0, 0, 0)
    assert (found.rate, found.fewest, found.most) == (50.0, 0, 50)
    assert found.deviation == pytest.approx(15.0)  # mean 5: sqrt((45**2 + 9 * 5**2) / 10)


def test_only_the_window_counts_and_its_end_does_not() -> None:
    found = spread([0.9999, 1.0, 1.0999, 1.1, 1.2999, 1.3], begin=1.0, seconds=0.3)
    assert found.slots == (2, 1, 1)
    assert found.rate == pytest.approx(4 / 0.3)


def test_order_does_not_matter_and_nothing_is_a_rate_of_zero() -> None:
    assert spread([2.5, 2.1, 2.3], 2.0, 1.0) == spread([2.1, 2.3, 2.5], 2.0, 1.0)
    assert spread([], 0.0, 1.0).rate == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.25])
def test_a_window_of_broken_slots_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="no whole number of slots"):
        spread([1.0], 0.0, seconds)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", 0),
        (b"POST / HTTP/1.1\r\nContent-Le", 0),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH: 3\r\n\r\n", 41),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST", 41),
        (b"GET / HTTP/1.1\r\n\r\n", 18),
    ],
)
def test_requests_are_separated(data: bytes, size: int) -> None:
    assert request_size(data) == size


@pytest.mark.process
def test_the_target_notes_each_order_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.target", "0"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as target:
        try:
            assert target.stdout is not None
            connection = http.client.HTTPConnection("127.0.0.1", int(target.stdout.readline()), timeout=20)
            begin = time.monotonic()
            for _ in range(5):
                connection.request("POST", "/orders", b'{"customerId": "x"}')
                answer = connection.getresponse()
                assert (answer.status, "orderId" in json.loads(answer.read())) == (201, True)
            end = time.monotonic()
            connection.close()
            arrivals = json.loads(target.communicate(timeout=20)[0])
        finally:
            target.kill()
    assert len(arrivals) == 5
    assert begin <= arrivals[0] <= arrivals[-1] <= end
    assert arrivals == sorted(arrivals)
