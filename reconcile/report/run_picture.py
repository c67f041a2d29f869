"""The picture of a run as SVG shapes: rates, latencies and errors on one time axis, outages as bands, losses as dots.

Pure geometry: values in, coordinates out; the template adds colours. No plotting library is used: none that is
maintained takes its colours from the page (light, dark, print), carries no script and gives the same bytes each time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from reconcile.history.joins import Floats
from reconcile.history.outages import Outage
from reconcile.report.text_format import duration
from runlog.fault_facts import FaultFacts

WIDTH: Final = 960
LEFT: Final = 64
RIGHT: Final = 16
_PLOT: Final = WIDTH - LEFT - RIGHT
_DOT: Final = 4
_MOST_DOTS: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel: CSS class, and the points of its polylines (gaps split it into several)."""

    style: str
    points: list[str]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: title, lines, upper bound of its axis as text, y of its top, height."""

    title: str
    lines: list[Line]
    highest: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Band:
    """One stage of an outage: x and width, CSS class, words."""

    x: float
    width: float
    style: str
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that the template draws.

    Attributes:
        panels: rate, latency, errors.
        dots: (x, y) of the dots, one for each lost event that fits into its column.
        merged: how many lost events do not fit.
        ticks: (x, text) of the time axis, seconds since the start.
    """

    panels: list[Panel]
    bands: list[Band]
    dots: list[tuple[float, float]]
    merged: int
    ticks: list[tuple[float, str]]
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    dots_top: int = 374
    dots_bottom: int = 430
    height: int = 462


def draw_run(
    timeline: list[dict[str, Any]], fault: FaultFacts, outages: list[Outage], lost_sent: Floats, started_at: float
) -> Picture | None:
    """Return the picture; None when no order fell due.

    Args:
        timeline: as `reconcile.analysis.rate.timeline` returns it.
        outages: in order.
        lost_sent: send times of the lost events, epoch seconds; NaN is left out.
        started_at: epoch seconds of second 0.
    """
    if not timeline:
        return None
    seconds = len(timeline)
    panels = [
        _panel("orders a second", timeline, ["due", "acknowledged", "delivered"], (24, 130), _count),
        _panel("latency by second", timeline, ["p95_latency_s", "p50_latency_s"], (184, 90), duration),
        _panel("orders not acknowledged, by second", timeline, ["errors"], (304, 40), _count),
    ]
    dots, merged = _dots(lost_sent[~np.isnan(lost_sent)] - started_at, seconds)
    return Picture(panels, _bands(fault, outages, started_at, seconds), dots, merged, _ticks(seconds))


def _x(second: float, seconds: int) -> float:
    return round(LEFT + _PLOT * min(max(second / seconds, 0.0), 1.0), 1)


def _panel(
    title: str,
    timeline: list[dict[str, Any]],
    keys: list[str],
    place: tuple[int, int],
    words: Callable[[float], str],
) -> Panel:
    top, height = place
    known = [second[key] for key in keys for second in timeline if second[key] is not None]
    highest = max([*known, 0.0]) or 1.0
    return Panel(
        title,
        [Line(key.replace("_", "-"), _points(timeline, key, highest, top, height)) for key in keys],
        words(highest),
        top,
        height,
    )


def _points(timeline: list[dict[str, Any]], key: str, highest: float, top: int, height: int) -> list[str]:
    """Return steps, one a second: a count over a second has no slope. Seconds without a value are gaps."""
    stretches: list[list[str]] = [[]]
    for second in timeline:
        value = second[key]
        if value is None:
            stretches.append([])
            continue
        y = round(top + height * (1 - value / highest), 1)
        begin, end = (_x(second["second"] + side, len(timeline)) for side in (0, 1))
        stretches[-1] += [f"{begin},{y}", f"{end},{y}"]
    return [" ".join(points) for points in stretches if points]


def _bands(fault: FaultFacts, outages: list[Outage], started_at: float, seconds: int) -> list[Band]:
    bands = []
    for outage in outages:
        begin, injected, healing, end = (min(edge - started_at, float(seconds)) for edge in outage.edges)
        target = outage.target or "target"
        for first, last, style, words in (
            (begin, injected, "stopping", f"{target} {fault.stages[0]}"),
            (injected, healing, "down", f"{target} proven {fault.state}"),
            (healing, end, "starting", f"{target} {fault.stages[1]}"),
        ):
            left, right = _x(first, seconds), _x(last, seconds)
            if right > left:
                bands.append(Band(left, round(right - left, 1), style, words))
    return bands


def _dots(since: Floats, seconds: int) -> tuple[list[tuple[float, float]], int]:
    """Return one dot a lost event, stacked in columns one dot wide, and how many do not fit into a full column."""
    room: dict[int, int] = {}
    dots, merged = [], 0
    for second in np.sort(since).tolist():
        column = int((_x(second, seconds) - LEFT) // _DOT)
        level = room.get(column, 0)
        room[column] = level + 1
        if level >= _MOST_DOTS:
            merged += 1
            continue
        dots.append((LEFT + column * _DOT + _DOT / 2, 428 - level * (_DOT + 0.5)))
    return dots, merged


def _ticks(seconds: int) -> list[tuple[float, str]]:
    step = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if seconds / step <= 12), 3600)
    return [(_x(second, seconds), str(second)) for second in range(0, seconds + 1, step)]


def _count(value: float) -> str:
    return f"{math.ceil(value)}"
