"""Short questions to Kafka that preflight and drain ask: where the topic ends now, and whether one event is there.

librdkafka's calls do not yield to gevent, so each question runs in gevent's pool of native threads; failures come back
as values, because an exception in there would be printed over the user's terminal.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import gevent
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

# The package offers this name at `confluent_kafka.admin` too, but not in a way that a strict type checker accepts.
from confluent_kafka.admin._listoffsets import OffsetSpec

from contract.describe import places_of, shape
from contract.event import EventContract, KafkaRecord
from contract.order_id import AcknowledgedId
from contract.reading import EventReader
from health.kafka_errors import connection_reason, refused_properties, refused_reason, scrub
from runlog.facts import TopicStart
from stores.listeners import advertised, unreachable
from stores.topic import held_back, held_back_words

Answer = TypeVar("Answer")
Aside = dict[str, Callable[[KafkaError], None]]
QUIET: Final = {"log_level": "0"}
POLL_S: Final = 0.1
NEWEST_WAIT_S: Final = 1.0
LOOK_BACK: Final = 20
# An offset that retention has removed is read from the first one that is left.
_EARLIEST: Final = {"auto.offset.reset": "earliest"}
# The broker's word that there is no such topic, or that it is just being created; any other error proves neither.
_NO_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.LEADER_NOT_AVAILABLE}
)


class TopicError(Exception):
    """Kafka did not tell; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """Whether the event of one order is in the topic.

    Attributes:
        found: it is.
        tag: the customer id that it carries; None without one.
        tag_places: where in it the customer id that was sent really stands.
        hint: when it was not found, in words: what there is in its place; None when nothing new came.
    """

    found: bool
    tag: str | None = None
    tag_places: tuple[str, ...] = ()
    hint: str | None = None

    def __bool__(self) -> bool:
        return self.found


def topic_ends(client: dict[str, str], topic: str, timeout_s: float) -> TopicStart | None:
    """Return the topic's id and the next offset of each partition; None when there is no such topic.

    Args:
        client: librdkafka properties.
        topic: its name.
        timeout_s: bound in seconds.

    Raises:
        TopicError: no answer in time.
    """
    return _native(client, lambda aside: _topic_ends({**client, **aside}, topic, timeout_s))


@dataclass(frozen=True, slots=True)
class TopicService:
    """Whether producers can write to a topic and consumers read all of it; None: not asked.

    Attributes:
        led: every partition has a leader.
        open_transaction: a transaction is open that holds records back.
    """

    led: bool
    open_transaction: bool | None


def topic_service(client: dict[str, str], topic: str, timeout_s: float) -> TopicService:
    """Return whether a topic's partitions are led and free of open transactions.

    Raises:
        TopicError: no answer in time, or there is no such topic.
    """
    return _native(client, lambda aside: _topic_service({**client, **aside}, topic, timeout_s))


def topic_names(client: dict[str, str], timeout_s: float) -> list[str]:
    """Return the names of the topics that the client may see, Kafka's own left out.

    Raises:
        TopicError: no answer in time.
    """
    return _native(client, lambda aside: _topic_names({**client, **aside}, timeout_s))


def check_listeners(client: dict[str, str], topic: str, timeout_s: float) -> str:
    """Connect to each broker that serves `topic` where the metadata sends clients, and return their addresses.

    Raises:
        TopicError: no answer, or one of them takes no connection from here; says which and what to do.
    """
    listeners = _native(client, lambda aside: advertised({**client, **aside}, topic, timeout_s))
    problem = unreachable(listeners, client["bootstrap.servers"], timeout_s)
    if problem is not None:
        raise TopicError(problem)
    return ", ".join(f"{one.host}:{one.port}" for one in listeners)


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
    return _native(client, lambda aside: _find_event({**client, **aside}, start, finder, timeout_s))


def _native(client: dict[str, str], ask: Callable[[Aside], Answer]) -> Answer:
    """Ask in a native thread; `ask` is given what to add to its client so that the reason of a failure comes out."""
    aside: list[tuple[str, str]] = []

    def guarded() -> tuple[Answer | None, str | None]:
        try:
            answer = ask({"error_cb": lambda error: aside.append((error.name(), error.str()))})
            # "Not there" is no answer of a broker that refuses its clients.
            return answer, None if answer else refused_reason(aside, client)
        except KafkaException as error:
            said = error.args[0].str()
            if error.args[0].code() == KafkaError._INVALID_ARG:
                said = refused_properties(said, client)
        except TimeoutError:
            said = "no answer in time"
        except (ValueError, TypeError) as error:
            said = refused_properties(error, client)
        return None, connection_reason(aside, client) or scrub(said, client)

    answer, problem = gevent.get_hub().threadpool.apply(guarded)
    if problem is not None:
        raise TopicError(f"Kafka did not answer: {problem}")
    return answer  # type: ignore[no-any-return]


def _topic_ends(client: dict[str, Any], topic: str, timeout_s: float) -> TopicStart | None:
    consumer = Consumer({**QUIET, **client, "group.id": "preflight", "enable.auto.commit": "false"})
    try:
        known = consumer.list_topics(topic, timeout=timeout_s).topics.get(topic)
        if known is None or not (known.error or known.partitions):
            return None
        if known.error is not None:
            if known.error.code() in _NO_TOPIC:
                return None
            raise KafkaException(known.error)
        ends = {
            partition: int(
                consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s, cached=False)[1]
            )
            for partition in sorted(known.partitions)
        }
    except KafkaException:
        consumer.poll(0)  # hands over errors that were noted meanwhile: they say why
        raise
    finally:
        consumer.close()
    return TopicStart(topic, _topic_id(client, topic, timeout_s), ends)


def _topic_id(client: dict[str, Any], topic: str, timeout_s: float) -> str | None:
    """Return the broker's id of the topic; brokers before topic ids (KIP-516) do not tell one."""
    admin = AdminClient({**QUIET, **client})
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic].result(timeout_s)
    identity = described.topic_id
    return str(identity) if identity is not None else None


def _topic_service(client: dict[str, Any], topic: str, timeout_s: float) -> TopicService:
    admin = AdminClient({**QUIET, **client})
    # Describing a topic never creates it.
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic].result(timeout_s)
    if any(partition.leader is None for partition in described.partitions):
        return TopicService(False, None)
    latest: Callable[[], Any] = OffsetSpec.latest
    wanted = {TopicPartition(topic, partition.id): latest() for partition in described.partitions}

    def ends(level: IsolationLevel) -> dict[int, int]:
        answers = admin.list_offsets(wanted, isolation_level=level, request_timeout=timeout_s)
        return {where.partition: answer.result(timeout_s).offset for where, answer in answers.items()}

    # An open transaction keeps the last stable offset below the high watermark. That is asked first: records that come
    # in between are no transaction.
    high = ends(IsolationLevel.READ_UNCOMMITTED)
    stable = ends(IsolationLevel.READ_COMMITTED)
    return TopicService(True, any(stable[partition] < end for partition, end in high.items()))


def _topic_names(client: dict[str, Any], timeout_s: float) -> list[str]:
    topics = AdminClient({**QUIET, **client}).list_topics(timeout=timeout_s).topics
    return sorted(name for name in topics if not name.startswith("_"))


class _Finder:
    """Looks records through for the event of one order, and remembers what comes nearest to it."""

    def __init__(self, contract: EventContract, order: AcknowledgedId, customer: str) -> None:
        self._reader, self._order, self._customer = EventReader(contract), order, customer
        self._near: str | None = None
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
            return EventSeen(True, reading.tag or None, tuple(places_of(record, self._customer)))
        self._newest = record
        if self._near is None and (places := places_of(record, self._order.text)):
            contract = self._reader.contract
            why = f", and it {contract.explain(reading.why)}" if reading.why else f" (--event-id {contract.id_at})"
            self._near = f"a record has its id at {', '.join(places)}{why}"
        return None

    def missed(self) -> EventSeen:
        """Return what there is in place of the event."""
        newest = self._newest or self._before
        if self._near is not None or newest is None:
            return EventSeen(False, hint=self._near or "no readable record came, nor was one at the end of the topic")
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
