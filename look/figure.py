"""A chart with its legend and the line that reads its values at a moment, as HTML."""

from html import escape

from look.chart import Chart
from look.svg import NARROW, WIDE, draw


def figure(chart: Chart) -> str:
    """Return the chart as a `<figure>`: drawn for a desk and for a telephone, one of them shown, and its legend."""
    return (
        f'<figure class="picture" id="{escape(chart.name)}">'
        f'<div class="wide-picture">{draw(chart, WIDE)}</div><div class="narrow-picture">{draw(chart, NARROW)}</div>'
        f"{legend(chart)}{reading(chart)}</figure>"
    )


def legend(chart: Chart) -> str:
    """Return the names of lines, areas, bands and dots."""
    entries = [(line.style, line.words) for panel in chart.panels for line in panel.lines]
    entries += [(f"block {band.style}", band.words) for band in chart.bands]
    if chart.dots is not None:
        entries.append((f"dot{' doubtful' * chart.dots.doubtful}", f"{chart.dots.what} by send time, one dot each"))
    items = "".join(f'<li><span class="{style}"></span>{escape(words)}</li>' for style, words in dict.fromkeys(entries))
    return f'<ul class="legend">{items}</ul>'


def reading(chart: Chart) -> str:
    """Return the control that chooses a moment, hidden until `figure.js` runs, and the line for its values."""
    name, now = escape(chart.name), chart.seconds if chart.now_s is None else chart.now_s
    return (
        f'<div class="reading" hidden><label for="{name}-moment">Moment</label>'
        f'<input id="{name}-moment" type="range" min="0" max="{chart.seconds:g}" value="{now:g}" step="any">'
        f'<output for="{name}-moment" aria-live="off"></output></div>'
    )
