"""The order ids of a topic's events, as an audit reads them: no more of a record is kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.event import EventContract, Why
from contract.ids import IDS, IdReader
from contract.order_id import IdKind
from contract.reading import EventBatch, EventReader
from reconcile.history.history import Progress
from reconcile.witnesses.gc_pause import no_garbage_collection
from reconcile.witnesses.growable_array import GrowableArray
from stores.topic_reader import Message, TopicRange, TopicReader, columns_of

_STAGE: Final = "events"


@dataclass(frozen=True, slots=True)
class LogIds:
    """What was read.

    Attributes:
        ids: array of IDS, of every event.
        unreadable: how many records were no event.
        doubtful: how many of these are not certainly no event.
        skipped: offsets of the range at which no readable record was; 0 proves that nothing of it was compacted away.
    """

    ids: NDArray[np.void]
    unreadable: int
    skipped: int = 0
    doubtful: int = 0


class LogReader:
    """Reads the order ids of events by the event contract.

    Args:
        contract: of events; the kind of ids is that of the table.
        ids: reader of ids; remembers their texts.
    """

    def __init__(self, contract: EventContract, ids: IdReader) -> None:
        self.contract = replace(contract, id_kind=ids.kind)
        self._events = EventReader(self.contract)
        self._ids = ids

    def read(self, records: list[Message]) -> EventBatch:
        """Return what `records` say; the texts of their ids are remembered."""
        batch = self._events.batch(*columns_of(records, headers=self.contract.needs_headers))
        if self._ids.kind is IdKind.TEXT:
            return replace(batch, orders=self._ids.of_events(batch.texts)[0])
        return batch


def read_log(client: Mapping[str, str], wanted: TopicRange, reader: LogReader, progress: Progress) -> LogIds:
    """Read the range.

    Args:
        client: librdkafka properties.

    Raises:
        KafkaProblem: it could not be read to its end.
    """
    ids, read = GrowableArray(IDS), 0
    rejected = np.zeros(max(Why) + 1, dtype=np.int64)
    for records in batches(client, wanted, progress):
        batch = reader.read(records)
        read += len(records)
        ids.extend(len(batch.orders))[:] = batch.orders
        if len(batch.orders) < len(records):
            np.add.at(rejected, batch.why[batch.why != 0], 1)
    doubtful = int(sum(rejected[why] for why in Why if not why.certain))
    return LogIds(ids.finish(), int(rejected.sum()), wanted.wanted - read, doubtful)


def batches(
    client: Mapping[str, str], wanted: TopicRange, progress: Progress, stage: str = _STAGE
) -> Iterator[list[Message]]:
    """Yield every record of the range.

    Args:
        client: librdkafka properties.
        progress: called with `stage`, offsets read so far, offsets wanted.

    Raises:
        KafkaProblem: the range could not be read to its end.
    """
    with no_garbage_collection():
        yield from TopicReader(client, wanted).batches(lambda done, total: progress(stage, done, total))
