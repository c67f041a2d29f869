"""Kinds of options: how a text becomes a typed value, within which bounds, and what a refusal names as right."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Generic, TypeVar

from settings.duration import parse_duration

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
LONGEST_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How a text becomes a value.

    Attributes:
        parse: returns the value; raises ValueError that says what to give instead.
        unit: of the value, in a word for people; empty for a flag, which takes none.
        bounds: for people, between which values it must be.
        choices: the allowed values; empty if there are no fixed ones.
        by_example: a refusal ends with the option's example.
    """

    parse: Callable[[str], T]
    unit: str = "text"
    bounds: str = ""
    choices: tuple[str, ...] = ()
    by_example: bool = False


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Return `kind` with None for the empty text."""
    return Kind(lambda text: kind.parse(text) if text else None, kind.unit, kind.bounds, kind.choices, kind.by_example)


def duration(least: float, *, why: str = "") -> Kind[float]:
    """Return the kind of seconds from `least` to a day; `why` ends the refusal of others."""
    bounds = f"from {least:g}s to {LONGEST_S / 3600:g}h"

    def parse(text: str) -> float:
        seconds = parse_duration(text)
        if not least <= seconds <= LONGEST_S:
            raise ValueError(f"it must be {bounds}{why}")
        return seconds

    return Kind(parse, "duration", bounds)


def number(above: float, most: float, unit: str) -> Kind[float]:
    """Return the kind of numbers above `above` and at most `most`."""
    bounds = f"above {above:g} and at most {most:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("it must be a number") from None
        if not above < value <= most:
            raise ValueError(f"it must be {bounds} ({unit})")
        return value

    return Kind(parse, unit, bounds, by_example=True)


def whole(least: int, most: int, unit: str = "number") -> Kind[int]:
    """Return the kind of whole numbers from `least` to `most`."""
    bounds = f"from {least} to {most}"

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 12 or not least <= int(text) <= most:
            raise ValueError(f"it must be a whole number {bounds}")
        return int(text)

    return Kind(parse, unit, bounds)


def choice(*choices: str) -> Kind[str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"choose {', '.join(choices[:-1])} or {choices[-1]}")
        return text

    return Kind(parse, "choice", choices=choices)


def member(enumeration: type[E]) -> Kind[E]:
    names = choice(*(one.value for one in enumeration))
    return Kind(lambda text: enumeration(names.parse(text)), names.unit, choices=names.choices)


def text(unit: str = "text", *, check: Callable[[str], object] = lambda text: None) -> Kind[str]:
    """Return the kind of any text that `check` does not refuse by a ValueError."""

    def parse(text: str) -> str:
        check(text)
        return text

    return Kind(parse, unit)


def matching(form: str, right: str, unit: str = "text") -> Kind[str]:
    """Return the kind of texts that the regular expression `form` matches whole."""

    def check(text: str) -> None:
        if not re.fullmatch(form, text):
            raise ValueError(right if text else "it must not be empty")

    return replace(text(unit, check=check), by_example=True)


def _parse_flag(text: str) -> bool:
    if text.lower() not in ("", "true", "false"):
        raise ValueError("give it without a value")
    return text.lower() == "true"


FLAG: Final = Kind(_parse_flag, unit="")
LINES: Final = Kind(lambda text: tuple(text.replace(",", " ").split()))
