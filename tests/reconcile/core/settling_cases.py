"""Runs whose topic was read soon, late or never, for the sentences about events that may still have come."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconcile.history.history import History
from runlog import marks as m
from tests.reconcile.core.run_builder import T0, RunBuilder, facts

GUARDS = {"drain complete", "publish horizon passed"}


def settling_histories() -> Iterator[tuple[str, History]]:
    """Yield runs with a title each; in all but the last an event is missing."""
    for title, builder in _unknown_publisher():
        yield f"publisher unknown: {title}", builder.history()
    for title, changes in (("given", {"publish_horizon_s": 8.0}), ("ours", {"stack": "embedded"})):
        for second in (28.9, 40.0):
            yield f"publisher {title}: read at second {second:g}", _read(_lossy(**changes), second).history()
    yield "no horizon at all, read at once", _read(_lossy(publish_horizon_s=0.0), 21.5).history()
    unseen = RunBuilder(facts=facts(stack="external")).order(1, 1).order(2, 5).order(3, 13, appended=36).order(4, 24)
    yield "a late event came after the last probe", _read(unseen.order(5, 28), None).history()
    for complete in (True, False):
        builder = _lossy(backlog_watched=True).mark(m.DRAINED, complete=complete, missing=["a backlog"])
        yield f"backlog {'' if complete else 'not '}seen empty", builder.history()
    yield "the drain's canary order repeated an id", _lossy().mark(m.DRAINED, repeated_id="aaaa").history()
    whole = RunBuilder(facts=facts(stack="external")).calm().mark(m.DRAINED, repeated_id="aaaa")
    yield "the same, and nothing is missing", whole.history()


def _lossy(**changes: Any) -> RunBuilder:
    unknown = {"stack": "external", "service_variant": None, "delivery_timeout_s": None, **changes}
    if unknown["stack"] == "embedded":
        unknown |= {"service_variant": "naive", "delivery_timeout_s": 3.0}
    return RunBuilder(facts=facts(**unknown)).calm().order(1, 12, event=False)


def _read(builder: RunBuilder, second: float | None) -> RunBuilder:
    builder.events_changes = {"read_at": None if second is None else T0 + second}
    return builder


def _unknown_publisher() -> Iterator[tuple[str, RunBuilder]]:
    for second in (30.0, 33.49, 40.0, None):
        yield f"read at second {second}", _read(_lossy(), second)
    late = _lossy().order(2, 13, appended=30)
    yield "read soon after a late arrival", _read(late, 36.0)
    calm = _lossy().without(m.INJECTING, m.INJECTED, m.HEALING, m.HEALED)
    calm.facts = replace(calm.facts, scenario="control")
    yield "no outage", calm
