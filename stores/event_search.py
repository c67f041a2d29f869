"""Searches the topic for the event of one order, for preflight and drain, by the contract that a run is read by."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

from contract.describe import places_of, shape, text_at
from contract.event import EventContract, KafkaRecord, Why
from contract.order_id import AcknowledgedId
from contract.place import Place
from contract.reading import EventReader
from stores.kafka_client import KafkaProblem
from stores.topic import held_back, held_back_words, read_bounds
from stores.topic_reader import TopicRange, TopicReader, TopicTail, record_of

POLL_S: Final = 0.1
NEWEST_WAIT_S: Final = 1.0
LOOK_BACK: Final = 20
LONGEST_TYPE: Final = 60
# The Kafka binding of CloudEvents, binary mode: attributes are headers with this prefix.
CLOUD_EVENT_TYPE: Final = Place("header", "ce_type")


@dataclass(frozen=True, slots=True)
class EventSeen:
    """Whether the event of one order is in the topic.

    Attributes:
        tag: the customer id that it carries; None without one.
        tag_places: where in it the customer id that was sent really is.
        unfiltered: its type as a CloudEvent in binary mode, where no filter is stated; empty otherwise.
        hint: when it was not found, in words: what there is in its place.
    """

    found: bool
    tag: str | None = None
    tag_places: tuple[str, ...] = ()
    unfiltered: str = ""
    hint: str | None = None

    def __bool__(self) -> bool:
        return self.found


def find_event(
    client: Mapping[str, str],
    topic: str,
    begin: Mapping[int, int],
    contract: EventContract,
    order: AcknowledgedId,
    *,
    customer: str,
    timeout_s: float,
) -> EventSeen:
    """Return whether the event of `order` comes, and if not, what came instead.

    Args:
        client: librdkafka properties.
        begin: offset by partition from which on it is searched for.
        customer: the customer id that was sent with it.
        timeout_s: how long to wait for it, seconds.

    Raises:
        KafkaProblem: Kafka could not be read.
    """
    search = _Search(contract, order, customer)
    deadline = time.monotonic() + timeout_s
    with closing(TopicTail(client, topic, begin)) as tail:
        while time.monotonic() < deadline:
            for message in tail.read(POLL_S):
                if seen := search.examine(record_of(message)):
                    return seen
    held = held_back_words(held_back(client, topic))
    return EventSeen(False, hint=held or search.hint(lambda: _newest(client, topic, begin)))


class _Search:
    """Examines records for the event of one order, and remembers what comes nearest to it."""

    def __init__(self, contract: EventContract, order: AcknowledgedId, customer: str) -> None:
        self._reader, self._order, self._customer = EventReader(contract), order, customer
        self._near: str | None = None
        self._types: dict[str, None] = {}
        self._newest: KafkaRecord | None = None

    def examine(self, record: KafkaRecord) -> EventSeen | None:
        """Return what was found when `record` is the event."""
        reading, contract = self._reader.read(record), self._reader.contract
        if reading.order == self._order.key:
            unfiltered = (
                "" if contract.filter or contract.reference else text_at(record, CLOUD_EVENT_TYPE)[:LONGEST_TYPE]
            )
            return EventSeen(True, reading.tag or None, tuple(places_of(record, self._customer)), unfiltered)
        self._newest = record
        places = places_of(record, self._order.text)
        if places and reading.why is Why.FILTERED and contract.filter is not None:
            self._types[text_at(record, contract.filter.place)[:LONGEST_TYPE] or "nothing"] = None
        if self._near is None and places:
            why = f", and it {contract.explain(reading.why)}" if reading.why else f" (--event-id {contract.id_at})"
            self._near = f"a record has its id at {', '.join(places)}{why}"
        return None

    def hint(self, before: Callable[[], KafkaRecord | None]) -> str:
        """Return what there is in place of the event; `before` returns the last record before the search began."""
        if self._near is not None:
            # Only records of the harness's own order are quoted.
            there = f"; records with that id have {', '.join(self._types)} there" if self._types else ""
            return f"{self._near}{there}"
        newest = self._newest or before()
        if newest is None:
            return "no readable record came, nor was one at the end of the topic"
        when = "" if self._newest else "nothing came after it, and "
        return f"{when}the newest record has {shape(newest)} (--event-id {self._reader.contract.id_at})"


def _newest(client: Mapping[str, str], topic: str, begin: Mapping[int, int]) -> KafkaRecord | None:
    """Return the last record before `begin` in a partition; None where there is none.

    Markers of transactions take offsets and are never handed out, so reading begins some offsets earlier.
    """
    newest: KafkaRecord | None = None
    with suppress(KafkaProblem):
        lows = read_bounds(client, topic, tries=1).lows
        begins = {partition: max(lows.get(partition, end), end - LOOK_BACK) for partition, end in begin.items()}
        reader = TopicReader(client, TopicRange(topic, begins, dict(begin)), patience_s=NEWEST_WAIT_S)
        for messages in reader.batches(lambda *_: None):
            newest = record_of(messages[-1])
    return newest
