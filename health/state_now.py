"""In which state a target is now, by the rule of `health.state`: what people are shown while a run goes on. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from health.effect import Effect, Results
from health.replies import CONNECTIONS, WORDS
from health.state import not_back, prove, prove_back

RECENT_S: Final = 1.5
"""So long after the next answer was due, the last ones say nothing of now. It is due as long after the last as that one
took: a target that is late, or hangs until the limit of a question, is asked as rarely."""

Word = Literal["up", "down", "degraded", "unknown"]


@dataclass(frozen=True, slots=True)
class StateNow:
    """The state of a target.

    Attributes:
        how: how it was seen, in words.
        seen_at: epoch seconds of the last answer or failure; None before the first.
    """

    word: Word
    how: str
    seen_at: float | None


def state_now(effect: Effect, seen: Results, now: float, since: float) -> StateNow:
    """Return the state of a target.

    Args:
        effect: that of the run's fault: only what it makes of the target is told apart from its being up.
        seen: the results of each connection.
        now: epoch seconds.
        since: when injection, or healing, last began: a share of resets is counted from there.
    """
    latest = [results[-1] for results in seen.values() if results]
    last = max((one.answered for one in latest), default=None)
    took = max((one.answered - one.asked for one in latest), default=0.0)
    if last is None or now - last > RECENT_S + took:
        return StateNow("unknown", f"no probe was answered or failed in the last {RECENT_S + took:.1f} s", last)
    recent = since if effect.is_partial else now - RECENT_S - 2 * took
    if proof := prove(effect, seen, recent):
        word: Word = "down" if effect.state == "down" else "degraded"
        strengths = {each: effect.strength_of(found) for each, found in proof.measured.items()}
        parts = [
            f"{strengths[each]} {effect.unit} {WORDS[each]}" if each in strengths else f"{how} {WORDS[each]}"
            for each, how in proof.seen.items()
        ]
        return StateNow(word, ", ".join(parts), last)
    if prove_back(effect, seen, recent):
        return StateNow("up", "answers on the kept connection and on new ones", last)
    return StateNow("unknown", "; ".join(not_back(effect, {each: seen[each] for each in CONNECTIONS}, recent)), last)
