"""The beginning of a streak is kept however long it lasts, in bounded memory."""

from chaos.monitor.probe_history import ProbeHistory
from health.effect import DOWN, Effect
from health.replies import KEPT, How, ProbeResult
from health.state import back_edge, proven_edge

LATE = Effect("late", added_s=0.3, usual_s={KEPT: 0.1})


def series(*streaks: tuple[int, bool], effect: Effect = DOWN, most: int = 10) -> ProbeHistory:
    """Results one second apart, each settled after 0.1 s; of those that are not as usual late ones after 0.4 s."""
    kept, at = ProbeHistory(effect.shows, most), 0.0
    for length, usual in streaks:
        for _ in range(length):
            late = effect.kind == "late" and not usual
            how: How = "answered" if usual or late else "hanging"
            kept.append(ProbeResult(at, at + (0.4 if late else 0.1), KEPT, how))
            at += 1.0
    return kept


def test_a_target_that_went_down_long_before_its_break_command_ended_has_its_true_edge() -> None:
    kept = series((50, True), (10_000, False))
    assert proven_edge(DOWN, list(kept), since=0.0) == (49.0, 50.1)
    assert len(kept) == 10


def test_a_target_that_has_been_back_for_long_has_its_true_edge() -> None:
    assert back_edge(DOWN, list(series((5, True), (20, False), (500, True))), since=0.0) == (24.0, 25.1)


def test_changes_within_what_is_kept_are_all_kept() -> None:
    kept = series((50, True), (3, False), (2, True), (3, False))
    assert [one.ok for one in kept] == [True] * 2 + [False] * 3 + [True] * 2 + [False] * 3


def test_a_change_after_a_long_streak_lets_the_old_go() -> None:
    kept = series((5, True), (100, False), (30, True), (30, False))
    assert proven_edge(DOWN, list(kept), since=0.0) == (134.0, 135.1)
    assert len(kept) == 10


def test_a_target_that_was_late_long_before_its_break_command_ended_has_its_true_edge() -> None:
    kept = series((50, True), (10_000, False), effect=LATE)
    assert proven_edge(LATE, list(kept), since=0.0) == (49.0, 50.4)
