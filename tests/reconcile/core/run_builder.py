"""Builds runs of a few orders for tests: what was sent, what was stored, what was published.

Second 0 is the start: baseline to 10, outage from 10 (proven down 10.5, healing 20, proven back 21), recovery to 31,
drain to 33. The monitor probes every 0.1 s; it gets no answer from 10.35 to 20.85.
"""

import json
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.faults.registry import FAULTS, chosen_fault
from contract.contract import contract_from_texts
from contract.event import Why
from contract.ids import IDS
from contract.run_events import NO_SEQUENCE
from contract.run_key import RunKey
from health.replies import CONNECTIONS, ProbeResult
from reconcile.history.history import EVENT, MENTION, ROW, EventsWitness, History, RowsWitness
from runlog import marks as m
from runlog.clock import AnchoredClock
from runlog.facts import CheckOrder, RunFacts, TopicStart
from runlog.folder import RunFolder
from runlog.ledger import FIELDS, NO_ID, Completion, Ledger, LedgerWriter, Phase, RecordKind
from runlog.marks import Mark, MarksWriter
from runlog.offsets import Observation
from runlog.outcomes import Failure, Outcome
from runlog.probe_results import probe_record
from settings.run_settings import make_settings

T0 = 1_795_000_000.0
KEY = RunKey.parse("0123456789ab4def")
DOWN_EDGE, UP_EDGE = (T0 + 10.3, T0 + 10.4), (T0 + 20.8, T0 + 20.9)
START_OFFSET = 100


def order_id(number: int) -> uuid.UUID:
    """Return the order id with this number; numbers keep their order."""
    return uuid.UUID(int=(0xAAAA_0000_0000_4000 << 64) | (0b10 << 62) | number)


CONTRACT = (
    "orders_table", "orders_id_column", "orders_tag_column", "orders_time_column", "outbox_table", "id_kind",
    "event_id", "event_filter", "event_tag",
)  # fmt: skip
"""Texts of options that `facts` takes beside its fields, and makes the contract of."""


def facts(**changes: Any) -> RunFacts:
    stated = {name: changes.pop(name) for name in CONTRACT if name in changes}
    if isinstance(changes.get("fault"), str):
        changes["fault"] = chosen_fault(make_settings({"fault": changes["fault"]})).facts
    own, attribution = changes.get("stack", "embedded") != "external", changes.get("attribution", "tagged")
    base = RunFacts(
        run_id="20261123-073000-4f2a",
        run_key=KEY,
        started_at=T0,
        clock=AnchoredClock(T0, 0.0),
        options={"rate": "2"},
        command=["locust", "--headless"],
        versions={"locust": "2.47.0"},
        scenario="lost-event",
        stack="embedded",
        rate=2.0,
        baseline_s=10.0,
        outage_s=9.5,
        recovery_s=10.0,
        request_timeout_s=5.0,
        delivery_timeout_s=3.0,
        settle_s=2.0,
        fault=FAULTS["stop"].facts,
        fault_target="broker",
        expect="consistent",
        expect_source="the default",
        attribution="tagged",
        topic=TopicStart("order.created", "topic-1", {0: START_OFFSET}),
        service_variant="naive",
        check_order=CheckOrder(str(order_id(999_999)), 201, row=True, event=True),
        contract=contract_from_texts(**stated, attribution=attribution, reference=own),
    )
    return replace(base, **changes)


def usual_marks() -> list[Mark]:
    return [
        Mark(T0, m.STARTED, None, {"run": str(KEY)}),
        Mark(T0, m.BASELINE),
        Mark(T0 + 10, m.INJECTING, 0, {"fault": "stop", "target": "broker"}),
        Mark(T0 + 10.5, m.INJECTED, 0, {"down_edge": list(DOWN_EDGE)}),
        Mark(T0 + 20, m.HEALING, 0),
        Mark(T0 + 21, m.HEALED, 0, {"up_edge": list(UP_EDGE), "healed_by": "harness"}),
        Mark(T0 + 21, m.RECOVERY),
        Mark(T0 + 31, m.DRAIN),
        Mark(T0 + 33, m.DRAINED, None, {"complete": True, "missing": []}),
        Mark(T0 + 33.5, m.ENDED, None, {"wall_step": 0.01}),
    ]


@dataclass
class RunBuilder:
    """Builds one run. Times are seconds since its start; order numbers name ids by `order_id`."""

    attempts: list[tuple[Any, ...]] = field(default_factory=list)
    rows: list[tuple[int, int | None]] = field(default_factory=list)
    events: list[tuple[int, int | None, float, int]] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    elsewhere: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=usual_marks)
    facts: RunFacts = field(default_factory=facts)
    rows_changes: dict[str, Any] = field(default_factory=dict)
    events_changes: dict[str, Any] = field(default_factory=dict)
    ledger_changes: dict[str, Any] = field(default_factory=dict)
    mentions: list[tuple[int, Why, int]] = field(default_factory=list)
    observations: list[Observation] | None = None
    probe_results: list[ProbeResult] | None = None

    def order(
        self,
        seq: int,
        at: float,
        outcome: Outcome = Outcome.ACKNOWLEDGED,
        *,
        row: bool = True,
        event: bool = True,
        answered_id: int | None = None,
        appended: float | None = None,
        took: float = 0.02,
        status: int | None = None,
        failure: Failure = Failure.NONE,
    ) -> "RunBuilder":
        """Send an order; number `seq` is its id. `answered_id` replaces the id in the answer (-1: none)."""
        acknowledged = outcome in {Outcome.ACKNOWLEDGED, Outcome.PROVOKED}
        number = answered_id if answered_id is not None else (seq if acknowledged else -1)
        code = status if status is not None else {0: 500, 1: 201, 2: 400, 3: 200}[outcome]
        identity = order_id(number).bytes if number >= 0 else NO_ID
        times = (T0 + at, T0 + at, T0 + at + took)
        self.attempts.append(
            (RecordKind.COMPLETED, outcome, code, phase(at), number >= 0, failure, seq, *times, identity)
        )
        if row:
            self.stored(seq, seq)
        if event:
            self.published(seq, seq, appended if appended is not None else at + 0.01)
        return self

    def unanswered(self, seq: int, at: float) -> "RunBuilder":
        self.attempts.append((RecordKind.SENT, 0, 0, phase(at), 0, 0, seq, T0 + at, T0 + at, 0.0, NO_ID))
        return self

    def not_sent(self, seq: int, at: float) -> "RunBuilder":
        self.attempts.append((RecordKind.NOT_SENT, 0, 0, phase(at), 0, 0, seq, T0 + at, 0.0, 0.0, NO_ID))
        return self

    def stored(self, number: int, seq: int | None) -> "RunBuilder":
        self.rows.append((number, seq))
        return self

    def published(self, number: int, seq: int | None, appended: float = 25.0, event: int | None = None) -> "RunBuilder":
        self.events.append((number, seq, appended, number if event is None else event))
        return self

    def mentioned(self, number: int, why: Why = Why.UNREADABLE, count: int = 1) -> "RunBuilder":
        """Let records name an order that are not its event; the first is at the offset with the order's number."""
        self.mentions.append((number, why, count))
        return self

    def calm(self, first: int = 1000) -> "RunBuilder":
        """Add complete orders before, during and after the outage, so that no guard fails."""
        for place, at in enumerate((1.0, 5.0, 12.0, 15.0, 24.0, 28.0)):
            self.order(first + place, at, appended=20.87 if 10 < at < 21 else None)
        return self

    def mark(self, name: str, **detail: Any) -> "RunBuilder":
        """Change the detail of a mark."""
        self.marks = [
            replace(mark, detail={**mark.detail, **detail}) if mark.name == name else mark for mark in self.marks
        ]
        return self

    def mark_late(self, name: str, at: float, **detail: Any) -> "RunBuilder":
        """Add a mark."""
        self.marks = sorted([*self.marks, Mark(T0 + at, name, None, detail)], key=lambda mark: mark.at)
        return self

    def without(self, *names: str) -> "RunBuilder":
        """Leave marks out."""
        self.marks = [mark for mark in self.marks if mark.name not in names]
        return self

    def log(self) -> NDArray[np.void]:
        """The events in the order in which they were appended, all in partition 0."""
        log = np.empty(len(self.events), dtype=EVENT)
        for place, (number, seq, _, event) in enumerate(sorted(self.events, key=lambda record: record[2])):
            log[place] = (*_words(number), *_words(event), _seq(seq), 0, START_OFFSET + place)
        return log

    def history(self) -> History:
        attempts = np.array(sorted(self.attempts, key=lambda a: a[6]), dtype=np.dtype(FIELDS))
        ledger = Ledger(KEY, attempts, closed=True, due=len(attempts), missing=0, torn_bytes=0)
        rows = np.array([(*_words(number), _seq(seq)) for number, seq in self.rows], dtype=ROW)
        end = {0: START_OFFSET + len(self.events)}
        witness = RowsWitness(rows, _ids(self.pending), _ids(self.elsewhere), T0 + 34, complete=True)
        log = EventsWitness(
            self.log(),
            0,
            0,
            dict(self.facts.topic.starts),
            {0: 0},
            end,
            end,
            "topic-1",
            T0 + 35,
            complete=True,
            compacted=False,
            write_caching=False,
            skipped=0,
        )
        observations = self.monitor() if self.observations is None else self.observations
        log = replace(log, mentions=self._mentions(certain=False), aside=self._mentions(certain=True))
        return History(
            self.facts,
            replace(ledger, **self.ledger_changes),
            self.marks,
            observations,
            _like(observations) if self.probe_results is None else self.probe_results,
            replace(witness, **self.rows_changes),
            replace(log, **self.events_changes),
        )

    def _mentions(self, *, certain: bool) -> NDArray[np.void]:
        found = [(*_words(n), 0, n, c, why) for n, why, c in sorted(self.mentions) if why.certain is certain]
        return np.array(found, dtype=MENTION)

    def monitor(self) -> list[Observation]:
        """What the monitor would have observed of the topic."""
        appended = np.sort(np.array([T0 + record[2] for record in self.events]))
        seen = []
        for tick in range(340):
            asked, answered = T0 + tick / 10, T0 + tick / 10 + 0.004
            if 103.5 <= tick <= 208.5:
                seen.append(Observation(asked, answered + 0.05, None, "no answer"))
            else:
                there = int(np.searchsorted(appended, asked + 0.002, side="right"))
                seen.append(Observation(asked, answered, {0: START_OFFSET + there}))
        return seen

    def write(self, folder: RunFolder) -> None:
        """Write the run as the harness would have."""
        history = self.history()
        folder.path.mkdir(parents=True)
        self.facts.write(folder)
        writer = LedgerWriter(folder.ledger, self.facts.run_key)
        for a in history.ledger.attempts:
            seq, due, sent, at = int(a["seq"]), float(a["due"]), float(a["sent"]), Phase(int(a["phase"]))
            if a["kind"] == RecordKind.NOT_SENT:
                writer.not_sent(seq, due, at)
                continue
            writer.sent(seq, due, sent, at)
            if a["kind"] == RecordKind.COMPLETED:
                identity = a["order_id"].tobytes() if a["has_id"] else None
                outcome, failure = Outcome(int(a["outcome"])), Failure(int(a["failure"]))
                end = Completion(float(a["completed"]), outcome, int(a["status"]), failure, identity)
                writer.completed(seq, due, sent, at, end)
        writer.close(len(history.ledger.attempts))
        marks = MarksWriter(folder.marks)
        for mark in self.marks:
            marks.write(mark)
        marks.close()
        folder.offsets.write_text("".join(json.dumps(seen.record()) + "\n" for seen in history.observations))
        folder.probes.write_text("".join(json.dumps(probe_record(seen)) + "\n" for seen in history.probe_results))


def _like(observations: list[Observation]) -> list[ProbeResult]:
    """What the broker answers whenever it is asked for the topic's end: the same on both connections."""
    return [
        ProbeResult(seen.asked, seen.answered, connection, "answered" if seen.ok else "refused")
        for seen in observations
        for connection in CONNECTIONS
    ]


def phase(at: float) -> Phase:
    return Phase.BASELINE if at < 10 else Phase.OUTAGE if at < 21 else Phase.RECOVERY


def _words(number: int) -> tuple[int, int]:
    value = order_id(number).int
    return value >> 64, value & (2**64 - 1)


def _seq(seq: int | None) -> int:
    return int(NO_SEQUENCE) if seq is None else seq


def _ids(numbers: list[int]) -> NDArray[np.void]:
    return np.array([_words(number) for number in numbers], dtype=IDS)
