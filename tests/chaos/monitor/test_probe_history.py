"""The beginning of a streak is kept however long it lasts, in bounded memory."""

from dataclasses import dataclass

from chaos.monitor.probe_history import ProbeHistory
from health.state import proven_down, proven_up


@dataclass(frozen=True)
class Asked:
    asked: float
    answered: float
    ok: bool


def series(*streaks: tuple[int, bool], most: int = 10) -> ProbeHistory[Asked]:
    """Results one second apart, each answered after 0.1 s."""
    kept: ProbeHistory[Asked] = ProbeHistory(most)
    at = 0.0
    for length, ok in streaks:
        for _ in range(length):
            kept.append(Asked(at, at + 0.1, ok))
            at += 1.0
    return kept


def test_a_target_that_went_down_long_before_its_break_command_ended_has_its_true_edge() -> None:
    kept = series((50, True), (10_000, False))
    assert proven_down(list(kept), since=0.0) == (49.0, 50.1)
    assert len(kept) == 10


def test_a_target_that_has_been_back_for_long_has_its_true_edge() -> None:
    assert proven_up(list(series((5, True), (20, False), (500, True))), since=0.0) == (24.0, 25.1)


def test_changes_within_what_is_kept_are_all_kept() -> None:
    kept = series((50, True), (3, False), (2, True), (3, False))
    assert [one.ok for one in kept] == [True] * 2 + [False] * 3 + [True] * 2 + [False] * 3


def test_a_change_after_a_long_streak_lets_the_old_go() -> None:
    kept = series((5, True), (100, False), (30, True), (30, False))
    assert proven_down(list(kept), since=0.0) == (134.0, 135.1)
    assert len(kept) == 10
