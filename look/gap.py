"""The panels that the pictures of runs share: the gap, latencies, errors."""

from collections.abc import Sequence
from typing import Final

from look.chart import Area, Line, Panel, Values

TITLES: Final = {
    "acknowledged": "Orders acknowledged, and those of them that are in Kafka",
    "provoked": "Orders that were rolled back, and their events in Kafka",
}
"""Heading of the picture of a gap, by the outcome of the orders in it."""


def gap_panel(
    title: str,
    step_s: float,
    *,
    answered: Sequence[int],
    with_event: Sequence[int],
    waiting: Sequence[int],
    missing_words: str,
    waiting_words: str,
    proven: bool = True,
) -> Panel:
    """Return orders acknowledged against those of them with their event: amber where these wait, red where none comes.

    Args:
        answered, with_event, waiting: cumulative counts at moments `step_s` seconds apart; `waiting`: how many of the
            orders without an event are amber.
        missing_words, waiting_words: written into the red and the amber area.
        proven: whether those without an event are known to have none; they are amber too where that is in doubt.
    """
    edge = [events + amber for events, amber in zip(with_event, waiting, strict=True)]
    lines = (
        Line("acknowledged", "acknowledged", answered),
        Line("delivered", "acknowledged and in Kafka", with_event),
    )
    areas = (
        Area("waiting", edge, with_event, waiting_words),
        Area("missing" if proven else "waiting", answered, edge, missing_words),
    )
    return Panel(title, lines, step_s, 240, areas=areas)


def phantom_panel(
    title: str, step_s: float, *, provoked: Sequence[int], with_event: Sequence[int], words: str
) -> Panel:
    """Return orders that were rolled back against their events, which are phantoms: red up to their number."""
    lines = (
        Line("provoked", "orders rolled back", provoked),
        Line("phantom", "their events in Kafka", with_event),
    )
    return Panel(title, lines, step_s, 240, areas=(Area("missing", with_event, [0] * len(with_event), words),))


def latency_panel(middle: Values, slow: Values, step_s: float = 1.0) -> Panel:
    """Return median and 95th percentile of the latency by steps of time, in seconds."""
    lines = (Line("p95", "95th percentile", slow), Line("p50", "median", middle))
    return Panel("latency", lines, step_s, 70, "seconds", stepped=True)


def errors_panel(errors: Values, step_s: float = 1.0) -> Panel:
    """Return the orders that were not acknowledged, by steps of time."""
    words = "errors" + ("" if step_s == 1.0 else f", by {step_s:g} s")
    return Panel(words, (Line("errors", "errors", errors),), step_s, 40, stepped=True)
