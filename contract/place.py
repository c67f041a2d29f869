"""Where in a Kafka record something is told: `key`, `header:NAME` or `value:PATH` with members joined by dots."""

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

    def __str__(self) -> str:
        return f"{self.part}:{self.name}" if self.name else self.part


def parse_place(text: str) -> Place | None:
    """Return where an event tells its order id; None for the empty text (as the reference service does).

    Raises:
        ValueError: it is none of that; says what would be right.
    """
    if not text:
        return None
    part, _, name = text.partition(":")
    if not (text == "key" or (part in {"header", "value"} and _right(part, name))):
        raise ValueError("key, header:NAME or value:PATH is right")
    return Place(part, name)


def parse_tag(text: str) -> Place | None:
    """Return where an event carries the customer id; None for the empty text and for `none`.

    Raises:
        ValueError: it is none of that; says what would be right.
    """
    if text in {"", "none"}:
        return None
    part, _, name = text.partition(":")
    if part not in {"header", "value"} or not _right(part, name):
        raise ValueError("none, header:NAME or value:PATH is right")
    return Place(part, name)


def parse_filter(text: str) -> tuple[Place, str] | None:
    """Return the place that a record must have, and with which value, to be an event; None for the empty text.

    A bare `PATH=VALUE` is one in the value.

    Raises:
        ValueError: it is none of that; says what would be right.
    """
    if not text:
        return None
    where, equals, wanted = text.partition("=")
    part, colon, name = where.partition(":")
    place = Place(part, name) if colon and part in {"header", "value"} else Place("value", where)
    if not equals or not _right(place.part, place.name):
        raise ValueError("header:NAME=VALUE or value:PATH=VALUE is right, for example value:type=order.created")
    return place, wanted


def _right(part: str, name: str) -> bool:
    return bool(name) and (part == "header" or all(name.split(".")))
