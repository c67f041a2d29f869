"""`python -m reconcile check`: whether a run that consists of one order could be judged, before a fault is injected.

The order is read in every way in which a run is: rows and events by the first reading, the search for the row of an
event, and the verification in both stores. What fails here would fail at the end of a run.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.attribution import EXCLUSIVE, TAGGED, Attribution
from contract.event import Why
from contract.ids import IDS, among
from contract.order_id import encode_order_id, name_of
from contract.run_events import NO_SEQUENCE
from contract.run_key import CHECK_KEY
from reconcile.history.history import ROW, EventsWitness, RowsWitness, ids_of
from reconcile.witnesses.witness_stores import Stores
from runlog.check_request import CheckAnswer, CheckRequest
from runlog.clock import AnchoredClock
from runlog.exit_codes import AS_EXPECTED, USAGE_OR_CRASH
from runlog.facts import RunFacts
from runlog.fault_facts import FaultFacts

_NOTHING: Final = np.empty(0, dtype=IDS)
_USAGE: Final = "python -m reconcile check: one request of JSON is expected on standard input, as preflight sends it\n"


def main() -> int:
    """Answer the request on standard input; return the exit code: 0 if it was answered, whatever the result."""
    out = sys.stdout.buffer

    def say(answer: CheckAnswer) -> None:
        out.write(answer.dump())
        out.flush()

    line = sys.stdin.buffer.readline()
    try:
        request = CheckRequest.load(line)
    except ValueError:
        sys.stderr.write(_USAGE)
        return USAGE_OR_CRASH
    problem = OrderCheck(request, lambda doing: say(CheckAnswer(doing))).run()
    say(CheckAnswer(done=True, problem=problem))
    return AS_EXPECTED


class OrderCheck:
    """Judges one order as a run of its own."""

    def __init__(self, request: CheckRequest, doing: Callable[[str], None]) -> None:
        self._request, self._doing = request, doing
        self._facts = _facts(request)
        kind = self._facts.contract.id_kind
        identity = encode_order_id(kind, request.order_id)
        if identity is None:
            raise ValueError(f"{request.order_id!r} is no {kind.value} id")
        self._order: NDArray[np.void] = np.frombuffer(identity, dtype=IDS)
        name = name_of(kind, identity, request.order_id)
        self._names = {} if name is None else {identity: name}
        self._attribution = Attribution(request.attribution, _NOTHING, self._order, self._names)

    def run(self) -> str | None:
        """Return why a run could not be judged, in one sentence; None when it could."""
        rows = self._rows()
        if problem := self._wrong_rows(rows):
            return problem
        events = self._events(rows)
        return self._wrong_events(events) or self._wrong_elsewhere(rows) or self._wrong_verification(rows, events)

    def _rows(self) -> RowsWitness:
        from reconcile.witnesses.rows import read_rows

        self._doing("reading the rows of a run")
        facts = self._facts
        return read_rows(self._request.database_url, facts, facts.clock, self._progress, attribution=self._attribution)

    def _events(self, rows: RowsWitness) -> EventsWitness:
        from reconcile.witnesses.events import read_events

        self._doing("reading the events of a run")
        facts = self._facts
        return read_events(
            self._request.kafka, facts, facts.clock, self._progress, attribution=self._attribution, rows=rows.rows
        )

    def _wrong_rows(self, rows: RowsWitness) -> str | None:
        table = self._facts.contract.table
        if not rows.complete:
            return f"the rows of a run could not be read: {rows.problem}"
        # Rows of such a run are younger than the check order: here only the query itself is checked.
        if self._request.attribution == EXCLUSIVE:
            return None
        found = rows.rows[among(ids_of(rows.rows), self._order)]
        if not len(found):
            by = f" by {table.tag_column} (--orders-tag-column)" if self._request.attribution == TAGGED else ""
            return (
                f"order {self._request.order_id} has a row in {table.name}, but a run would not find it{by}; "
                f"check --orders-id-column {table.id_column}"
            )
        if self._request.attribution == TAGGED and self._request.sequence not in found["seq"].tolist():
            return f"the row of order {self._request.order_id} carries another tag in {table.tag_column} than was sent"
        return None

    def _wrong_events(self, events: EventsWitness) -> str | None:
        order, topic = self._request.order_id, self._facts.topic.name
        if not events.complete:
            return f"the events of a run could not be read: {events.problem}"
        found = events.events[among(ids_of(events.events), self._order)]
        contract = self._facts.contract.event
        if not len(found):
            why = [contract.explain(Why(one)) for one in sorted(events.rejected)]
            places = f", and names the order at {', '.join(events.named_at)}" if events.named_at else ""
            seen = f"; what came {' or '.join(why)}{places}" if why else ""
            return f"the event of order {order} in {topic} would not count in a run{seen}"
        if self._request.attribution == TAGGED and self._request.sequence not in found["seq"].tolist():
            what = "has no tag" if int(found["seq"][0]) == int(NO_SEQUENCE) else "has another tag than was sent"
            return f"--event-tag {contract.tag_place}: the event of order {order} {what} there"
        return None

    def _wrong_elsewhere(self, rows: RowsWitness) -> str | None:
        from reconcile.witnesses.rows import look_elsewhere

        self._doing("looking for the row of an event")
        alone = replace(rows, rows=np.empty(0, dtype=ROW))
        found = look_elsewhere(self._request.database_url, alone, self._order, self._facts, self._names)
        if not found.complete:
            return f"the row of an event could not be looked up: {found.problem}"
        if not among(self._order, np.unique(found.elsewhere)).all():
            return f"the row of order {self._request.order_id} was not found by the id of its event"
        return None

    def _wrong_verification(self, rows: RowsWitness, events: EventsWitness) -> str | None:
        from reconcile.verify.verification import verify_order

        self._doing("looking the order up again, as for each violation")
        request = self._request
        stores = Stores(request.database_url, request.kafka)
        missing = verify_order(stores, (rows, events), self._facts, request.order_id, self._progress)
        return None if missing is None else f"the second look at both stores would fail: {missing}"

    def _progress(self, what: str, done: int, total: int | None) -> None:
        self._doing(f"{what}: {done:,}" + (f" of {total:,}" if total else ""))


def _facts(request: CheckRequest) -> RunFacts:
    """Return the facts of a run that consists of the one order."""
    clock = AnchoredClock.anchor()
    return RunFacts(
        run_id="check",
        run_key=CHECK_KEY,
        started_at=clock.now(),
        clock=clock,
        options={},
        command=[],
        versions={},
        scenario="control",
        stack=request.stack,
        rate=1.0,
        baseline_s=0.0,
        outage_s=0.0,
        recovery_s=0.0,
        request_timeout_s=0.0,
        delivery_timeout_s=None,
        settle_s=0.0,
        fault=FaultFacts("stop", "stop of the {target}"),
        fault_target="broker",
        expect="any",
        expect_source="",
        attribution=request.attribution,
        topic=request.topic,
        contract=request.contract,
        database_time=request.row_time,
    )
