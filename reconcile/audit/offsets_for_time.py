"""Offsets by the time of records, and how old the beginning of the log is.

Record timestamps are the producer's (or the broker's) and prove nothing about an order; they only choose where reading
begins and from when on rows can be judged, each time with a margin on the safe side.
"""

from collections.abc import Mapping
from typing import Final

from reconcile.audit.log_reader import batches
from stores.topic import TopicBounds, offsets_at
from stores.topic_reader import TopicRange

FIRST_RECORDS: Final = 200
"""Records at the beginning of a partition whose times are looked at."""


def offsets_from(client: Mapping[str, str], topic: str, bounds: TopicBounds, epoch: float) -> dict[int, int]:
    """Return by partition the first offset whose record is not older than `epoch` (seconds); its end when none is.

    Raises:
        KafkaProblem: the broker did not report it.
    """
    found = offsets_at(client, topic, list(bounds.ends), epoch)
    return {
        partition: min(end, max(bounds.lows[partition], found[partition] if found[partition] >= 0 else end))
        for partition, end in bounds.ends.items()
    }


def first_times(client: Mapping[str, str], topic: str, bounds: TopicBounds) -> dict[int, float]:
    """Return the time of the first records of each partition that has any, in epoch seconds.

    Of a partition whose beginning was deleted it is the newest of their times, else the oldest.

    Raises:
        KafkaProblem: they could not be read.
    """
    times: dict[int, float] = {}
    ends = {p: min(end, bounds.lows[p] + FIRST_RECORDS) for p, end in bounds.ends.items()}
    for records in batches(client, TopicRange(topic, dict(bounds.lows), ends), lambda *_: None):
        for record in records:
            partition, stamp = record.partition() or 0, record.timestamp()[1] / 1000
            pick = max if bounds.lows[partition] else min
            times[partition] = pick(stamp, times.get(partition, stamp))
    return times
