"""Durations as people write them: `90`, `90s`, `1.5s`, `2m`, `1m30s`, `500ms`; always seconds inside."""

import re
from typing import Final

_PARTS: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Return the seconds that `text` says.

    Args:
        text: a plain number (seconds) or numbers with the units ms, s, m, h, largest first.

    Raises:
        ValueError: `text` is no duration; the message says what would be one.
    """
    compact = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", compact):
        return float(compact)
    if not compact or _PARTS.sub("", compact):
        raise ValueError("give a duration: seconds, or something like 90s, 2m, 1m30s, 500ms")
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in _PARTS.finditer(compact))


def format_duration(seconds: float) -> str:
    """Return `seconds` the way a person would write it: `0.4 s`, `15 s`, `2 m 5 s`."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
