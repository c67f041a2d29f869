"""What a series of questions proves: the one rule of down, degraded and back, for monitor, watchdog and judge. Pure.

One question without an answer proves little: the machine may have been busy. A streak proves it. The edge itself is
bracketed by the last opposite observation and the first of the streak, so its width says how exactly it is known.

A target is down (or degraded: `health.effect`) only when a connection from before shows it and a new one does, and back
only when both are as usual. The edge is that of the kept connection, which is asked most often.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from health.effect import BACK_STREAK, STREAK_SECONDS, Effect, Results
from health.replies import ANSWERED, BROKEN, CONNECTIONS, HANGING, KEPT, NEW, WORDS, Connection, How, ProbeResult

# A machine that stands still answers no question in time, but refuses none: a shorter stall than this, in seconds, is
# not taken for a target that was down before its fault.
STALL_S: Final = 1.0
# After one that was over before the fault the target was up again; 1.4 s were measured on two burdened cores.
PASSED_STALL_S: Final = 3.0

Edge = tuple[float, float]
"""[last opposite observation, first observation], epoch seconds."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That a fault has its effect on a target, or that it is over.

    Attributes:
        edge: of the kept connection; of new ones where the effect may spare that.
        seen: how each connection failed, for a target that is down; `answered` for one that is back.
        measured: how strong the effect is, by connection, in the unit of `Effect.measure`; empty for `down` and back.
    """

    edge: Edge
    seen: dict[Connection, How]
    measured: dict[Connection, float] = field(default_factory=dict)


def proven_edge(effect: Effect, results: Sequence[ProbeResult], since: float) -> Edge | None:
    """Return the edge of an effect that one connection shows after `since`, None while it is not proven.

    The target certainly was as usual, but for a stall, when the question before the first that shows it was asked, and
    certainly not any more when the first had failed, or was answered. Before `since`, no fault caused it.
    """
    part = _showing(effect, results, since)
    if not part or part[-1].asked < since or not effect.is_proven_by(part):
        return None
    return _bracket(results, part)


def back_edge(effect: Effect, results: Sequence[ProbeResult], since: float) -> Edge | None:
    """Return the edge at which one connection was as usual again after `since`, None while that is not proven.

    The effect certainly was there when the last question that was not answered as usual was asked, and certainly over
    at the first answer as usual.
    """
    streak = _trailing(results, effect.is_usual)
    if effect.is_partial:  # it spares connections while it lasts, too
        streak = [one for one in streak if one.asked >= since]
    if not streak or len(streak) < effect.back_streak(streak[0].connection) or streak[-1].asked < since:
        return None
    return _bracket(results, streak)


def prove(effect: Effect, seen: Results, since: float) -> Proof | None:
    """Return the proof that the target has the effect on each connection that counts, None while it may not."""
    edges = [proven_edge(effect, seen[each], since) for each in effect.connections]
    if edges[0] is None or None in edges:
        return None
    parts = {each: _showing(effect, seen[each], since) for each in effect.connections}
    strengths = {each: effect.measure(part) for each, part in parts.items()} if effect.state == "degraded" else {}
    hows = {each: _how([one for one in part if effect.shows(one)]) for each, part in parts.items()}
    return Proof(edges[0], hows, {each: round(found, 6) for each, found in strengths.items() if found is not None})


def prove_back(effect: Effect, seen: Results, since: float) -> Proof | None:
    """Return the proof that each connection is as usual again, None while one of them may not be."""
    edges = {each: back_edge(effect, seen[each], since) for each in CONNECTIONS}
    edge = edges[effect.connections[0]]
    if edge is None or None in edges.values():
        return None
    return Proof(edge, dict.fromkeys(CONNECTIONS, ANSWERED))


def not_proven(effect: Effect, seen: Results, since: float) -> list[str]:
    """Return of each connection that does not show the effect what was last seen of it, in words."""
    served_still = {KEPT: "a connection from before the fault is still served", NEW: "a new connection is served"}

    def words(each: Connection) -> str:
        results = [one for one in seen[each] if one.asked >= since] or seen[each]
        if effect.kind == "late":
            return _late(effect, each, results)
        if effect.is_partial:
            return f"{sum(effect.shows(one) for one in results)} of {len(results)} probes {WORDS[each]} were reset"
        return served_still[each]

    missing = [each for each in effect.connections if proven_edge(effect, seen[each], since) is None]
    return [_last(each, seen[each], words, always=effect.is_partial) for each in missing]


def not_back(effect: Effect, seen: Results, since: float) -> list[str]:
    """Return of each connection that is not proven as usual again what was last seen of it, in words."""

    def words(each: Connection) -> str:
        if not effect.is_usual(seen[each][-1]):
            return _late(effect, each, seen[each][-1:])
        streak = effect.back_streak(each)
        times = "twice" if streak == BACK_STREAK else f"{streak} times"
        return f"{_named(each)} was answered, but not {times} in a row"

    return [_last(each, seen[each], words) for each in CONNECTIONS if back_edge(effect, seen[each], since) is None]


def proving_parts(effect: Effect, results: Sequence[ProbeResult]) -> Iterator[Sequence[ProbeResult]]:
    """Yield each part of the results of one connection that proves the effect, give or take chance."""
    if effect.is_partial:
        streaks = [_showing(effect, results, -math.inf)]
    else:
        streaks = [list(part) for shows, part in groupby(results, key=effect.shows) if shows]
    yield from (part for part in streaks if effect.is_proven_by(part, chance=True))


def may_be_a_stall(part: Sequence[ProbeResult], last: ProbeResult) -> bool:
    """Return whether results in a row may come from a busy machine alone: none failed, all were slow, not for long.

    Args:
        part: not empty; none of them was answered in usual time.
        last: of the results before the fault; when `part` does not end with it, the target was up again.
    """
    return all(one.how in {HANGING, ANSWERED} for one in part) and not _is_long_for_a_stall(part, last)


def _is_long_for_a_stall(part: Sequence[ProbeResult], last: ProbeResult) -> bool:
    limit = STALL_S if part[-1] is last else PASSED_STALL_S
    return part[-1].answered - part[0].asked >= limit


def stretches_without_prompt_answer(effect: Effect, results: Sequence[ProbeResult]) -> Iterator[Sequence[ProbeResult]]:
    """Yield each part of the results of one connection that is too long for a stall, and has no answer in usual time.

    Where a fault adds a delay, a probe may take so long that a target that is away makes one or two of them slow.

    Args:
        results: until the fault.
    """
    for slow, part in groupby(results, key=lambda one: not one.ok or effect.increase(one) >= STREAK_SECONDS):
        streak = list(part)
        if slow and _is_long_for_a_stall(streak, results[-1]):
            yield streak


def is_back_in(effect: Effect, results: Sequence[ProbeResult]) -> bool:
    """Return whether enough probes of one connection in a row were answered as usual."""
    streaks = (list(part) for usual, part in groupby(results, key=effect.is_usual) if usual)
    return any(len(streak) >= effect.back_streak(streak[0].connection) for streak in streaks)


def _showing(effect: Effect, results: Sequence[ProbeResult], since: float) -> Sequence[ProbeResult]:
    """Return the results at the end that show the effect; of a partial one all since the first that does.

    A stall that was over before `since`, when the fault did not exist yet, is no part of it.
    """
    if not effect.is_partial:
        part = _trailing(results, effect.shows)
        early = [one for one in part if one.answered < since]
        return part[len(early) :] if early and may_be_a_stall(early, early[-1]) else part
    first = (place for place, one in enumerate(results) if one.asked >= since and effect.shows(one))
    return results[next(first, len(results)) :]


def _late(effect: Effect, connection: Connection, results: Sequence[ProbeResult]) -> str:
    """Return in words how late the answers of one connection of a degraded target come."""
    return f"{_named(connection)} is answered {effect.measured(results)} {effect.unit}"


def _bracket(results: Sequence[ProbeResult], part: Sequence[ProbeResult]) -> Edge:
    before = results[: len(results) - len(part)][-1:]
    return ((before or part)[0].asked, part[0].answered)


def _last(
    connection: Connection,
    results: Sequence[ProbeResult],
    words: Callable[[Connection], str],
    *,
    always: bool = False,
) -> str:
    """Return what was last seen of a connection: `words` of one that was answered, or `always`; else how it failed."""
    if not results:
        return f"{_named(connection)} was never tried"
    last = results[-1]
    if last.ok or always:
        return words(connection)
    return f"{_named(connection)} is {last.how}" + (f" ({last.detail})" if last.detail else "")


def _named(connection: Connection) -> str:
    return f"{'the kept' if connection == KEPT else 'a new'} connection"


def _how(part: Sequence[ProbeResult]) -> How:
    """Return how the connection failed: `broken` when it was lost, even if opening another one is refused since."""
    hows = [one.how for one in part]
    return BROKEN if part[-1].connection == KEPT and BROKEN in hows else hows[-1]


def _trailing(results: Sequence[ProbeResult], holds: Callable[[ProbeResult], bool]) -> Sequence[ProbeResult]:
    """Return the unbroken run at the end of `results` for which `holds` is true."""
    first = len(results)
    while first and holds(results[first - 1]):
        first -= 1
    return results[first:]
