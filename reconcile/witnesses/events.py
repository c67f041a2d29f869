"""The witness "event": reads the topic from the run's start offsets to its proven end, and keeps the run's events.

The high watermarks are taken first; then one consumer reads until every partition's position is proven to have reached
its own: by a record, or by the broker's word that nothing follows (offsets have holes where transactions left markers).
What is never proven within the patience is not guessed: the witness is incomplete and says where it stopped.
Settings and shape of the loop follow measurements: batches of 2000, a small queue, and a fetcher that must not sleep.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from numpy.typing import NDArray

from contract.attribution import Attribution
from health.kafka_errors import refused_properties, scrub
from reconcile.history.history import EVENT, EventsWitness, Progress
from reconcile.witnesses.gc_pause import no_garbage_collection
from reconcile.witnesses.topic_reading import TopicReading
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts
from settings.duration import format_duration
from stores.topic import KafkaProblem, TopicBounds, TopicSettings, quiet_client, read_bounds, topic_settings

PATIENCE_S: Final = 30.0
_BATCH: Final = 2000
_POLL_S: Final = 0.05
_STAGE: Final = "events"
_TUNING: Final[dict[str, str | int | float | bool]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # An offset that is gone must be told, not silently skipped.
    "auto.offset.reset": "error",
    # With the default of 1000 ms the fetcher sleeps a second whenever Python lags behind: 2 to 5 times slower.
    "fetch.queue.backoff.ms": 1,
    "queued.max.messages.kbytes": 16384,
    "fetch.wait.max.ms": 50,
    "fetch.error.backoff.ms": 100,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
}
_HOPELESS: Final = frozenset(
    (
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
    )
)


def read_events(
    client: Mapping[str, str],
    facts: RunFacts,
    clock: AnchoredClock,
    progress: Progress,
    *,
    attribution: Attribution | None = None,
    rows: NDArray[np.void] | None = None,
    names: Mapping[bytes, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> EventsWitness:
    """Read the run's events; never raises for trouble with the broker.

    Args:
        client: librdkafka properties, `bootstrap.servers` and authentication.
        facts: name, id and start offsets of the topic, and the run's key.
        clock: the run's clock, for `read_at`.
        progress: told ("events", records read, records wanted).
        attribution: how the run's events are known; None: by their customer ids.
        rows: array of ROW, the run's: they help to attribute an event without a tag, and are looked for in records
            that are no event. None: none are known.
        names: texts of the rows' order ids that cannot be decoded from their bytes.
        patience_s: seconds without any progress after which reading is given up.

    Returns:
        The witness; incomplete, with the reason, when the topic is missing, when a partition is gone, or when the end
        of a partition could not be reached. What was read until then is in it.
    """
    read_at = clock.now()
    try:
        bounds = read_bounds(client, facts.topic.name)
    except KafkaProblem as problem:
        return _witness(facts, None, None, None, str(problem))
    reader = TopicReading(facts, bounds, attribution, rows, names)
    problem_text = _read(reader, client, progress, patience_s) or _gone(facts, bounds)
    settings_told = topic_settings(client, facts.topic.name)
    witness = _witness(facts, bounds, reader, read_at, problem_text, settings_told=settings_told)
    mentions, aside, named_at = reader.mentions.finish(witness.events)
    return replace(
        witness,
        names=reader.names,
        mentions=mentions,
        aside=aside,
        opaque=reader.mentions.opaque,
        rejected=dict(reader.mentions.rejected),
        named_at=named_at,
    )


def _read(reader: TopicReading, client: Mapping[str, str], progress: Progress, patience_s: float) -> str | None:
    """Read until all is read; return None, or why not."""
    total = reader.wanted
    progress(_STAGE, 0, total)
    if not reader.unfinished:
        return None
    # A group id is demanded by the client; without subscription and commits the group is never joined.
    settings = {"group.id": "reconcile", **quiet_client(client), **_TUNING, "error_cb": reader.fail}
    try:
        consumer = Consumer(settings)
    except (KafkaException, ValueError, TypeError) as error:
        return refused_properties(error, client)
    try:
        with no_garbage_collection():
            return _drain(consumer, reader, progress, patience_s, client)
    except KafkaException as error:
        return _stopped(reader, f"the client gave up: {scrub(str(error), client)}")
    finally:
        consumer.close()


def _drain(
    consumer: Consumer,
    reader: TopicReading,
    progress: Progress,
    patience_s: float,
    client: Mapping[str, str],
) -> str | None:
    reading = set(reader.unfinished)
    consumer.assign([TopicPartition(reader.topic, partition, reader.begin[partition]) for partition in reading])
    total, done = reader.wanted, reader.done
    last_progress = time.monotonic()
    while True:
        reader.take(consumer.consume(_BATCH, timeout=_POLL_S))
        if reader.done > done:
            done, last_progress = reader.done, time.monotonic()
            progress(_STAGE, done, total)
        finished = reading.difference(reader.unfinished)
        if finished:
            # Foreign traffic behind the watermark would only take the line away from the others.
            consumer.pause([TopicPartition(reader.topic, partition) for partition in finished])
            reading -= finished
        if not reading:
            return None
        trouble = reader.trouble
        if trouble is not None and (trouble.fatal() or trouble.code() in _HOPELESS):
            return _stopped(reader, scrub(trouble.str(), client))
        if time.monotonic() - last_progress > patience_s:
            return _stopped(reader, _silence(reader, trouble, patience_s, client))


def _silence(reader: TopicReading, trouble: KafkaError | None, patience_s: float, client: Mapping[str, str]) -> str:
    waited = f"no progress for {format_duration(patience_s)}"
    if reader.at_eof.issuperset(reader.unfinished):
        return f"{waited}; the broker holds the rest back, as it does while a transaction is open"
    return f"{waited}; {scrub(trouble.str(), client)}" if trouble is not None else waited


def _stopped(reader: TopicReading, why: str) -> str:
    places = ", ".join(
        f"partition {partition} reached offset {reader.reached[partition]} of {reader.ends[partition]}"
        for partition in reader.unfinished
    )
    return f"topic {reader.topic} was not read to its end: {places}: {why}"


def _gone(facts: RunFacts, bounds: TopicBounds) -> str | None:
    gone = sorted(set(facts.topic.starts).difference(bounds.ends))
    if not gone:
        return None
    return f"topic {facts.topic.name} has lost partitions that it had when the run started: {gone}"


def _witness(
    facts: RunFacts,
    bounds: TopicBounds | None,
    reader: TopicReading | None,
    read_at: float | None,
    problem: str | None,
    *,
    settings_told: TopicSettings | None = None,
) -> EventsWitness:
    ends = bounds.ends if bounds else {}
    return EventsWitness(
        events=reader.events.finish() if reader else np.empty(0, dtype=EVENT),
        foreign=reader.foreign if reader else 0,
        unreadable=reader.unreadable if reader else 0,
        starts={partition: facts.topic.starts.get(partition, 0) for partition in {**facts.topic.starts, **ends}},
        lows=bounds.lows if bounds else {},
        reached=reader.reached if reader else {},
        ends=ends,
        topic_id=bounds.topic_id if bounds else None,
        read_at=read_at,
        complete=problem is None,
        problem=problem,
        compacted=settings_told.compacted if settings_told else None,
        write_caching=settings_told.write_caching if settings_told else None,
        settings_problem=settings_told.problem if settings_told else None,
        skipped=reader.done - reader.records if reader else None,
    )
