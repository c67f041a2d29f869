"""Degraded targets: answers that come late, connections that are reset; proven, held, near misses, and back."""

from itertools import count, islice

import pytest

from health.effect import DOWN, Effect, milliseconds
from health.replies import KEPT, NEW, Connection, How, ProbeResult
from health.state import (
    back_edge,
    is_back_in,
    not_back,
    not_proven,
    prove,
    prove_back,
    proven_edge,
    proving_parts,
    stretches_without_prompt_answer,
)

LATE = Effect("late", added_s=0.3, usual_s={KEPT: 0.002, NEW: 0.006})
HALF = Effect("reset", share=0.5)
ALL = Effect("reset")


def took(connection: Connection, *seconds: float, start: float = 100.0, every: float = 0.1) -> list[ProbeResult]:
    """Probes that are answered after so many seconds each; the next is asked when one is answered."""
    results, at = list[ProbeResult](), start
    for one in seconds:
        results.append(ProbeResult(at, at + one, connection, "answered"))
        at += max(one, every)
    return results


def how(connection: Connection, *hows: How, start: float = 100.0) -> list[ProbeResult]:
    """A probe each 0.1 s, settled 10 ms later."""
    return [ProbeResult(start + k / 10, start + k / 10 + 0.01, connection, one) for k, one in enumerate(hows)]


def both(effect: Effect, kept: list[ProbeResult], new: list[ProbeResult]) -> dict[Connection, list[ProbeResult]]:
    del effect
    return {KEPT: kept, NEW: new}


def mixed(resets: int, of: int) -> tuple[How, ...]:
    """So many of so many new connections are reset, spread evenly."""
    return tuple("broken" if (k + 1) * resets // of > k * resets // of else "answered" for k in range(of))


# -- late -------------------------------------------------------------------------------------------------------------


def test_answers_that_are_late_by_what_was_asked_prove_it_and_bracket_its_edge() -> None:
    kept = took(KEPT, 0.002, 0.002, 0.302, 0.31, 0.298)
    new = took(NEW, 0.006, 0.61)
    proof = prove(LATE, both(LATE, kept, new), 100.1)
    assert proof is not None
    assert proof.edge == pytest.approx((100.1, 100.502))
    assert proof.seen == {"kept": "answered", "new": "answered"}
    assert proof.measured == pytest.approx({"kept": 0.3, "new": 0.604})
    assert not_proven(LATE, both(LATE, kept, new), 100.1) == []


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ((0.152,) * 10, "150 ms later than usual"),  # half of what was asked
        ((0.002,) * 10, "0 ms later than usual"),  # nothing at all
        ((0.452,) * 10, "450 ms later than usual"),  # half as much again
        ((0.302, 0.302), "300 ms later than usual"),  # too few
        ((0.302, 0.302, 0.002, 0.302, 0.302), "300 ms later than usual"),  # never three in a row
    ],
)
def test_other_answers_prove_no_latency(kept: tuple[float, ...], why: str) -> None:
    seen = both(LATE, took(KEPT, *kept), took(NEW, 0.61))
    assert prove(LATE, seen, 100.0) is None
    assert not_proven(LATE, seen, 100.0) == [f"the kept connection is answered {why}"]


def test_a_new_connection_that_is_as_quick_as_ever_proves_no_latency() -> None:
    seen = both(LATE, took(KEPT, *(0.302,) * 4), took(NEW, *(0.006,) * 6))
    assert prove(LATE, seen, 100.0) is None
    assert not_proven(LATE, seen, 100.0) == ["a new connection is answered 0 ms later than usual"]


def test_a_target_that_does_not_answer_is_not_late() -> None:
    seen = both(LATE, how(KEPT, *("hanging",) * 9), how(NEW, *("refused",) * 9))
    assert prove(LATE, seen, 100.0) is None
    assert not_proven(LATE, seen, 100.0) == ["the kept connection is hanging", "a new connection is refused"]


def test_a_single_answer_may_miss_the_latency_by_the_jitter_but_not_their_median() -> None:
    shaky = Effect("late", added_s=0.3, jitter_s=0.1, usual_s={KEPT: 0.0, NEW: 0.0})
    assert shaky.strength == "300 ms ± 100 ms"
    assert proven_edge(shaky, took(KEPT, 0.21, 0.39, 0.3), 100.0)
    assert proven_edge(shaky, took(KEPT, 0.21, 0.22, 0.2), 100.0) is None
    assert not shaky.shows(took(KEPT, 0.13)[0])


def test_the_median_of_few_answers_may_miss_the_latency_by_what_chance_makes_of_the_jitter() -> None:
    shaky = Effect("late", added_s=0.3, jitter_s=0.15, usual_s={KEPT: 0.0})
    inside, outside = took(KEPT, *(0.41,) * 14), took(KEPT, *(0.42,) * 14)
    assert [shaky.in_bounds(results, chance=True) for results in (inside, outside)] == [True, False]
    assert list(proving_parts(shaky, inside))
    assert not shaky.in_bounds(inside), "not while it is being proven"
    assert proven_edge(shaky, inside, 100.0) is None
    assert not shaky.in_bounds(took(KEPT, *(0.41,) * 100), chance=True), "chance is out"
    exact = Effect("late", added_s=0.3, usual_s={KEPT: 0.0})
    assert not exact.in_bounds(inside, chance=True)


def test_what_is_late_by_the_tolerance_is_late_and_not_by_less() -> None:
    exact = Effect("late", added_s=1.25, usual_s={KEPT: 0.0})
    assert [exact.shows(one) for one in took(KEPT, 1.0, 0.99, start=0.0)] == [True, False]
    assert [exact.is_usual(one) for one in took(KEPT, 0.25, 0.26, start=0.0)] == [True, False]
    assert exact.in_bounds(took(KEPT, 1.5, 1.5, 1.5, start=0.0))
    assert not exact.in_bounds(took(KEPT, 1.51, 1.51, 1.51, start=0.0))
    (under_way,) = took(KEPT, 9.0, start=0.0)
    assert [exact.must_show(under_way, 0.0, end) for end in (1.0, 0.99)] == [True, False]


def test_a_single_result_is_in_bounds_by_itself() -> None:
    assert LATE.in_bounds(took(KEPT, 0.302))
    assert not LATE.in_bounds(took(KEPT, 0.902))
    assert LATE.in_bounds(took(NEW, 0.902))


def test_a_probe_that_was_under_way_for_long_enough_must_show_it() -> None:
    slow = took(NEW, 1.2, start=100.0)[0]
    assert LATE.must_show(slow, 100.5, 101.5)
    assert LATE.must_show(slow, 100.5, 101.0), "settled after the end, yet long under way by then"
    assert not LATE.must_show(slow, 100.1, 100.2), "it had begun too late to be late by the end"
    assert not LATE.must_show(slow, 101.3, 102.0), "it was settled before"
    assert not DOWN.must_show(slow, 100.5, 101.0)


def test_it_is_over_when_two_answers_in_a_row_are_as_usual_on_both_connections() -> None:
    kept, new = took(KEPT, 0.302, 0.15, 0.004, 0.003), took(NEW, 0.6, 0.008, 0.007)
    proof = prove_back(LATE, both(LATE, kept, new), 100.0)
    assert proof is not None
    assert proof.edge == pytest.approx((100.302, 100.456))
    assert proof.measured == {}
    halfway = both(LATE, took(KEPT, 0.302, 0.15, 0.15, 0.15), new)
    assert prove_back(LATE, halfway, 100.0) is None
    assert not_back(LATE, halfway, 100.0) == ["the kept connection is answered 148 ms later than usual"]
    once = both(LATE, kept[:-1], new)
    assert not_back(LATE, once, 100.0) == ["the kept connection was answered, but not twice in a row"]
    late_again = both(LATE, took(KEPT, 0.302, 0.003, 0.003, 0.302), new)
    assert not_back(LATE, late_again, 100.0) == ["the kept connection is answered 300 ms later than usual"]


def test_only_answers_since_the_fault_say_how_late_they_come_unless_there_are_none() -> None:
    kept, new = took(KEPT, *(0.002,) * 9, *(0.152,) * 4), took(NEW, *(0.006,) * 9, 0.61)
    assert not_proven(LATE, both(LATE, kept, new), 100.85) == [
        "the kept connection is answered 150 ms later than usual"
    ]
    before = both(LATE, kept[:9], new)
    assert not_proven(LATE, before, 100.85) == ["the kept connection is answered 0 ms later than usual"]


def test_without_a_usual_time_an_answer_is_late_by_all_that_it_took() -> None:
    assert Effect("late", added_s=0.3).increase(took(KEPT, 0.25, start=0.0)[0]) == 0.25


def test_slow_answers_are_a_stretch_from_a_quarter_of_a_second_each_and_three_seconds_in_all() -> None:
    exact = Effect("late", added_s=1.25, usual_s={KEPT: 0.0})
    slow = took(KEPT, 0.125, *(0.25,) * 12, 0.125, *(0.25,) * 11, 0.125, *(0.25,) * 3, start=0.0)
    assert list(stretches_without_prompt_answer(exact, slow)) == [slow[1:13]]


def test_slow_answers_until_the_fault_are_a_stretch_from_a_second_in_all() -> None:
    exact = Effect("late", added_s=1.25, usual_s={KEPT: 0.0})
    slow = took(KEPT, *(0.25,) * 4, 0.125, *(0.25,) * 4, start=0.0)
    assert list(stretches_without_prompt_answer(exact, slow)) == [slow[5:]]


def test_the_usual_time_is_the_median_of_the_answers() -> None:
    results: dict[Connection, list[ProbeResult]] = {
        KEPT: [*took(KEPT, 0.001, 0.002, 0.9), *how(KEPT, "hanging")],
        NEW: how(NEW, "refused"),
    }
    assert LATE.after(results).usual_s == pytest.approx({KEPT: 0.002})


# -- reset ------------------------------------------------------------------------------------------------------------


def test_all_connections_reset_are_proven_like_a_target_that_is_down() -> None:
    kept, new = how(KEPT, "answered", "broken", "hanging", "refused", "broken"), how(NEW, *("broken",) * 4)
    proof = prove(ALL, both(ALL, kept, new), 100.0)
    assert proof is not None
    assert (proof.seen, proof.measured) == ({"kept": "broken", "new": "broken"}, {"kept": 1.0, "new": 1.0})
    assert proof.edge == pytest.approx((100.0, 100.11))
    hung = both(ALL, kept, how(NEW, *("hanging",) * 4))
    assert prove(ALL, hung, 100.0) is None, "a network that drops packets resets nothing"
    spared = both(ALL, how(KEPT, *("answered",) * 5), new)
    assert not_proven(ALL, spared, 100.0) == ["a connection from before the fault is still served"]
    assert (ALL.strength, HALF.strength) == ("all connections", "50 % of connections")


def test_half_of_the_new_connections_prove_a_share_of_a_half_and_the_kept_one_may_be_spared() -> None:
    kept, new = how(KEPT, *("answered",) * 30), how(NEW, "answered", "answered", *mixed(20, 40))
    proof = prove(HALF, both(HALF, kept, new), 100.0)
    assert proof is not None
    assert proof.seen == {"new": "broken"}
    assert proof.measured == {"new": 0.512821}, "rounded: 20 of 39"
    assert proof.edge == pytest.approx((100.2, 100.31))


@pytest.mark.parametrize("resets", [0, 9, 30, 39])
def test_another_share_proves_none_of_a_half(resets: int) -> None:
    seen = both(HALF, how(KEPT, *("answered",) * 30), how(NEW, *mixed(resets, 39)))
    assert prove(HALF, seen, 100.0) is None
    assert not_proven(HALF, seen, 100.0) == [f"{resets} of 39 probes on a new connection were reset"]


def test_a_share_needs_so_many_connections_that_chance_is_out() -> None:
    tenth = Effect("reset", share=0.1)
    assert [effect.back_streak(NEW) for effect in (HALF, tenth, ALL, LATE, DOWN)] == [10, 66, 2, 2, 2]
    assert [effect.back_streak(KEPT) for effect in (HALF, tenth, ALL, LATE, DOWN)] == [2, 2, 2, 2, 2]
    spread: tuple[How, ...] = ("broken", "answered") * 18
    assert proven_edge(HALF, how(NEW, *spread), 100.0) is not None
    assert proven_edge(HALF, how(NEW, *spread[:-1]), 100.0) is None
    assert [HALF.in_bounds(how(NEW, *mixed(resets, 36))) for resets in (27, 28)] == [True, False]
    quiet = how(NEW, "broken", *("answered",) * 9)
    assert back_edge(HALF, quiet, 100.0) is None
    assert back_edge(HALF, [*quiet, *how(NEW, "answered", start=101.0)], 100.0) == pytest.approx((100.0, 100.11))


def test_a_share_is_over_when_as_many_new_connections_are_answered_after_it_was_healed() -> None:
    """Those that it had spared before prove nothing, and the kept one may be a single connection that it spared."""
    new = how(NEW, "broken", *("answered",) * 12)
    assert back_edge(HALF, new, 100.45) is None
    assert [back_edge(HALF, new, new[place].asked) is not None for place in (3, 4)] == [True, False]
    longer = [*new, *how(NEW, *("answered",) * 2, start=101.3)]
    assert back_edge(HALF, longer, 100.45) == pytest.approx((100.4, 100.51))
    few = {KEPT: how(KEPT, *("answered",) * 2, start=101.3), NEW: longer}
    assert prove_back(HALF, few, 100.45) is not None
    assert is_back_in(HALF, few[KEPT])
    assert not_back(HALF, {KEPT: few[KEPT], NEW: new}, 100.45) == [
        "a new connection was answered, but not 10 times in a row"
    ]


def test_resets_before_the_fault_count_for_no_share() -> None:
    early = how(NEW, *mixed(20, 40), *("answered",) * 11)
    assert proven_edge(HALF, early, 104.0) is None
    assert not is_back_in(HALF, early[:42])
    assert is_back_in(HALF, early)


def test_a_share_is_proven_by_all_results_since_the_first_reset() -> None:
    parts = list(proving_parts(HALF, how(NEW, "answered", *mixed(20, 40))))
    assert [len(part) for part in parts] == [39]
    assert not list(proving_parts(HALF, []))
    assert not list(proving_parts(HALF, how(NEW, *("answered",) * 40)))


def test_nearly_every_connection_is_proven_reset_by_three_of_them() -> None:
    nearly = Effect("reset", share=0.95)
    assert list(proving_parts(nearly, how(NEW, "broken", "broken", "broken")))
    assert not list(proving_parts(nearly, how(NEW, "broken", "broken")))


def test_the_words_of_each_state() -> None:
    assert [effect.state for effect in (DOWN, LATE, ALL, HALF)] == ["down", "degraded", "degraded", "degraded"]
    assert [effect.strength for effect in (DOWN, LATE)] == ["", "300 ms"]
    assert [effect.awaited for effect in (DOWN, LATE, HALF, ALL)] == [
        "to stop answering",
        "to be degraded (300 ms later than usual)",
        "to be degraded (50 % of connections reset)",
        "to be degraded (all connections reset)",
    ]
    assert [effect.stronger for effect in (DOWN, LATE, HALF, ALL)] == [
        "",
        "a higher latency",
        "a larger share of resets",
        "",
    ]
    assert [milliseconds(seconds) for seconds in (0.0, 9.999, 10.0, 12.4)] == ["0 ms", "9999 ms", "10 s", "12 s"]
    assert list(islice(count(LATE.slowest_s), 1)) == [0.3]


def test_what_was_measured_is_said_like_what_was_asked_for_but_without_the_jitter() -> None:
    shaky = Effect("late", added_s=0.3, jitter_s=0.1, usual_s={KEPT: 0.002})
    assert shaky.measured(took(KEPT, 0.252, 0.202, 0.902)) == "250 ms"
    assert shaky.measured(took(KEPT, 0.001)) == "0 ms", "an answer that comes before its time is not late"
    assert HALF.measured(how(NEW, "broken", "answered", "answered")) == "33.3 % of connections"
    assert HALF.measured(how(NEW, "broken", "broken")) == "all connections"
    assert DOWN.measured(how(NEW, "refused")) == ""
    assert shaky.measured(how(KEPT, "hanging")) == HALF.measured([]) == "unknown"
