"""How long a question may take follows how quickly the target has answered."""

from health.patience import LONGEST_S, Patience


def test_a_quick_target_is_given_no_more_than_the_least() -> None:
    patience = Patience()
    for _ in range(5):
        patience.note("kept", 0.002, "answered")
        patience.note("new", 0.01, "answered")
    assert patience.limit(0.25) == 0.25


def test_a_slow_target_is_given_its_time_and_a_reopened_connection_that_of_a_new_one() -> None:
    patience = Patience()
    patience.note("new", 0.3, "answered")
    patience.note("kept", 0.1, "answered")
    assert patience.limit(0.25) == 1.5
    for _ in range(5):
        patience.note("new", 2.0, "answered")
    assert patience.limit(0.25) == LONGEST_S


def test_a_hiccup_and_an_outage_change_nothing() -> None:
    patience = Patience()
    for seconds in (0.01, 0.01, 3.0):
        patience.note("new", seconds, "answered")
    for _ in range(20):
        patience.note("kept", 0.25, "hanging")
    assert patience.limit(0.25) == 0.25


def test_before_the_first_answer_it_grows_by_what_hangs_alone() -> None:
    patience = Patience()
    limits = []
    for how in ("refused", "broken", "hanging", "hanging", "hanging", "hanging", "hanging"):
        limits.append(patience.limit(0.25))
        patience.note("new", 0.25, how)
    assert limits == [0.25, 0.25, 0.25, 0.5, 1.0, 2.0, 4.0]
    assert patience.limit(0.25) == LONGEST_S
