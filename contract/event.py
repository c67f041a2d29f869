"""The event contract: where a Kafka record has the order's id, what makes it an event, and where it carries the tag.

One value for everything that reads events: preflight, drain, monitor, run, judging and audit. It is read by
`contract.reading`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from contract.order_id import IdKind
from contract.place import EventFilter, Place

ORDER_ID: Final = Place("value", "orderId")
CUSTOMER_ID: Final = Place("value", "customerId")
EVENT_ID: Final = "eventId"
CREATED: Final = "created"
TYPES: Final = ("type", "eventType")
_NOT_CREATED: Final = "has a type without `created`"

Headers = Sequence[tuple[str, bytes | None]]


class Why(IntEnum):
    """Why a record is not the event of an order; as `uint8` in arrays, where 0 is an event.

    The last three are events by the contract, yet not attributed to the run, or (`NO_ROW`, in an audit) to any row.
    """

    TOMBSTONE = 1
    FILTERED = 2
    OTHER_TYPE = 3
    UNREADABLE = 4
    NO_ID = 5
    KEY_DIFFERS = 6
    OTHER_TAG = 7
    NO_TAG = 8
    NO_ROW = 9

    @property
    def certain(self) -> bool:
        """Whether such a record is certainly no event of an order that it names."""
        return self in (Why.TOMBSTONE, Why.FILTERED)


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record: its key, value (None: a tombstone) and headers."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class EventContract:
    """What events look like.

    Attributes:
        id_place: where the order's id is; None: not stated. Then it is the member `orderId` of a JSON value, and a key,
            if there is one, must name the same order. With a stated place the key has no other say.
        filter: what makes a record an event; None: not stated. Then a `type` or `eventType`, if there is one, must hold
            "created".
        tag_place: where the customer id that was sent is; None: nowhere.
        reference: the service is the reference order service: a record with another type is certainly no order's event.
    """

    id_place: Place | None = None
    id_kind: IdKind = IdKind.UUID
    filter: EventFilter | None = None
    tag_place: Place | None = CUSTOMER_ID
    reference: bool = False

    @property
    def id_at(self) -> Place:
        return self.id_place or ORDER_ID

    @property
    def needs_value(self) -> bool:
        """Whether the value must be a JSON object: the id, the filter or the tag is in it."""
        places = (self.id_at, self.tag_place, self.filter.place if self.filter else None)
        return any(place is not None and place.part == "value" for place in places)

    @property
    def needs_headers(self) -> bool:
        """Whether headers say anything of an event."""
        places = (self.id_at, self.tag_place, self.filter.place if self.filter else None)
        return any(place is not None and place.part == "header" for place in places)

    def explain(self, why: Why) -> str:
        """Return why a record is not counted, in words that follow "it", with the option that it depends on, if any."""
        place = self.id_at
        words, option = {
            Why.TOMBSTONE: ("is a tombstone", ""),
            Why.FILTERED: (f"does not pass --event-filter {self.filter}" if self.filter else _NOT_CREATED, ""),
            Why.OTHER_TYPE: (_NOT_CREATED, "--event-filter"),
            Why.UNREADABLE: ("has a value that is no JSON object in UTF-8", ""),
            Why.NO_ID: (f"has no {self.id_kind.value} order id at {place}", "--event-id"),
            Why.KEY_DIFFERS: ("has a key that does not name the order of its value", f"--event-id {place}"),
            Why.OTHER_TAG: (f"carries the tag of another order at {self.tag_place}", "--event-tag"),
            Why.NO_TAG: (f"has no tag at {self.tag_place}", "--event-tag"),
            Why.NO_ROW: (f"has the id of an order without a row at {place}", "--event-id"),
        }[why]
        # No option is about the events of the reference service.
        return f"{words} ({option})" if option and not self.reference else words
