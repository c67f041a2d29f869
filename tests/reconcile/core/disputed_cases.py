"""Runs in which one order, one record or one answer is in doubt, for the sentences about it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contract.event import Why
from reconcile.history.confirmation import Confirmation, Contradiction
from reconcile.history.history import History
from tests.reconcile.core.run_builder import RunBuilder, facts, order_id

STACKS = ("embedded", "external")
GUARDS = {
    "no order disputed", "no opaque record", "no order changed", "answers return ids of their own", "no other writer",
}  # fmt: skip
"""Those that doubt order by order."""
PLACES = [{}, {"value": 3}, {"value": 3, "value:order.id": 2, "key": 1}]


def disputed_histories() -> Iterator[tuple[str, History]]:
    """Yield runs with a title each."""
    for stack in STACKS:
        for why in (Why.NO_ID,) if stack == "embedded" else Why:
            for places in PLACES if why is Why.NO_ID else PLACES[-1:]:
                builder = _lossy(2, stack=stack).mentioned(0, why, 2)
                builder.events_changes = {"named_at": places}
                yield (
                    f"{stack}: {why.name} names an order, at {', '.join(places) or 'no known place'}",
                    builder.history(),
                )
        without_tag = _lossy(1, stack=stack, attribution="acknowledged-only").mentioned(0, Why.NO_TAG)
        yield f"{stack}: the event of an unknown order names one, no tags", without_tag.history()
        both = _lossy(3, stack=stack).mentioned(2, Why.NO_ID).mentioned(1, Why.KEY_DIFFERS)
        yield f"{stack}: two orders are disputed", both.history()
        yield from ((f"{stack}: {title}", builder.history()) for title, builder in _ids(stack))
        yield from ((f"{stack}: {title}", builder.history()) for title, builder in _opaque(stack))
        yield from _looked_at_again(stack)


def _lossy(lost: int, **changes: Any) -> RunBuilder:
    builder = RunBuilder(facts=facts(**changes)).calm()
    for number in range(lost):
        builder.order(number, 12 + number / 10, event=False)
    return builder


def _ids(stack: str) -> Iterator[tuple[str, RunBuilder]]:
    for count in (1, 2):
        phantoms, moved, shared = (_lossy(0, stack=stack) for _ in range(3))
        for number in range(count):
            phantoms.order(number, 12 + number / 10, event=False).published(50 + number, number)
            moved.order(number, 12 + number / 10, answered_id=50 + number, row=False, event=False).stored(
                number, number
            )
            shared.order(number, 12 + number / 10, answered_id=999_999, row=False, event=False)
        yield f"{count} event(s) of attempts with a row under another id", phantoms
        yield f"{count} answer(s) with another id than the row", moved
        yield f"{count} answer(s) with the id of the check order", shared
    strangers = _lossy(3, stack=stack, attribution="exclusive")
    for more in (1, 2):
        strangers.stored(50 + more, None)
        yield f"{more} order(s) of another client", strangers
        strangers.published(60 + more, None)
        yield f"{more} order(s) and event(s) of another client", strangers


def _opaque(stack: str) -> Iterator[tuple[str, RunBuilder]]:
    for lost, opaque in ((0, 1), (0, 2), (1, 1), (2, 1), (3, 1), (3, 2), (3, 5)):
        builder = _lossy(lost, stack=stack)
        builder.events_changes = {"opaque": opaque}
        yield f"{opaque} opaque record(s), {lost} without an event", builder
    strangers = _lossy(4, stack=stack, attribution="exclusive").stored(50, None).published(60, None)
    strangers.events_changes = {"opaque": 2}
    yield "opaque records, and an order and an event of another client", strangers
    filtered = _lossy(2, stack=stack, event_filter="type=created")
    filtered.events_changes = {"opaque": 1}
    yield "an opaque record, and a filter", filtered
    doubtful = _lossy(2, stack=stack)
    doubtful.events_changes = {"opaque": 1, "complete": False, "problem": "gone"}
    yield "an opaque record, and another doubt", doubtful


def _looked_at_again(stack: str) -> Iterator[tuple[str, History]]:
    history = _lossy(2, stack=stack).history()
    found = [
        Contradiction(str(order_id(n)), "lost event", "a row, no event", "an event later", order_id(n).hex)
        for n in (0, 1)
    ]
    for count in (1, 2):
        later = Confirmation("", 2, 2, unsettled=found[:count])
        yield f"{stack}: {count} changed after the stores were read", replace(history, confirmation=later)
        named = Confirmation("", 2, 2, disputed=found[:count])
        yield f"{stack}: the second look found {count} named", replace(history, confirmation=named)
    cut = Confirmation("", 2, 1, complete=False, problem="no answer")
    yield f"{stack}: the second look was cut short", replace(history, confirmation=cut)
