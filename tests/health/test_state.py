"""The one rule of down and back: streaks, brackets, both connections."""

import pytest

from health.effect import DOWN, Effect
from health.replies import KEPT, NEW, Connection, How, ProbeResult
from health.state import (
    Edge,
    Proof,
    back_edge,
    is_back_in,
    may_be_a_stall,
    not_back,
    not_proven,
    prove,
    prove_back,
    proven_edge,
    proving_parts,
)

Seen = dict[Connection, list[ProbeResult]]


def proven_down(results: list[ProbeResult], since: float) -> Edge | None:
    return proven_edge(DOWN, results, since)


def proven_up(results: list[ProbeResult], since: float) -> Edge | None:
    return back_edge(DOWN, results, since)


def target_down(seen: Seen, since: float) -> Proof | None:
    return prove(DOWN, seen, since)


def target_up(seen: Seen, since: float) -> Proof | None:
    return prove_back(DOWN, seen, since)


def not_down(seen: Seen, since: float) -> list[str]:
    return not_proven(DOWN, seen, since)


def not_up(seen: Seen, since: float) -> list[str]:
    return not_back(DOWN, seen, since)


def seen(*answers: bool, start: float = 100.0, every: float = 0.1) -> list[ProbeResult]:
    """One probe each `every` seconds: asked on the beat, answered 50 ms later."""
    return [
        ProbeResult(start + k * every, start + k * every + 0.05, KEPT, "answered" if ok else "refused")
        for k, ok in enumerate(answers)
    ]


def test_down_is_proven_by_a_streak_and_its_edge_is_bracketed() -> None:
    edge = proven_down(seen(True, True, False, False, False), since=100.0)
    assert edge == pytest.approx((100.1, 100.25))


@pytest.mark.parametrize(
    "observations",
    [
        [],
        seen(True, True, True),
        seen(True, False, False),  # two in a row: the machine may just be busy
        seen(True, False, False, True, False, False),  # never three in a row
        seen(True, False, False, False, every=0.06),  # three, but within 0.17 s
    ],
)
def test_down_is_not_proven_by_less(observations: list[ProbeResult]) -> None:
    assert proven_down(observations, since=100.0) is None


def test_what_was_seen_before_the_fault_proves_nothing() -> None:
    observations = seen(True, False, False, False)
    assert proven_down(observations, since=100.31) is None
    assert proven_down(observations, since=100.3) is not None
    back = seen(False, True, True, True)
    assert proven_up(back, since=100.31) is None
    assert proven_up(back, since=100.3) is not None, "by its last answer"


def test_up_is_proven_by_two_answers_and_its_edge_is_bracketed() -> None:
    assert proven_up(seen(True, False, False, True), since=100.0) is None
    edge = proven_up(seen(True, False, False, True, True), since=100.0)
    assert edge == pytest.approx((100.2, 100.35))


def test_a_flapping_broker_is_neither_down_nor_back() -> None:
    flapping = seen(True, False, True, False, True, False, True, False)
    assert proven_down(flapping, since=100.0) is None
    assert proven_up(flapping, since=100.0) is None


def probe_results(connection: Connection, *hows: How, start: float = 100.0) -> list[ProbeResult]:
    """One probe result each 0.1 s: asked on the beat, settled 50 ms later."""
    return [ProbeResult(start + k / 10, start + k / 10 + 0.05, connection, how) for k, how in enumerate(hows)]


UP: tuple[How, ...] = ("answered",) * 3
GONE: tuple[How, ...] = ("refused",) * 3
HUNG: tuple[How, ...] = ("hanging",) * 3


def test_a_target_is_down_only_on_both_connections_and_its_edge_is_that_of_the_kept_one() -> None:
    kept, new = probe_results("kept", *UP, *HUNG), probe_results("new", *UP, *GONE, start=100.03)
    proof = target_down({"kept": kept, "new": new}, 100.0)
    assert proof is not None
    assert proof.edge == pytest.approx((100.2, 100.35))
    assert proof.seen == {"kept": "hanging", "new": "refused"}
    assert proof.measured == {}
    assert not_down({"kept": kept, "new": new}, 100.0) == []
    for one, other in (
        (kept, probe_results("new", *UP)),
        (probe_results("kept", *UP), new),
        (kept[:-1], new),
        (kept, new[:-1]),
    ):
        assert target_down({"kept": one, "new": other}, 100.0) is None
    assert target_down({"kept": kept, "new": new}, 100.52) is None
    assert not_down({"kept": probe_results("kept", *UP), "new": new}, 100.0) == [
        "a connection from before the fault is still served"
    ]
    assert not_down({"kept": kept, "new": probe_results("new", *UP)}, 100.0) == ["a new connection is served"]
    assert not_down({"kept": kept, "new": []}, 100.0) == ["a new connection was never tried"]


@pytest.mark.parametrize(
    ("hows", "seen"),
    [
        (("hanging", "broken", "refused", "refused"), "broken"),  # lost; that opening another is refused comes after
        (("hanging", "refused", "refused"), "refused"),
        (("broken", "answered", "hanging", "hanging", "hanging"), "hanging"),  # lost before: another outage
    ],
)
def test_a_kept_connection_that_was_lost_is_reported_as_broken(hows: tuple[How, ...], seen: How) -> None:
    proof = target_down({"kept": probe_results("kept", *UP, *hows), "new": probe_results("new", *hows)}, 100.0)
    assert proof is not None
    assert proof.seen == {"kept": seen, "new": hows[-1]}


def test_a_target_is_back_only_on_both_connections() -> None:
    kept, new = (
        probe_results("kept", *HUNG, "answered", "answered"),
        probe_results("new", *GONE, "answered", "answered"),
    )
    proof = target_up({"kept": kept, "new": new}, 100.0)
    assert proof is not None
    assert proof.edge == pytest.approx((100.2, 100.35))
    assert proof.seen == {"kept": "answered", "new": "answered"}
    for one, other in ((kept[:-1], new), (kept, new[:-1]), (kept, []), ([], new)):
        assert target_up({"kept": one, "new": other}, 100.0) is None
    assert not_up({"kept": kept, "new": new}, 100.0) == []
    ill = [ProbeResult(101, 101.1, "new", "refused", "status 503")]
    assert not_up({"kept": kept, "new": ill}, 100.0) == ["a new connection is refused (status 503)"]
    assert not_up({"kept": probe_results("kept", *HUNG), "new": new}, 100.0) == ["the kept connection is hanging"]
    assert not_up({"kept": kept[:-1], "new": []}, 100.0) == [
        "the kept connection was answered, but not twice in a row",
        "a new connection was never tried",
    ]


def test_what_is_enough_and_what_is_not() -> None:
    assert DOWN.is_proven_by(seen(False, False, False))
    assert not DOWN.is_proven_by(seen(False, False, every=1.0))
    assert not DOWN.is_proven_by(seen(False, False, False, every=0.09))
    assert not DOWN.is_proven_by([])
    assert is_back_in(DOWN, seen(False, True, True, False))
    assert not is_back_in(DOWN, seen(True, False, True))


def test_each_part_that_proves_the_target_down() -> None:
    parts = proving_parts(DOWN, seen(False, False, False, True, False, True, False, False, False, False))
    assert [len(part) for part in parts] == [3, 4]
    assert not list(proving_parts(DOWN, []))


def test_a_stall_just_before_the_fault_is_no_part_of_it() -> None:
    kept = probe_results("kept", *UP, "hanging", "hanging", *GONE)
    assert proven_down(kept, since=100.46) == pytest.approx((100.4, 100.55))
    # One that was asked before and not answered since may show the fault.
    assert proven_down(kept, since=100.45) == pytest.approx((100.3, 100.45))
    # A refusal is no stall: the target was down before it was broken.
    refused = probe_results("kept", *UP, "hanging", "refused", *GONE)
    assert proven_down(refused, since=100.46) == pytest.approx((100.2, 100.35))


def test_a_hang_of_a_second_before_the_fault_is_no_stall() -> None:
    hung = [ProbeResult(100.0, 101.0, KEPT, "hanging"), *probe_results("kept", *GONE, start=101.0)]
    assert proven_down(hung, since=101.01) == pytest.approx((100.0, 101.0))
    short = [ProbeResult(100.25, 101.0, KEPT, "hanging"), *probe_results("kept", *GONE, start=101.0)]
    assert proven_down(short, since=101.01) == pytest.approx((100.25, 101.05))


def test_one_late_answer_just_before_a_latency_is_no_part_of_it() -> None:
    late = Effect("late", added_s=0.3, usual_s={KEPT: 0.05})
    answers = [ProbeResult(100 + k, 100.4 + k, KEPT, "answered") for k in range(4)]
    assert proven_edge(late, answers, since=100.5) == pytest.approx((100.0, 101.4))


@pytest.mark.parametrize(
    ("end", "passed", "stall"),
    [(100.9375, False, True), (101.0, False, False), (102.9375, True, True), (103.0, True, False)],
)
def test_only_less_than_a_second_or_three_that_have_passed_may_be_a_stall(
    end: float, passed: bool, stall: bool
) -> None:
    first, answered = ProbeResult(100.0, 100.5, KEPT, "hanging"), ProbeResult(104.0, 104.1, KEPT, "answered")
    of_how: dict[How, bool] = {"hanging": stall, "answered": stall, "broken": False}
    for how, expected in of_how.items():
        part = [first, ProbeResult(100.5, end, KEPT, how)]
        assert may_be_a_stall(part, answered if passed else part[-1]) is expected


def test_a_connection_that_was_never_tried_is_named() -> None:
    nothing: dict[Connection, list[ProbeResult]] = {KEPT: [], NEW: []}
    assert not_down(nothing, 100.0) == ["the kept connection was never tried", "a new connection was never tried"]
