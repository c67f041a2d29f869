"""Readers of the settings' values: text in, value out; a ``ValueError`` names what would be right.

The text of each error completes the sentence "NAME is VALUE: give ...". None of them quotes the value, so that a
secret cannot leak through them.
"""

import re
from collections.abc import Callable
from decimal import Decimal

import psycopg
from psycopg.conninfo import conninfo_to_dict

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m)?")
_UNIT_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), None: Decimal(1)}
_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
# Kafka's own rule for topic names: 249 characters of this alphabet.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text.strip()) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Return a reader of durations (``1``, ``1.5s``, ``500ms``, ``2m``) from ``least`` to ``most`` seconds."""

    def read(text: str) -> float:
        found = _DURATION.fullmatch(text.strip())
        value = Decimal(found["number"]) * _UNIT_SECONDS[found["unit"]] if found else Decimal(-1)
        if not least <= value <= most:
            raise ValueError(f"a duration from {least:g} s to {most:g} s, such as 1, 1.5s or 500ms")
        return float(value)

    return read


def switch(text: str) -> bool:
    """Read true or false (also yes/no, on/off, 1/0)."""
    word = text.strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError("true or false")


def topic_name(text: str) -> str:
    if not _TOPIC.fullmatch(text) or text in {".", ".."}:
        raise ValueError("a topic name of letters, digits, dots, dashes and underscores")
    return text


def bootstrap_servers(text: str) -> str:
    """Read a list of brokers, ``host:port`` with commas between."""
    brokers = [part.strip() for part in text.split(",")]
    for broker in brokers:
        found = _BROKER.fullmatch(broker)
        if not found or not 1 <= int(found["port"]) <= 65535:
            raise ValueError("host:port, several with commas between, for example 127.0.0.1:9092")
    return ",".join(brokers)


def connection_string(text: str) -> str:
    """Read a PostgreSQL connection string (URL or key=value form of libpq)."""
    right = "a PostgreSQL connection string such as postgresql://user:password@127.0.0.1:5432/orders_db"
    if not text.strip():
        raise ValueError(right)
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError(right) from None
    return text
