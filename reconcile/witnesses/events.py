"""The witness "event": the run's events, from the topic's start offsets of the run to its proven end.

The high watermarks are taken first, then all is read up to them. What could not be read is not guessed: the witness is
incomplete and says where reading stopped.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import Attribution
from reconcile.history.history import EVENT, EventsWitness, Progress
from reconcile.witnesses.gc_pause import no_garbage_collection
from reconcile.witnesses.run_records import RunRecords
from runlog.clock import AnchoredClock
from runlog.facts import RunFacts
from stores.kafka_client import KafkaProblem
from stores.topic import TopicBounds, read_bounds
from stores.topic_reader import PATIENCE_S, TopicRange, TopicReader
from stores.topic_settings import topic_settings

_STAGE: Final = "events"


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
        progress: called with "events", offsets read so far, offsets wanted.
        attribution: how the run's events are attributed to it; None: by their customer ids.
        rows: array of ROW, the run's: they help to attribute an event without a tag, and records that are no event are
            searched for their ids. None: none are known.
        names: texts of the rows' order ids that cannot be decoded from their bytes.
        patience_s: seconds without any progress after which reading is given up.

    Returns:
        The witness; incomplete, with the reason, when the topic is missing, when a partition is gone, or when the end
        of a partition could not be reached. What was read until then is in it.
    """
    read_at = clock.now()
    starts = facts.topic.starts
    try:
        bounds = read_bounds(client, facts.topic.name)
    except KafkaProblem as problem:
        return EventsWitness(
            np.empty(0, dtype=EVENT), 0, 0, dict(starts), {}, {}, {}, None, None, complete=False, problem=str(problem)
        )
    begin = {partition: _begin(facts, bounds, partition) for partition in bounds.ends}
    reader = TopicReader(client, TopicRange(facts.topic.name, begin, bounds.ends), patience_s=patience_s)
    found = RunRecords(facts, attribution, rows, names)
    problem_text = _read(reader, found, progress) or _gone(facts, bounds)
    settings = topic_settings(client, facts.topic.name)
    events = found.events.finish()
    mentions, aside, named_at = found.mentions.finish(events)
    return EventsWitness(
        events=events,
        foreign=found.foreign,
        unreadable=found.unreadable,
        starts={partition: starts.get(partition, 0) for partition in {**starts, **bounds.ends}},
        lows=bounds.lows,
        reached=reader.reached,
        ends=bounds.ends,
        topic_id=bounds.topic_id,
        read_at=read_at,
        complete=problem_text is None,
        problem=problem_text,
        compacted=settings.compacted,
        write_caching=settings.write_caching,
        settings_problem=settings.problem,
        skipped=reader.done - found.records,
        names=found.names,
        mentions=mentions,
        aside=aside,
        opaque=found.mentions.opaque,
        rejected=dict(found.mentions.rejected),
        named_at=named_at,
    )


def _read(reader: TopicReader, found: RunRecords, progress: Progress) -> str | None:
    """Read until all is read; return None, or why not."""
    progress(_STAGE, 0, reader.wanted)
    try:
        with no_garbage_collection():
            for records in reader.batches(lambda done, wanted: progress(_STAGE, done, wanted)):
                found.take(records)
    except KafkaProblem as problem:
        return str(problem)
    return None


def _begin(facts: RunFacts, bounds: TopicBounds, partition: int) -> int:
    """Return where to begin: at the run's start, or with all there is where the topic is plainly another one by now."""
    known, now = facts.topic.topic_id, bounds.topic_id
    low, end = bounds.lows[partition], bounds.ends[partition]
    start = facts.topic.starts.get(partition, 0)
    recreated = known is not None and now is not None and known != now
    return low if recreated or start > end else max(start, low)


def _gone(facts: RunFacts, bounds: TopicBounds) -> str | None:
    gone = sorted(set(facts.topic.starts).difference(bounds.ends))
    if not gone:
        return None
    return f"topic {facts.topic.name} has lost partitions that it had when the run started: {gone}"
