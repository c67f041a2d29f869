"""Lines of the order service's own log about single orders, if the run's folder has the log.

Only lines that name an order and the result of its event count; the reference order service writes three such kinds.
Other logs give no evidence.
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
    """The result in a line; of several lines about one order the highest counts."""

    PUBLISH_FAILED = 1
    """The event was not handed to the Kafka client."""
    EVENT_LOST = 2
    """The client gave the event up."""
    DELIVERED = 3
    """A broker acknowledged it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log: its result, and its text."""

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
    """Return lines of the service's log in the folder `logs` by order id; empty if there is none to read."""
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
