"""The run as lines of characters: orders offered, acknowledged and lost each second, and when the target was down."""

import math
from dataclasses import dataclass
from typing import Any, Final

from runlog.fault_facts import FaultFacts
from runlog.outages import Outage

_RAMPS: Final = {True: " ▁▂▃▄▅▆▇█", False: " .:-=+*#@"}
_BARS: Final = {True: ("·", "░", "█", "▒"), False: (".", "-", "#", "+")}
_LABEL: Final = 14


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lines of which each column is `seconds` of the run.

    Attributes:
        lines: (label, characters, total).
        seconds: seconds a column.
        label: columns of the labels, with a space after the longest.
    """

    lines: list[tuple[str, str, str]]
    seconds: int
    label: int


def draw_timeline(
    timeline: list[dict[str, Any]],
    fault: FaultFacts,
    outages: list[Outage],
    started_at: float,
    *,
    width: int,
    unicode: bool,
) -> Timeline | None:
    """Return the run as lines of characters; None when no order fell due.

    Args:
        timeline: as `reconcile.analysis.rate.timeline` returns it.
        outages: in order.
        started_at: epoch seconds of second 0.
        width: columns of the terminal.
        unicode: whether block characters can be shown.
    """
    if not timeline:
        return None
    state = f"{outages[0].target or 'target'} {fault.state}" if outages else ""
    label_width = max(_LABEL, len(state) + 1)
    room = max(10, width - label_width - 14)
    seconds = math.ceil(len(timeline) / room)
    columns = math.ceil(len(timeline) / seconds)
    totals = {key: _columns(timeline, key, seconds) for key in ("due", "acknowledged", "lost")}
    highest = max(max(values) for values in totals.values())
    ramp = _RAMPS[unicode]
    lines = [
        (label, "".join(_level(value, highest, ramp) for value in totals[key]), f"{sum(totals[key])}")
        for label, key in (("offered", "due"), ("acknowledged", "acknowledged"), ("lost", "lost"))
    ]
    if outages:
        lines.append((state, _outage_line(outages, started_at, columns, seconds, unicode), ""))
    lines.append(("second", _axis(columns, seconds), ""))
    return Timeline(lines, seconds, label_width)


def _columns(timeline: list[dict[str, Any]], key: str, seconds: int) -> list[int]:
    values = [int(second[key]) for second in timeline]
    return [sum(values[at : at + seconds]) for at in range(0, len(values), seconds)]


def _level(value: int, highest: int, ramp: str) -> str:
    """Return a sign for `value`; any above zero differs from that for zero: no lost event vanishes in rounding."""
    return ramp[math.ceil(value / highest * (len(ramp) - 1))] if highest else ramp[0]


def _outage_line(outages: list[Outage], started_at: float, columns: int, seconds: int, unicode: bool) -> str:
    up, stopping, down, starting = _BARS[unicode]
    line = [up] * columns
    for outage in outages:
        begin, injected, healing, end = outage.edges
        # The proven outage is drawn last: it counts most where several stages share one column.
        for first, last, sign in ((begin, injected, stopping), (healing, end, starting), (injected, healing, down)):
            # An edge that was never proven is infinite: it is drawn at the end.
            low, high = (
                columns if math.isinf(at) else max(0, rounded((at - started_at) / seconds))
                for at, rounded in ((first, math.floor), (last, math.ceil))
            )
            line[low:high] = [sign] * max(0, min(high, columns) - low) if last > first else line[low:high]
    return "".join(line[:columns])


def _axis(columns: int, seconds: int) -> str:
    line = ""
    while len(line) < columns:
        label = str(len(line) * seconds)
        line += label.ljust(10) if len(line) + len(label) <= columns else " "
    return line[:columns].rstrip()
