"""The state of a target as people are shown it: only what recent questions on both connections prove."""

from typing import Any

import pytest

from health.effect import DOWN, Effect
from health.replies import Connection, How, ProbeResult
from health.state_now import RECENT_S, StateNow, state_now

NOW = 200.0
LATE = Effect("late", added_s=0.3, usual_s={"kept": 0.01, "new": 0.02})
HALF = Effect("reset", share=0.5)


def series(connection: Connection, *hows: How, took: float = 0.01, until: float = NOW) -> list[ProbeResult]:
    """One probe each 0.1 s, the last answered at `until`."""
    times = [until - took - 0.1 * place for place in reversed(range(len(hows)))]
    return [ProbeResult(at, at + took, connection, how) for at, how in zip(times, hows, strict=True)]


def both(kept: list[ProbeResult], new: list[ProbeResult]) -> dict[Connection, list[ProbeResult]]:
    return {"kept": kept, "new": new}


UP: tuple[How, ...] = ("answered",) * 5
GONE: tuple[How, ...] = ("refused",) * 5


def state(seen: Any, effect: Effect = DOWN, since: float = 0.0) -> StateNow:
    return state_now(effect, seen, NOW, since)


def test_up_and_down_are_proven_on_both_connections() -> None:
    assert state(both(series("kept", *UP), series("new", *UP))).word == "up"
    found = state(both(series("kept", "broken", *GONE), series("new", *GONE)))
    assert found.word == "down"
    assert found.seen_at == pytest.approx(NOW)
    assert found.how == "broken on the kept connection, refused on a new connection"


@pytest.mark.parametrize(
    ("kept", "new"),
    [(UP, GONE), (GONE, UP), (GONE[:2], GONE[:2]), ((*GONE, "answered"), (*GONE, "answered"))],
    ids=["new ones fail", "the kept one fails", "too few", "back once"],
)
def test_what_is_not_proven_is_unknown(kept: tuple[How, ...], new: tuple[How, ...]) -> None:
    found = state(both(series("kept", *kept), series("new", *new)))
    assert found.word == "unknown"
    assert found.how


def test_what_was_seen_long_ago_is_unknown_now() -> None:
    old = NOW - RECENT_S - 0.1
    seen = both(series("kept", *UP, until=old), series("new", *UP, until=old))
    found = state(seen)
    assert found.word == "unknown"
    assert found.seen_at == pytest.approx(old)
    assert found.how == "no probe was answered or failed in the last 1.5 s"
    assert state(both([], [])).seen_at is None
    near = NOW - RECENT_S + 0.6
    assert state(both(series("kept", *UP, until=near), series("new", *UP, until=near))).word == "up"


def test_a_target_that_takes_longer_than_that_to_answer_or_to_fail_is_known_all_the_same() -> None:
    very_late = Effect("late", added_s=2.0, usual_s={"kept": 0.01, "new": 0.02})
    asked_again = NOW - 1.9
    seen = both(series("kept", *UP, took=2.0, until=asked_again), series("new", *UP, took=2.0, until=asked_again))
    assert state(seen, very_late).word == "degraded"
    hanging: tuple[How, ...] = ("hanging",) * 3
    paused = both(series("kept", *hanging, took=3.0), series("new", *hanging, took=3.0))
    assert state(paused).word == "down"
    gone = NOW - RECENT_S - 3.1
    old = both(series("kept", *hanging, took=3.0, until=gone), series("new", *hanging, took=3.0, until=gone))
    assert state(old).how == "no probe was answered or failed in the last 4.5 s"


def test_a_slow_target_is_degraded_and_says_by_how_much() -> None:
    found = state(both(series("kept", *UP, took=0.31), series("new", *UP, took=0.32)), LATE)
    assert found.word == "degraded"
    assert found.how == "300 ms later than usual on the kept connection, 300 ms later than usual on a new connection"
    assert state(both(series("kept", *UP, took=0.05), series("new", *UP, took=0.05)), LATE).word == "up"


def test_a_share_of_resets_is_counted_since_it_was_injected() -> None:
    hows: tuple[How, ...] = ("broken", "answered") * 40
    seen = both(series("kept", *UP), series("new", *hows))
    assert state(seen, HALF, NOW - 60).how == "50 % of connections reset on a new connection"
    assert state(seen, HALF, NOW - 60).word == "degraded"
    assert state(both(series("kept", *UP), series("new", *UP * 10)), HALF, NOW - 60).word == "up"
