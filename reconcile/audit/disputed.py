"""Rows without an event that a record names which might be their event: the log is read once more for them.

Only when the first reading met records that do not count and are not certainly something else; what is kept is one
line a row that seems lost.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE
from contract.event import KafkaRecord, Why
from contract.ids import IDS, IdReader, bytes_of
from contract.run_events import NO_SEQUENCE
from contract.run_key import CHECK_KEY
from reconcile.audit.log import LogRange, LogReader, drain
from reconcile.audit.plan import AuditPlan
from reconcile.audit.verdict import Mention
from reconcile.history import EVENT, ROW, Progress
from reconcile.mentions import Mentions

_NO_EVENTS: Final = np.empty(0, dtype=EVENT)


@dataclass(frozen=True, slots=True)
class Disputes:
    """What was found.

    Attributes:
        named: by the 16 bytes of the order's id.
        places: where records name these orders, the most frequent place first.
        opaque: how many records are not certainly no event, and nothing attributes them to an order.
    """

    named: dict[bytes, Mention] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    opaque: int = 0


def find_disputes(
    plan: AuditPlan, ids: IdReader, missing: NDArray[np.void], where: LogRange, progress: Progress
) -> Disputes:
    """Look every record of `where` that does not count through for the orders `missing` (IDS).

    Raises:
        KafkaProblem: the topic could not be read.
    """
    rows = np.empty(len(missing), dtype=ROW)
    rows["hi"], rows["lo"], rows["seq"] = missing["hi"], missing["lo"], NO_SEQUENCE
    # No record is attributed by a tag here, so the run key says nothing.
    reader = LogReader(plan.event, IdReader(ids.kind, ids.padded))
    mentions = Mentions(reader.contract, CHECK_KEY, EXCLUSIVE, rows, ids.names)

    def take(records: list[Message]) -> None:
        why = reader.read(records).why
        at = np.flatnonzero(why)
        odd = [records[place] for place in at.tolist()]
        mentions.take(
            [KafkaRecord(one.key(), one.value(), tuple(one.headers() or ())) for one in odd],  # type: ignore[arg-type]
            why[at],
            np.array([one.partition() for one in odd], dtype=np.int64),
            np.array([one.offset() for one in odd], dtype=np.int64),
        )

    drain(plan.kafka, where, take, lambda _, done, total: progress("records that do not count", done, total))
    found, _, places = mentions.finish(_NO_EVENTS)
    named = {
        identity: Mention(int(one["partition"]), int(one["offset"]), int(one["count"]), Why(int(one["why"])))
        for identity, one in zip(bytes_of(_ids(found)), found, strict=True)
    }
    return Disputes(named, list(places), mentions.opaque)


def _ids(found: NDArray[np.void]) -> NDArray[np.void]:
    ids = np.empty(len(found), dtype=IDS)
    ids["hi"], ids["lo"] = found["hi"], found["lo"]
    return ids
