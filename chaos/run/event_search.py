"""Looks for the event of one order in the topic, for preflight and drain, by the contract that a run is read by."""

import time
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from chaos.run.topic import POLL_S, QUIET, native
from contract.describe import places_of, shape, text_at
from contract.event import EventContract, KafkaRecord, Why
from contract.order_id import AcknowledgedId
from contract.place import Place
from contract.reading import EventReader
from runlog.facts import TopicStart
from stores.topic import held_back, held_back_words

NEWEST_WAIT_S: Final = 1.0
LOOK_BACK: Final = 20
LONGEST_TYPE: Final = 60
# The Kafka binding of CloudEvents, binary mode: attributes are headers with this prefix.
CLOUD_EVENT_TYPE: Final = Place("header", "ce_type")
# An offset that retention has removed is read from the first one that is left.
_EARLIEST: Final = {"auto.offset.reset": "earliest"}


@dataclass(frozen=True, slots=True)
class EventSeen:
    """Whether the event of one order is in the topic.

    Attributes:
        found: it is.
        tag: the customer id that it carries; None without one.
        tag_places: where in it the customer id that was sent really stands.
        unfiltered: its type as a CloudEvent in binary mode, where no filter is stated; empty otherwise.
        hint: when it was not found, in words: what there is in its place; None when nothing new came.
    """

    found: bool
    tag: str | None = None
    tag_places: tuple[str, ...] = ()
    unfiltered: str = ""
    hint: str | None = None

    def __bool__(self) -> bool:
        return self.found


def find_event(
    client: dict[str, str],
    start: TopicStart,
    contract: EventContract,
    order: AcknowledgedId,
    *,
    customer: str,
    timeout_s: float,
) -> EventSeen:
    """Return whether the event of `order` comes at or after `start`, and if not, what came instead.

    Args:
        client: librdkafka properties.
        start: topic and offsets to read from.
        contract: what an event is.
        order: whose event is looked for.
        customer: the customer id that was sent with it.
        timeout_s: how long to wait for it, seconds.

    Raises:
        TopicError: Kafka failed.
    """
    finder = _Finder(contract, order, customer)
    return native(client, lambda aside: _find_event({**client, **aside}, start, finder, timeout_s))


class _Finder:
    """Looks records through for the event of one order, and remembers what comes nearest to it."""

    def __init__(self, contract: EventContract, order: AcknowledgedId, customer: str) -> None:
        self._reader, self._order, self._customer = EventReader(contract), order, customer
        self._near: str | None = None
        self._types: dict[str, None] = {}
        self._newest: KafkaRecord | None = None
        self._before: KafkaRecord | None = None

    @property
    def saw_nothing(self) -> bool:
        """Whether no record at all has come."""
        return self._newest is None

    def note_before(self, record: KafkaRecord | None) -> None:
        """Remember a record from before the order, for what it looks like."""
        self._before = record

    def look(self, record: KafkaRecord) -> EventSeen | None:
        """Return what was sought when `record` is it."""
        reading = self._reader.read(record)
        if reading.order == self._order.key:
            contract = self._reader.contract
            unfiltered = "" if contract.filter or contract.own else text_at(record, CLOUD_EVENT_TYPE)[:LONGEST_TYPE]
            return EventSeen(True, reading.tag or None, tuple(places_of(record, self._customer)), unfiltered)
        self._newest = record
        places, contract = places_of(record, self._order.text), self._reader.contract
        if places and reading.why is Why.FILTERED and contract.filter is not None:
            self._types[text_at(record, contract.filter.place)[:LONGEST_TYPE] or "nothing"] = None
        if self._near is None and places:
            why = f", and it {contract.explain(reading.why)}" if reading.why else f" (--event-id {contract.id_at})"
            self._near = f"a record has its id at {', '.join(places)}{why}"
        return None

    def missed(self) -> EventSeen:
        """Return what there is in place of the event."""
        newest = self._newest or self._before
        if self._near is not None:
            # Only records of the harness's own order are quoted.
            there = f"; records with that id have {', '.join(self._types)} there" if self._types else ""
            return EventSeen(False, hint=f"{self._near}{there}")
        if newest is None:
            return EventSeen(False, hint="no readable record came, nor was one at the end of the topic")
        when = "" if self._newest else "nothing came after it, and "
        return EventSeen(
            False, hint=f"{when}the newest record has {shape(newest)} (--event-id {self._reader.contract.id_at})"
        )


def _find_event(client: dict[str, Any], start: TopicStart, finder: _Finder, timeout_s: float) -> EventSeen:
    consumer = Consumer({**QUIET, **client, "group.id": "preflight", "enable.auto.commit": "false", **_EARLIEST})
    try:
        consumer.assign([TopicPartition(start.name, partition, at) for partition, at in start.starts.items()])
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=POLL_S):
                if message.error() is None:
                    headers: Any = message.headers() or ()
                    seen = finder.look(KafkaRecord(message.key(), message.value(), headers))
                    if seen is not None:
                        return seen
        if finder.saw_nothing:
            finder.note_before(_newest(consumer, start))
    finally:
        consumer.close()
    held = held_back_words(held_back(client, start.name))
    return EventSeen(False, hint=held) if held else finder.missed()


def _newest(consumer: Consumer, start: TopicStart) -> KafkaRecord | None:
    """Return the last record at the end of a partition as it was at `start`; None where there is none.

    Markers of transactions take offsets and are never handed out, so reading begins some offsets before the end.
    """
    last = [
        TopicPartition(start.name, partition, max(0, at - LOOK_BACK)) for partition, at in start.starts.items() if at
    ]
    if not last:
        return None
    consumer.assign(last)
    newest: KafkaRecord | None = None
    deadline = time.monotonic() + NEWEST_WAIT_S
    while time.monotonic() < deadline:
        records = [message for message in consumer.consume(LOOK_BACK, timeout=POLL_S) if message.error() is None]
        if records:
            headers: Any = records[-1].headers() or ()
            newest = KafkaRecord(records[-1].key(), records[-1].value(), headers)
        elif newest is not None:
            break
    return newest
