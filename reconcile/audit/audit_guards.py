"""The guards of an audit: whether topic, clocks and options allow a verdict. Pure."""

from collections.abc import Sequence
from typing import Final

from reconcile.analysis.plural import numbered, some
from reconcile.audit.audit_ruling import AuditGuard
from stores.topic import TopicBounds
from stores.topic_settings import TopicSettings

COMPACTION: Final = "topic keeps every event"


def compaction_guard(skipped: int, policy: TopicSettings | None, vouched: bool) -> AuditGuard:
    """Whether compaction may have removed an event that seems lost.

    Args:
        skipped: how many offsets that were read hold no readable record; 0: nothing was removed.
        policy: what the broker reports of the topic; not needed without such offsets.
        vouched: the user vouches that the topic is not compacted.
    """
    name, holes = COMPACTION, f"offsets read that hold no record: {skipped}"
    if not skipped or policy is None:
        return AuditGuard(name, True, "every offset that was read holds a record, so none was compacted away")
    if policy.compacted:
        text = f"the topic is compacted: a later record may have removed an event that seems lost ({holes})"
        return AuditGuard(name, False, text)
    if policy.compacted is False:
        return AuditGuard(name, True, "the topic is not compacted")
    if vouched:
        return AuditGuard(name, True, "--vouch-topic-intact says that the topic is not compacted")
    text = (
        f"unknown whether the topic is compacted, so an event that seems lost may have been removed ({holes}): "
        f"{policy.problem}; if you know that it is not compacted, give --vouch-topic-intact"
    )
    return AuditGuard(name, False, text)


def ids_distinct_guard(ambiguous: Sequence[str]) -> AuditGuard:
    """Whether no two ids of the table compare as equal; `ambiguous`: those that do."""
    text = "no two ids of the table compare as equal"
    if ambiguous:
        text = f"{len(ambiguous)} ids of the table compare as equal to another one, for example {ambiguous[0]!r}"
    return AuditGuard("ids distinct", not ambiguous, text)


def common_orders_guard(tied: bool, unreadable: int) -> AuditGuard:
    """Whether table and topic have orders in common; `unreadable`: how many records are no events."""
    text = "some orders are in both"
    if not tied:
        none = f" (records that are no events: {unreadable})" if unreadable else ""
        text = f"no order is in both{none}; check --topic, --event-id, --event-filter and --orders-table"
    return AuditGuard("table and topic belong together", tied, text)


def row_times_guard(future: int) -> AuditGuard:
    """Whether no row without an event is dated after the database's clock."""
    text = "no row without an event is dated after the database's clock"
    if future:
        verb = "is" if future == 1 else "are"
        text = (
            f"{some(future, 'row')} without an event {verb} dated after the database's clock; "
            "check --time-zone and the clocks"
        )
    return AuditGuard("row times plausible", not future, text)


def topic_guards(before: TopicBounds, after: TopicBounds) -> list[AuditGuard]:
    """Whether the topic is the one that it was at the start, and still has all its records."""
    same = not (before.topic_id and after.topic_id and before.topic_id != after.topic_id)
    same = same and all(after.ends.get(partition, -1) >= end for partition, end in before.ends.items())
    moved = [partition for partition, low in before.lows.items() if after.lows.get(partition, 0) > low]
    known = before.topic_id and after.topic_id
    same_topic = "its id is unchanged" if known else "the broker reports no topic id, and no partition became shorter"
    text = f"{same_topic}; no partition was truncated"
    if not same:
        text = "it was re-created or truncated while it was read"
    elif moved:
        text = f"{numbered(moved)} {'was' if len(moved) == 1 else 'were'} truncated at the beginning"
    return [
        AuditGuard("end of topic reached", True, f"partitions read to their end at the start: {len(before.ends)}"),
        AuditGuard("topic not truncated or re-created", same and not moved, text),
    ]
