"""What the order service's own log says of single orders, where the run's folder holds it.

Only lines that name an order and say what became of its event count; the reference order service writes three such
kinds. A service that logs otherwise simply leaves no evidence here.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from files.safe_files import open_regular

FILE: Final = "service.log"
_LONGEST: Final = 300


class Said(IntEnum):
    """What a line says; the higher one counts when several speak of one order."""

    PUBLISH_FAILED = 1
    """Nothing was handed to the Kafka client."""
    EVENT_LOST = 2
    """The client had the event and gave it up."""
    DELIVERED = 3
    """A broker acknowledged it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log: what it says, and its text."""

    said: Said
    text: str


_KINDS: Final = {
    b"publish failed": Said.PUBLISH_FAILED,
    b"event lost": Said.EVENT_LOST,
    b"event delivered": Said.DELIVERED,
}
_LINE: Final = re.compile(
    rb"(publish failed|event lost|event delivered) for order "
    rb"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"
)


def read_service_log(logs: Path) -> dict[str, LogLine]:
    """Return by order id what the service's log in the folder `logs` says; empty without a log that can be read."""
    found: dict[str, LogLine] = {}
    try:
        with open_regular(logs / FILE) as stream:
            for raw in stream:
                match = _LINE.search(raw)
                if match is None:
                    continue
                said, order_id = _KINDS[match[1]], match[2].decode()
                known = found.get(order_id)
                if known is None or known.said < said:
                    found[order_id] = LogLine(said, raw.decode("utf-8", "replace").strip()[:_LONGEST])
    except OSError:
        return {}
    return found
