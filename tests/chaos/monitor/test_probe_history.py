"""The beginning of a streak is kept however long it lasts, in bounded memory."""

import pytest

from chaos.faults.limits import HEAL_TRIES
from chaos.monitor.monitor import OFTEN_S
from chaos.monitor.probe_history import ProbeHistory
from health.effect import DOWN, Effect
from health.replies import KEPT, NEW, How, ProbeResult
from health.state import back_edge, proven_edge
from settings.run_settings import SECONDS_OF_SHARE

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


def test_a_stall_just_before_the_fault_does_not_hide_the_edge_of_a_long_streak() -> None:
    kept = ProbeHistory(DOWN.shows, most=10)
    gone: tuple[How, ...] = ("refused",)
    hows: tuple[How, ...] = ("answered", "hanging", "hanging", *(97 * gone))
    for at, how in enumerate(hows):
        kept.append(ProbeResult(at / 4, at / 4 + 0.125, KEPT, how))
    assert proven_edge(DOWN, list(kept), since=0.75) == (0.5, 0.875)


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


@pytest.mark.parametrize("share", [0.0501, 0.06, 0.1, 0.3, 0.5, 0.8])
def test_a_share_is_proven_within_what_is_kept_and_in_the_least_fault_timeout(share: float) -> None:
    effect = Effect("reset", share=share)
    seconds = max(5.0, SECONDS_OF_SHARE / share)
    kept = ProbeHistory(effect.shows)
    edge = None
    for k in range(int(seconds / OFTEN_S)):
        at = k * OFTEN_S
        is_reset = int((k + 1) * share) > int(k * share)
        kept.append(ProbeResult(at, at + 0.01, NEW, "broken" if is_reset else "answered"))
        edge = edge or proven_edge(effect, list(kept), 0.0)
    assert edge is not None
    assert effect.back_streak(NEW) * OFTEN_S < seconds / HEAL_TRIES
