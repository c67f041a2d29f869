"""Guards of an audit: whether the topic, the clocks and the options allow a verdict. Pure."""

from typing import Final

from reconcile.analysis.plural import some
from reconcile.audit.audit_ruling import AuditGuard
from stores.topic import TopicBounds, TopicSettings

KEPT: Final = "topic keeps every event"


def kept(skipped: int, policy: TopicSettings, vouched: bool) -> AuditGuard:
    """Return whether compaction can have removed an event that seems lost.

    Args:
        skipped: offsets of what was read at which no readable record was; 0: nothing was removed.
        policy: what the broker says of the topic.
        vouched: the user says that it is not compacted.
    """
    name, holes = KEPT, f"{some(skipped, 'offset')} of what was read without a record"
    if not skipped:
        return AuditGuard(name, True, "a record at every offset that was read: nothing was compacted away")
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


def tie(tied: bool, unreadable: int) -> AuditGuard:
    """Return whether table and topic belong together; `unreadable`: how many records count as no event."""
    text = "orders are in both"
    if not tied:
        none = f" ({some(unreadable, 'record')} counted as no event)" if unreadable else ""
        text = f"no order is in both{none}; are --topic, --event-id, --event-filter and --orders-table right?"
    return AuditGuard("table and topic belong together", tied, text)


def clocks(future: int) -> AuditGuard:
    """Return whether no row without an event is from the future."""
    text = "no row without an event is from the future"
    if future:
        verb = "is" if future == 1 else "are"
        text = (
            f"{some(future, 'row')} without an event {verb} from the future by the database's clock; "
            "the zone (--time-zone) or a clock is wrong"
        )
    return AuditGuard("row times plausible", not future, text)


def topic_guards(before: TopicBounds, after: TopicBounds) -> list[AuditGuard]:
    """Return whether the topic is still that of the start, and whole."""
    same = not (before.topic_id and after.topic_id and before.topic_id != after.topic_id)
    same = same and all(after.ends.get(partition, -1) >= end for partition, end in before.ends.items())
    moved = [partition for partition, low in before.lows.items() if after.lows.get(partition, 0) > low]
    known = before.topic_id and after.topic_id
    whole = "its id is unchanged" if known else "the broker reports no topic id, and no partition became shorter"
    text = f"{whole}; no partition lost its beginning"
    if not same:
        text = "it was re-created or cut while it was read"
    elif moved:
        text = f"partition {', '.join(map(str, moved))} lost its beginning while it was read"
    return [
        AuditGuard("end of topic reached", True, f"all {len(before.ends)} partitions to the ends they had"),
        AuditGuard("topic not truncated or re-created", same and not moved, text),
    ]
