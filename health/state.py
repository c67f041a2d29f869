"""What a series of questions proves: the one rule of down and back, for monitor, watchdog and judge. Pure.

One question without an answer proves little: the machine may have been busy. A streak proves it. The edge itself is
bracketed by the last opposite observation and the first of the streak, so its width says how exactly it is known.

A target is down only when neither a connection from before is served any more nor a new one, and back only when both
are. The edge is that of the kept connection, which is asked most often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from health.replies import BROKEN, CONNECTIONS, KEPT, NEW, Connection, How, ProbeResult

# So many questions in a row without an answer, over at least so many seconds, prove that the target is down. On either
# connection: the kept one is asked 10 or 20 times a second, a new one 5 times.
DOWN_STREAK: Final = 3
DOWN_SECONDS: Final = 0.25
# So many answers in a row prove that it is back.
UP_STREAK: Final = 2

Edge = tuple[float, float]
"""[last opposite observation, first observation], epoch seconds."""


class Question(Protocol):
    """One question and whether it was answered; times in epoch seconds."""

    @property
    def asked(self) -> float:
        """When it was asked."""

    @property
    def answered(self) -> float:
        """When its answer or failure was known."""

    @property
    def ok(self) -> bool:
        """Whether it was answered."""


Results = Mapping[Connection, Sequence[ProbeResult]]
"""The results of each connection, in order."""


_Question = TypeVar("_Question", bound=Question)


@dataclass(frozen=True, slots=True)
class Proof:
    """That a target is down, or back.

    Attributes:
        edge: of the kept connection.
        seen: how each connection failed, for a target that is down; `answered` for one that is back.
    """

    edge: Edge
    seen: dict[Connection, How]


def unserved(streak: Sequence[Question]) -> bool:
    """Return whether questions in a row without an answer are enough to prove a connection down."""
    return len(streak) >= DOWN_STREAK and streak[-1].answered - streak[0].asked >= DOWN_SECONDS


def served(streak: Sequence[Question]) -> bool:
    """Return whether answers in a row are enough to prove a connection served."""
    return len(streak) >= UP_STREAK


def proven_down(observations: Sequence[Question], since: float) -> Edge | None:
    """Return the edge of an outage that began at or after `since`, None while it is not proven.

    The target was certainly up when it was last asked with success, and certainly down when the first question of the
    streak had failed or timed out.
    """
    streak = _trailing(observations, ok=False)
    if not unserved(streak) or streak[-1].asked < since:
        return None
    before = [seen for seen in observations[: len(observations) - len(streak)] if seen.ok]
    return (before[-1].asked if before else streak[0].asked, streak[0].answered)


def proven_up(observations: Sequence[Question], since: float) -> Edge | None:
    """Return the edge at which the target was back after `since`, None while it is not proven.

    It was certainly still away when the last question that got no answer was asked, and certainly back at the first
    answer.
    """
    streak = _trailing(observations, ok=True)
    if not served(streak) or streak[-1].asked < since:
        return None
    before = [seen for seen in observations[: len(observations) - len(streak)] if not seen.ok]
    return (before[-1].asked if before else streak[0].asked, streak[0].answered)


def target_down(seen: Results, since: float) -> Proof | None:
    """Return the proof that no connection is served any more, None while one of them may be."""
    edges = {connection: proven_down(seen[connection], since) for connection in CONNECTIONS}
    edge = edges[KEPT]
    if edge is None or None in edges.values():
        return None
    return Proof(edge, {connection: _failing(seen[connection]) for connection in CONNECTIONS})


def target_up(seen: Results, since: float) -> Proof | None:
    """Return the proof that both connections are served again, None while one of them may not be."""
    edges = {connection: proven_up(seen[connection], since) for connection in CONNECTIONS}
    edge = edges[KEPT]
    if edge is None or None in edges.values():
        return None
    return Proof(edge, {connection: seen[connection][-1].how for connection in CONNECTIONS})


def not_down(seen: Results, since: float) -> list[str]:
    """Return of each connection that is not proven down what was last seen of it, in words."""
    served_still = {KEPT: "a connection from before the fault is still served", NEW: "a new connection is served"}
    return [_last(c, seen[c], served_still[c]) for c in CONNECTIONS if proven_down(seen[c], since) is None]


def not_up(seen: Results, since: float) -> list[str]:
    """Return of each connection that is not proven back what was last seen of it, in words."""
    once = {c: f"{_named(c)} was answered, but not twice in a row" for c in CONNECTIONS}
    return [_last(c, seen[c], once[c]) for c in CONNECTIONS if proven_up(seen[c], since) is None]


def _last(connection: Connection, results: Sequence[ProbeResult], served_words: str) -> str:
    if not results:
        return f"{_named(connection)} was never tried"
    last = results[-1]
    if last.ok:
        return served_words
    return f"{_named(connection)} is {last.how}" + (f" ({last.detail})" if last.detail else "")


def _named(connection: Connection) -> str:
    return f"{'the kept' if connection == KEPT else 'a new'} connection"


def _failing(results: Sequence[ProbeResult]) -> How:
    """Return how the connection failed: `broken` when it was lost, even if opening another one is refused since."""
    hows = [one.how for one in _trailing(results, ok=False)]
    return BROKEN if results[-1].connection == KEPT and BROKEN in hows else hows[-1]


def _trailing(observations: Sequence[_Question], ok: bool) -> Sequence[_Question]:
    """Return the unbroken run of equal answers at the end of `observations`."""
    first = len(observations)
    while first and observations[first - 1].ok is ok:
        first -= 1
    return observations[first:]
