"""Places in a Kafka record: `key`, `header:NAME` or `value:PATH`, the members of PATH joined by dots."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a record.

    Attributes:
        part: `key`, `header` or `value`.
        name: of the header, or the path within a JSON value; empty for the key.
    """

    part: str
    name: str = ""

    def __post_init__(self) -> None:
        if not (self.part == "key" and not self.name) and not _right(self.part, self.name):
            raise ValueError(f"{self.part}:{self.name} is no place of a record")

    def __str__(self) -> str:
        return f"{self.part}:{self.name}" if self.name else self.part


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a record must have to be an event: at `place` the text `value`."""

    place: Place
    value: str

    def __str__(self) -> str:
        return f"{self.place}={self.value}"


def parse_place(text: str) -> Place | None:
    """Return where an event has its order id; None for the empty text: not stated.

    Raises:
        ValueError: it is none of that; says what to give instead.
    """
    if not text:
        return None
    part, _, name = text.partition(":")
    if text != "key" and not _right(part, name):
        raise ValueError("give key, header:NAME or value:PATH")
    return Place(part, name)


def parse_tag(text: str) -> Place | None:
    """Return where an event carries the tag; None for the empty text and for `none`.

    Raises:
        ValueError: it is none of that; says what to give instead.
    """
    try:
        return None if text == "none" else parse_place(text)
    except ValueError:
        raise ValueError("give none, key, header:NAME or value:PATH") from None


def parse_filter(text: str) -> EventFilter | None:
    """Return what a record must have to be an event; None for the empty text: not stated.

    A bare `PATH=VALUE` is one in the value.

    Raises:
        ValueError: it is none of that; says what to give instead.
    """
    if not text:
        return None
    where, equals, wanted = text.partition("=")
    part, colon, name = where.partition(":")
    if not (colon and part in {"header", "value"}):
        part, name = "value", where
    if not equals or not _right(part, name):
        raise ValueError("give header:NAME=VALUE or value:PATH=VALUE, for example value:type=order.created")
    return EventFilter(Place(part, name), wanted)


def _right(part: str, name: str) -> bool:
    return bool(name) and (part == "header" or (part == "value" and all(name.split("."))))
