"""Samples of the log: they show the time zone of naive times, the time since which events are published, and whether
table and topic belong together at all.

Record timestamps are the producer's (or the broker's). They choose and calibrate; they prove nothing of an order.
"""

from typing import Final

from contract.ids import IdReader, bytes_of
from reconcile.audit.audit_plan import AuditPlan
from reconcile.audit.audit_table import TableShape, as_written, look_up
from reconcile.audit.log_reader import LogReader, batches
from stores import sql
from stores.postgres import Snapshot
from stores.topic import TopicBounds
from stores.topic_reader import TopicRange

SAMPLE: Final = 100
"""Records that are read in one place of a partition."""
PLACES: Final = 5
"""Places, evenly over what is sampled: a burst of late events must not fill them all."""
RECENT: Final = 10_000
"""Records at the end of a partition that count as recent."""


class Samples:
    """Reads samples of records and the rows of their orders.

    Args:
        snapshot: where rows are looked up.
    """

    def __init__(self, plan: AuditPlan, snapshot: Snapshot, shape: TableShape, bounds: TopicBounds) -> None:
        self._plan, self._snapshot, self._shape, self._bounds = plan, snapshot, shape, bounds

    def recent_pairs(self) -> list[tuple[float, float]]:
        """Return for recent events the time of the row, taken for UTC, and that of the event's record.

        Raises:
            DatabaseProblem, KafkaProblem: a store could not be asked.
        """
        bounds = self._bounds
        stamps = self._stamps({p: max(bounds.lows[p], end - RECENT) for p, end in bounds.ends.items()}, PLACES)
        rows = look_up(self._snapshot, self._shape, list(stamps), None)
        return [(at, stamps[order]) for order, at in rows.items() if at is not None]

    def first_rows(self, time_zone: sql.Composable | None) -> list[float]:
        """Return when the rows were made whose events are at the beginning of the topic's partitions, ascending.

        Args:
            time_zone: SQL of the time zone of naive times.

        Raises:
            DatabaseProblem, KafkaProblem: a store could not be asked.
        """
        rows = look_up(self._snapshot, self._shape, list(self._stamps(dict(self._bounds.lows), 1)), time_zone)
        return sorted(at for at in rows.values() if at is not None)

    def any_row(self) -> bool:
        """Return whether any of the sampled events, all over the topic, has a row.

        Raises:
            DatabaseProblem, KafkaProblem: a store could not be asked.
        """
        ids = list(self._stamps(dict(self._bounds.lows), 2 * PLACES))
        return bool(look_up(self._snapshot, self._shape, ids, None))

    def _stamps(self, begin: dict[int, int], places: int) -> dict[str, float]:
        """Return by order id, in each spelling, the time of its first record in `places` places from `begin` on."""
        stamps: dict[str, float] = {}
        ids = IdReader(self._shape.kind, self._shape.padded)
        reader = LogReader(self._plan.event, ids)
        for sample in sample_ranges(self._plan.topic, begin, self._bounds.ends, places):
            for records in batches(self._plan.kafka, sample, lambda *_: None):
                batch = reader.read(records)
                for at, identity in zip(batch.at.tolist(), bytes_of(batch.orders), strict=True):
                    for word in as_written(ids.kind, ids.text(identity)):
                        stamps.setdefault(word, records[at].timestamp()[1] / 1000)
        return stamps


def sample_ranges(topic: str, begin: dict[int, int], ends: dict[int, int], places: int) -> list[TopicRange]:
    """Return the ranges to be read, oldest first: the first at `begin`, the last at the ends, none twice. Pure."""
    ranges = []
    last = dict(begin)
    for place in range(places):
        first = {}
        for partition, end in ends.items():
            room = max(0, end - SAMPLE - begin[partition])
            first[partition] = max(last[partition], begin[partition] + room * place // max(1, places - 1))
        last = {partition: min(end, first[partition] + SAMPLE) for partition, end in ends.items()}
        if any(first[partition] < last[partition] for partition in ends):
            ranges.append(TopicRange(topic, first, dict(last)))
    return ranges
