"""A canary order: one that the harness places itself and follows from its answer to its row and its event.

Preflight places one before the fault, the drain one after it, as proof that events get through again. It carries a
run key of its own and is in no count.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import gevent

from chaos.run.topic import native, topic_start
from chaos.sut.sut import SystemUnderTest
from contract.http import PlacedOrder
from contract.order_id import AcknowledgedId
from contract.run_key import CHECK_KEY
from runlog.facts import CheckOrder, TopicStart
from stack.process import wait_until
from stores.event_search import CLOUD_EVENT_TYPE, EventSeen, find_event
from stores.kafka_client import KafkaProblem
from stores.orders_table import OrdersTable
from stores.postgres import DatabaseProblem
from stores.topic import topic_names

ROW_WAIT_S: Final = 2.0
POLL_S: Final = 0.05
LONGEST_SHOWN: Final = 60
MOST_TOPICS: Final = 20
# Some services omit the customer from some events: at most so many canary orders are placed until one carries it.
MOST_CANARIES: Final = 4
# Which option an HTTP status points to.
_REMEDIES: Final = {
    400: "--order-body", 401: "--header", 403: "--header", 404: "--order-path", 405: "--order-path",
    415: "--header Content-Type", 422: "--order-body",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CanaryOrder:
    """What was found of a canary order.

    Attributes:
        order: which of its witnesses were found; None if the answer held no id.
        topic: where the topic ended before the order; None if there is no such topic even after it.
        problem: what is missing, in one line; None if the order is complete.
        row_time: text of the time column in its row; None without such a column.
        sequence: sequence number of the tag that was sent with it.
        without_tag: its event carries the tag nowhere, and no other customer id at its place.
    """

    order: CheckOrder | None
    topic: TopicStart | None
    problem: str | None
    row_time: str | None = None
    sequence: int = 0
    without_tag: bool = False


def place_canary(
    sut: SystemUnderTest, table: OrdersTable, event_wait_s: float, placed_id: Callable[[str], None] = lambda _: None
) -> CanaryOrder:
    """Place an order and wait for its row and its event; place another one if only the event's tag is missing.

    Args:
        event_wait_s: longest wait for the event in seconds.
        placed_id: called with the order's id as soon as it is known.
    """
    for _ in range(MOST_CANARIES):
        proven = _place_once(sut, table, event_wait_s, placed_id)
        if not proven.without_tag:
            return proven
    return replace(proven, problem=f"{proven.problem} (nor is it in the events of {MOST_CANARIES - 1} orders before)")


def _place_once(
    sut: SystemUnderTest, table: OrdersTable, event_wait_s: float, placed_id: Callable[[str], None]
) -> CanaryOrder:
    try:
        before = topic_start(sut.kafka, sut.topic)
        customer = CHECK_KEY.customer_id(uuid.uuid4().int >> 66)
        placed = sut.place_order(customer)
        if placed.order_id is None:
            return CanaryOrder(None, before, _refusal(sut, placed))
        placed_id(str(placed.order_id))
        row = wait_until(partial(table.has_order, placed.order_id.text), ROW_WAIT_S, POLL_S)
        start = before or _new_topic(sut, event_wait_s)
        seen = EventSeen(False)
        if start is not None:
            seen = _find_event(sut, start, placed.order_id, customer, event_wait_s)
        order = CheckOrder(str(placed.order_id), placed.status or 0, row, seen.found)
        row_time = table.text_of(placed.order_id.text, sut.contract.table.time_column) if row else None
        problem = _missing(sut, order, start, seen) or _unfiltered(order, seen)
        problem = problem or _misplaced_tag(sut, table, order, seen, str(customer))
        without_tag = problem is not None and seen.found and not (seen.unfiltered or seen.tag or seen.tag_places)
    except (KafkaProblem, DatabaseProblem) as error:
        return CanaryOrder(None, None, str(error))
    return CanaryOrder(order, start, problem, row_time, CHECK_KEY.sequence_of(customer) or 0, without_tag)


def _find_event(
    sut: SystemUnderTest, start: TopicStart, order: AcknowledgedId, customer: uuid.UUID, wait_s: float
) -> EventSeen:
    def search() -> EventSeen:
        return find_event(
            sut.kafka, start.name, start.starts, sut.contract.event, order, customer=str(customer), timeout_s=wait_s
        )

    return native(search)


def _refusal(sut: SystemUnderTest, placed: PlacedOrder) -> str:
    refused = "the service did not accept an order"
    if placed.status is None:
        return f"{refused}: {placed.reason}"
    if 200 <= placed.status < 300:
        return f"the service answered an order with HTTP {placed.status}, {placed.reason}"
    remedy = _REMEDIES.get(placed.status) if sut.stack == "external" else None
    parts = [f"{refused}: HTTP {placed.status}", placed.reason, f"see {remedy}" if remedy else None]
    return ", ".join(filter(None, parts))


def _missing(sut: SystemUnderTest, order: CheckOrder, start: TopicStart | None, seen: EventSeen) -> str | None:
    answered = f"order {order.order_id} was answered with {order.http_status} but"
    if start is None:
        there = native(lambda: topic_names(sut.kafka))
        names = ", ".join(there[:MOST_TOPICS]) or "none"
        return f"--topic {sut.topic}: it does not exist and order {order.order_id} did not create it; there are {names}"
    if not order.row:
        slash = ", header:NAME/ for what follows its last slash" if "/" in order.order_id else ""
        options = f" (--order-id{slash}; --orders-table, --orders-id-column)" if sut.stack == "external" else ""
        return f"{answered} has no row in {sut.contract.table.name}{options}"
    if not order.event:
        return f"{answered} its event is not in {sut.topic}" + (f"; {seen.hint}" if seen.hint else "")
    return None


def _unfiltered(order: CheckOrder, seen: EventSeen) -> str | None:
    """Return a problem if the filter is missing: an order's later events of other types would then hide a lost one."""
    if not seen.unfiltered:
        return None
    return (
        f"--event-filter is missing: the event of order {order.order_id} is a CloudEvent, and without a filter those "
        f"of any other type about the order would count as its event, too; give header:{CLOUD_EVENT_TYPE.name}="
        f"{seen.unfiltered}"
    )


def _misplaced_tag(
    sut: SystemUnderTest, table: OrdersTable, order: CheckOrder, seen: EventSeen, customer: str
) -> str | None:
    """Return what is wrong with the tag of a complete order; the orders of a run are found by their tags."""
    column = sut.contract.table.tag_column
    if sut.attribution != "tagged" or column is None:
        return None
    held = table.text_of(order.order_id, column)
    if (held or "").strip().lower() != customer:
        found = "nothing" if held is None else repr(held[:LONGEST_SHOWN])
        return (
            f"--orders-tag-column {column}: the row of order {order.order_id} holds {found} there and not "
            f"the customer id that was sent, {customer}; name the column that does, or give --attribution "
            "acknowledged-only"
        )
    if seen.tag is None or seen.tag.lower() != customer:
        place = ", ".join(seen.tag_places)
        return (
            f"--event-tag {sut.contract.event.tag_place}: the event of order {order.order_id} does not carry there the "
            f"customer id that was sent; "
            + (f"it is at {place}" if place else "it is nowhere in it: give --attribution acknowledged-only")
        )
    return None


def _new_topic(sut: SystemUnderTest, wait_s: float) -> TopicStart | None:
    """Wait for the topic that the first publish creates; all of it is new, so it starts at 0."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        made = topic_start(sut.kafka, sut.topic)
        if made is not None:
            return TopicStart(made.name, made.topic_id, dict.fromkeys(made.starts, 0))
        gevent.sleep(POLL_S * 4)
    return None
