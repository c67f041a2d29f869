"""What a series of lookout observations proves: pure judgement of "down" and "back".

One question without an answer proves little: the machine may have been busy. A streak proves it. The edge itself is
bracketed by the last opposite observation and the first of the streak, so its width says how exactly it is known.
"""

from collections.abc import Sequence
from typing import Final

from runlog.offsets import Observation

# So many questions in a row without an answer, over at least so many seconds, prove that the broker is down.
DOWN_STREAK: Final = 3
DOWN_SECONDS: Final = 0.25
# So many answers in a row prove that it is back.
UP_STREAK: Final = 2

Edge = tuple[float, float]
"""[last opposite observation, first observation], epoch seconds."""


def proven_down(observations: Sequence[Observation], since: float) -> Edge | None:
    """Return the edge of an outage that began at or after `since`, None while it is not proven.

    The broker was certainly up when it was last asked with success, and certainly down when the first question of the
    streak had waited its whole time in vain.
    """
    streak = _trailing(observations, ok=False)
    if len(streak) < DOWN_STREAK or streak[-1].answered - streak[0].asked < DOWN_SECONDS:
        return None
    if streak[-1].asked < since:
        return None
    before = [seen for seen in observations[: len(observations) - len(streak)] if seen.ok]
    return (before[-1].asked if before else streak[0].asked, streak[0].answered)


def proven_up(observations: Sequence[Observation], since: float) -> Edge | None:
    """Return the edge at which the broker was back after `since`, None while it is not proven.

    It was certainly still away when the last question that got no answer was asked, and certainly back at the first
    answer.
    """
    streak = _trailing(observations, ok=True)
    if len(streak) < UP_STREAK or streak[-1].asked < since:
        return None
    before = [seen for seen in observations[: len(observations) - len(streak)] if not seen.ok]
    return (before[-1].asked if before else streak[0].asked, streak[0].answered)


def _trailing(observations: Sequence[Observation], ok: bool) -> Sequence[Observation]:
    """Return the unbroken run of equal answers at the end of `observations`."""
    first = len(observations)
    while first and observations[first - 1].ok is ok:
        first -= 1
    return observations[first:]
