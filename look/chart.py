"""What a picture shows, as values: panels of lines on one time axis, areas between lines, bands, phases, dots.

All times are seconds since the start of the run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Values = Sequence[float | None]
"""One value a step; None is unknown and leaves a gap in the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel.

    Attributes:
        style: its CSS class, one of `look.css`.
        words: its name in legend and reading.
    """

    style: str
    words: str
    values: Values


@dataclass(frozen=True, slots=True)
class Area:
    """The area between two lines of the same panel.

    Attributes:
        upper, lower: its edges, as long as the lines; it ends where either is unknown.
        words: written at its end where there is room; empty for none.
    """

    style: str
    upper: Values
    lower: Values
    words: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share one vertical axis, which begins at 0.

    Attributes:
        step_s: seconds from one value to the next; the first is at second 0.
        unit: what the values are: counts, or durations in seconds.
        stepped: a value stands for the whole step, as a count by second does; otherwise it is reached at its moment.
        height: pixels.
        at_least: its axis reaches this value, so that several pictures have one scale.
    """

    title: str
    lines: tuple[Line, ...]
    step_s: float
    height: int
    unit: Literal["count", "seconds"] = "count"
    stepped: bool = False
    areas: tuple[Area, ...] = ()
    at_least: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time behind all panels, such as a stage of an outage; `end_s` may be infinite."""

    begin_s: float
    end_s: float
    style: str
    words: str


@dataclass(frozen=True, slots=True)
class NamedPhase:
    """A phase of the run, named above the panels."""

    begin_s: float
    end_s: float
    words: str


def bands_of(stages: Iterable[tuple[float, float, bool, str]], until: float) -> tuple[Band, ...]:
    """Return the bands of stages (begin, end, whether the target is proven hit, words) that have begun by `until`."""
    return tuple(
        Band(begin, min(end, until), "down" if proven else "edge", words)
        for begin, end, proven, words in stages
        if begin < until
    )


@dataclass(frozen=True, slots=True)
class Dots:
    """One dot for each moment, stacked in columns below the panels.

    Attributes:
        what: what each dot is, in the plural.
        doubtful: whether it is only suspected.
    """

    what: str
    moments: Sequence[float]
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A whole picture.

    Attributes:
        name: begins the ids of its elements; unique in its page.
        title: what it shows.
        description: what a reader who cannot see it is given.
        seconds: length of the time axis.
        now_s: the present of a run that goes on, at which it is read at first; None: its end.
    """

    name: str
    title: str
    description: str
    seconds: float
    panels: tuple[Panel, ...]
    bands: tuple[Band, ...] = ()
    phases: tuple[NamedPhase, ...] = ()
    dots: Dots | None = None
    now_s: float | None = None
