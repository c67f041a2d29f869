"""One order of the harness's own, proven whole: answered, a row in PostgreSQL, an event in Kafka.

It is the baseline order before the fault, and the proof after it that the way is open again. It carries a run
key of its own and is in no count.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import gevent

from chaos.database import DatabaseError, OrdersTable
from chaos.subject import Subject
from chaos.topic import TopicError, find_event, topic_ends
from runlog.facts import CheckOrder, TopicStart
from runlog.ids import CHECK_KEY

ROW_WAIT_S: Final = 2.0
POLL_S: Final = 0.05
QUESTION_S: Final = 5.0
TIME_COLUMN: Final = "created_at"


@dataclass(frozen=True, slots=True)
class ProvenOrder:
    """What became of the check order.

    Attributes:
        order: what was found of it; None when the service did not even tell an id.
        topic: where the topic ended before the order; None when there is no such topic even after it.
        problem: what is missing, in one line; None when the order is whole.
        row_time: text of `created_at` in its row; None without such a column.
    """

    order: CheckOrder | None
    topic: TopicStart | None
    problem: str | None
    row_time: str | None = None


def prove_order(
    subject: Subject, table: OrdersTable, event_wait_s: float, told: Callable[[str], None] = lambda _: None
) -> ProvenOrder:
    """Place an order and wait until its row and its event are there.

    Args:
        subject: the system under test.
        table: its orders.
        event_wait_s: longest wait for the event in seconds.
        told: told the order's id as soon as it is known.
    """
    try:
        before = topic_ends(subject.kafka, subject.topic, QUESTION_S)
        placed = subject.place_order(CHECK_KEY.customer_id(uuid.uuid4().int >> 66))
        if placed.order_id is None:
            said = f"HTTP {placed.status}" if placed.status is not None else str(placed.reason)
            return ProvenOrder(None, before, f"the service did not take an order: {said}")
        told(str(placed.order_id))
        row = _await_row(table, placed.order_id)
        start = before or _new_topic(subject, event_wait_s)
        event = start is not None and find_event(subject.kafka, start, str(placed.order_id), event_wait_s)
        row_time = table.time_of(placed.order_id, TIME_COLUMN) if row else None
    except (TopicError, DatabaseError) as error:
        return ProvenOrder(None, None, str(error))
    order = CheckOrder(str(placed.order_id), placed.status or 0, row, event)
    return ProvenOrder(order, start, _missing(subject, order, start), row_time)


def _missing(subject: Subject, order: CheckOrder, start: TopicStart | None) -> str | None:
    if start is None:
        return f"--topic {subject.topic}: it does not exist and order {order.order_id} did not bring it into being"
    if not order.row:
        return f"order {order.order_id} was answered with {order.http_status} but has no row in {subject.orders_table}"
    if not order.event:
        return f"order {order.order_id} was answered with {order.http_status} but its event is not in {subject.topic}"
    return None


def _await_row(table: OrdersTable, order_id: uuid.UUID) -> bool:
    deadline = time.monotonic() + ROW_WAIT_S
    while not (found := table.has_order(order_id)) and time.monotonic() < deadline:
        gevent.sleep(POLL_S)
    return found


def _new_topic(subject: Subject, wait_s: float) -> TopicStart | None:
    """Wait for the topic that the first publish makes; all of it is new, so it starts at 0."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        made = topic_ends(subject.kafka, subject.topic, QUESTION_S)
        if made is not None:
            return TopicStart(made.name, made.topic_id, dict.fromkeys(made.starts, 0))
        gevent.sleep(POLL_S * 4)
    return None
