"""Draws a chart as SVG text. Pure geometry; `look.css` adds the colours, so they follow light, dark and print.

No plotting library is used: none that is maintained takes its colours from the page, carries no script and gives the
same bytes each time.
"""

import json
import math
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from look.axis import Scale, time_ticks, top_of
from look.chart import Area, Band, Chart, Dots, Line, Panel, Values
from look.words import amount, moment

WIDE: Final = 960
NARROW: Final = 358
"""Widths in pixels: for a desk and for a telephone, each drawn by itself so that no text shrinks."""
_LEFT: Final = 56
_RIGHT: Final = 10
_TOP: Final = 22
_BETWEEN: Final = 34
_BELOW: Final = 40
_DOT: Final = 4
_MOST_DOTS: Final = 12
_DOTS_HEIGHT: Final = 56
_LETTER: Final = 6.6
_LINE_HEIGHT: Final = 14


def draw(chart: Chart, width: int = WIDE) -> str:
    """Return the chart as an `<svg>` element, `width` pixels wide."""
    time = Scale(chart.seconds, _LEFT, width - _RIGHT)
    tops, bottom = _tops(chart)
    parts = [f"<title>{escape(chart.title)}</title><desc>{escape(chart.description)}</desc>"]
    parts += _bands(chart, time, bottom)
    for panel, top in zip(chart.panels, tops, strict=True):
        parts += _panel(panel, time, top, first=panel is chart.panels[0])
    if chart.dots is not None:
        parts += _dots(chart.dots, time, bottom)
    parts += _phases(chart, time)
    parts += _time_axis(chart.seconds, time, bottom)
    parts.append(f'<line class="cursor" x1="0" x2="0" y1="{_TOP}" y2="{bottom}" visibility="hidden"/>')
    reading = escape(json.dumps(_reading(chart, time), separators=(",", ":"), ensure_ascii=False))
    return (
        f'<svg viewBox="0 0 {width} {bottom + _BELOW}" width="{width}" height="{bottom + _BELOW}" role="img" '
        f'aria-label="{escape(chart.title)}" data-reading="{reading}">{"".join(parts)}</svg>'
    )


def _tops(chart: Chart) -> tuple[list[int], int]:
    tops, at = [], _TOP
    for panel in chart.panels:
        tops.append(at)
        at += panel.height + _BETWEEN
    return tops, at - _BETWEEN + (_DOTS_HEIGHT + _BETWEEN if chart.dots is not None else 0)


def _bands(chart: Chart, time: Scale, bottom: int) -> Iterator[str]:
    for band in chart.bands:
        left, right = time(band.begin_s), time(band.end_s)
        if right > left:
            box = f'x="{left}" y="{_TOP}" width="{round(right - left, 1)}" height="{bottom - _TOP}"'
            yield f'<rect class="{band.style}" {box}><title>{escape(band.words)}</title></rect>'


def _phases(chart: Chart, time: Scale) -> Iterator[str]:
    for phase in chart.phases:
        left, right = time(phase.begin_s), time(phase.end_s)
        if right - left >= _LETTER * len(phase.words) + 8:
            yield _text(left + 4, _TOP - 7, phase.words, "phase")
        yield f'<line class="axis" x1="{left}" x2="{left}" y1="{_TOP - 18}" y2="{_TOP}"/>'
    yield from _band_words(chart.bands, time)


def _band_words(bands: tuple[Band, ...], time: Scale) -> Iterator[str]:
    for band in bands:
        left, right = time(band.begin_s), time(band.end_s)
        if right - left >= _LETTER * len(band.words) + 8:
            yield _text(left + 4, _TOP + _LINE_HEIGHT, band.words, "band")


def _panel(panel: Panel, time: Scale, top: int, *, first: bool) -> Iterator[str]:
    highest = max([panel.at_least, *(value for line in panel.lines for value in line.values if value is not None)])
    scale = Scale(top_of(highest), top + panel.height, top)
    right = time.end
    if not first:
        yield _text(time.begin, top - 7, panel.title, "title")
    for share in (1.0, 0.5, 0.0) if panel.height >= 80 else (1.0, 0.0):
        y = scale(scale.highest * share)
        yield f'<line class="{"axis" if share == 0 else "grid"}" x1="{time.begin}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield _text(time.begin - 6, y + 4, amount(scale.highest * share, panel.unit), "number", "end")
    for area in panel.areas:
        yield from _area(area, panel.step_s, time, scale)
    for line in panel.lines:
        for points in _stretches(line, panel, time, scale):
            yield f'<polyline class="{line.style}" points="{points}"/>'
    for area in panel.areas:
        yield from _area_words(area, panel.step_s, time, scale)


def _stretches(line: Line, panel: Panel, time: Scale, scale: Scale) -> Iterator[str]:
    """Yield the points of the line's polylines: one for each stretch of known values."""
    points: list[str] = []
    for number, value in enumerate([*line.values, None]):
        if value is not None:
            begin = time(number * panel.step_s)
            points.append(f"{begin},{scale(value)}")
            if panel.stepped:
                points.append(f"{time((number + 1) * panel.step_s)},{scale(value)}")
        elif points:
            yield " ".join(points)
            points = []


def _area(area: Area, step_s: float, time: Scale, scale: Scale) -> Iterator[str]:
    known = _known(area)
    if not known:
        return
    there = [f"{time(number * step_s)},{scale(upper)}" for number, upper, _ in known]
    back = [f"{time(number * step_s)},{scale(lower)}" for number, _, lower in reversed(known)]
    yield f'<polygon class="{area.style}" points="{" ".join([*there, *back])}"/>'


def _area_words(area: Area, step_s: float, time: Scale, scale: Scale) -> Iterator[str]:
    """Yield the words where the area is highest; one too low for them has them above itself, if it lasts to its end."""
    known = _known(area)
    if not area.words or not known:
        return
    number, upper, lower = max(known, key=lambda one: (one[1] - one[2], one[0]))
    x, above, below = time(number * step_s), scale(upper), scale(lower)
    inside = below - above >= _LINE_HEIGHT + 4
    if not inside and number != known[-1][0]:
        return
    y = round((above + below) / 2 + 5 if inside else max(above - 6, _TOP + 11.0), 1)
    fits = x - 8 - 1.25 * _LETTER * len(area.words) >= time.begin
    x, anchor = (x - 8, "end") if fits else (time.begin + 6, "start")
    yield _text(x, y, area.words, f"words {area.style}-words", anchor)


def _known(area: Area) -> list[tuple[int, float, float]]:
    pairs = enumerate(zip(area.upper, area.lower, strict=True))
    return [(number, upper, lower) for number, (upper, lower) in pairs if upper is not None and lower is not None]


def _dots(dots: Dots, time: Scale, bottom: int) -> Iterator[str]:
    """Yield one dot a moment, stacked in columns one dot wide, and how many do not fit into a full column."""
    room: dict[int, int] = {}
    style, merged = ' class="doubtful"' if dots.doubtful else "", 0
    for moment_s in sorted(at for at in dots.moments if not math.isnan(at)):
        column = min(int((time(moment_s) - time.begin) // _DOT), int((time.end - time.begin) // _DOT) - 1)
        level = room.get(column, 0)
        room[column] = level + 1
        if level >= _MOST_DOTS:
            merged += 1
            continue
        x, y = time.begin + column * _DOT + _DOT / 2, bottom - 2 - level * (_DOT + 0.5)
        yield f'<circle{style} cx="{x:g}" cy="{y:g}" r="1.9"/>'
    more = f", {merged} not drawn" if merged else ""
    titles = (f"{dots.what}{by}, one dot each{more}" for by in (" by send time", ""))
    title = next((one for one in titles if _LETTER * len(one) <= time.end - time.begin), f"one dot each{more}")
    yield _text(time.begin, bottom - _DOTS_HEIGHT - 5, title, "title")


def _time_axis(seconds: float, time: Scale, bottom: int) -> Iterator[str]:
    yield f'<line class="axis" x1="{time.begin}" x2="{time.end}" y1="{bottom}" y2="{bottom}"/>'
    most = int((time.end - time.begin) // 72)
    for second in time_ticks(seconds, max(most, 2)):
        x = time(second)
        yield f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>'
        if x <= time.end - 12:
            yield _text(x, bottom + 18, moment(second), "number", "middle")
    yield _text(time.end, bottom + 35, "since the start of the run", "number", "end")


def _reading(chart: Chart, time: Scale) -> dict[str, Any]:
    """Return what `figure.js` needs to say the values at a moment."""
    return {
        "left": time.begin,
        "right": time.end,
        "seconds": chart.seconds,
        "step": min((panel.step_s for panel in chart.panels), default=1.0),
        "rows": [
            [line.words, panel.step_s, panel.unit, _rounded(line.values)]
            for panel in chart.panels
            for line in panel.lines
        ],
        "bands": [
            [band.begin_s, band.end_s if math.isfinite(band.end_s) else None, band.words]
            for band in chart.bands
            if math.isfinite(band.begin_s)
        ],
        "phases": [[phase.begin_s, phase.end_s, phase.words] for phase in chart.phases],
    }


def _rounded(values: Values) -> list[float | None]:
    return [None if value is None else int(value) if value == int(value) else round(value, 4) for value in values]


def _text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
