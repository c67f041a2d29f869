"""Disputed rows: a record names them that might be their event. The log is read once more for them.

That is done only when the first reading met records that do not count and are not certainly something else, or events
without a row. One line is kept of each row that seems lost.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE
from contract.event import Why
from contract.ids import IdReader, among, bytes_of
from contract.run_events import NO_SEQUENCE
from contract.run_key import CHECK_KEY
from reconcile.audit.audit_plan import AuditPlan
from reconcile.audit.audit_ruling import Mention
from reconcile.audit.log_reader import LogReader, batches
from reconcile.history.history import EVENT, Progress, ids_of, rows_of
from reconcile.witnesses.mentions import Mentions
from stores.topic_reader import TopicRange, record_of

_NO_EVENTS: Final = np.empty(0, dtype=EVENT)


@dataclass(frozen=True, slots=True)
class Disputes:
    """What was found.

    Attributes:
        named: by the 16 bytes of the order's id.
        places: where records name these orders, the most frequent place first.
        opaque: how many records are not certainly no event, and nothing attributes them to an order.
        rowless: orders without a row whose events name one of `named`, by the 16 bytes of their ids.
    """

    named: dict[bytes, Mention] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    opaque: int = 0
    rowless: frozenset[bytes] = frozenset()


def find_disputes(
    plan: AuditPlan,
    ids: IdReader,
    missing: NDArray[np.void],
    where: TopicRange,
    progress: Progress,
    *,
    rowless: NDArray[np.void],
) -> Disputes:
    """Search every record that does not count, or is the event of an order without a row, for the orders `missing`.

    With an `--event-id` that is right for some events only, such a record is the event of the order that it names.

    Args:
        missing: rows without an event, array of IDS.
        progress: called with how reading goes on.
        rowless: orders of events without a row, array of IDS, ascending.

    Raises:
        KafkaProblem: the topic could not be read.
    """
    rows = rows_of(missing, NO_SEQUENCE)
    # No record is attributed by a tag here, so the run key says nothing.
    reader = LogReader(plan.event, IdReader(ids.kind, ids.padded))
    mentions = Mentions(reader.contract, CHECK_KEY, EXCLUSIVE, rows, ids.names)
    naming_rowless: set[bytes] = set()

    for records in batches(plan.kafka, where, progress, "records that do not count"):
        batch = reader.read(records)
        without_row = among(batch.orders, rowless)
        why = batch.why.copy()
        why[batch.at[without_row]] = Why.NO_ROW
        at = np.flatnonzero(why)
        rejected = [records[place] for place in at.tolist()]
        naming = mentions.take(
            [record_of(one) for one in rejected],
            why[at],
            np.array([one.partition() for one in rejected], dtype=np.int64),
            np.array([one.offset() for one in rejected], dtype=np.int64),
        )
        named_by_rowless = np.isin(batch.at, at[naming]) & without_row
        naming_rowless.update(bytes_of(batch.orders[named_by_rowless]))
    found, _, places = mentions.finish(_NO_EVENTS)
    named = {
        identity: Mention(int(one["partition"]), int(one["offset"]), int(one["count"]), Why(int(one["why"])))
        for identity, one in zip(bytes_of(ids_of(found)), found, strict=True)
    }
    return Disputes(named, list(places), mentions.opaque, frozenset(naming_rowless))
