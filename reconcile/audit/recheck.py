"""The recheck of an audit: whatever seems to be missing is searched for again before it is reported.

Events of rows are searched for in the part of the log that came after the first reading, and in the part before the
range that was read; the rows once more in the table, which also has their age. Rows of events are looked up by id, for
some seconds, as a row may be committed after its event was published.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.ids import IDS, IdReader, among, bytes_of
from reconcile.audit.audit_guards import (
    COMPACTION,
    common_orders_guard,
    compaction_guard,
    ids_distinct_guard,
    row_times_guard,
    topic_guards,
)
from reconcile.audit.audit_plan import AuditPlan
from reconcile.audit.audit_ruling import AuditFindings, AuditGuard, DisputedRow
from reconcile.audit.audit_table import TableShape, as_written, database_now, look_up
from reconcile.audit.coverage_window import CoverageWindow
from reconcile.audit.disputed_rows import Disputes, find_disputes
from reconcile.audit.id_difference import IdDifference
from reconcile.audit.log_reader import LogIds, LogReader, read_log
from reconcile.history.history import Progress
from reconcile.witnesses.pending_orders import ids_within
from stores import sql
from stores.outbox import waiting_texts
from stores.postgres import Snapshot, ask_snapshot
from stores.topic import TopicBounds, read_bounds
from stores.topic_reader import TopicRange
from stores.topic_settings import topic_settings

T = TypeVar("T")
LONGEST_S: Final = 10.0
# The clocks of a service and its database may differ by so much; a row from further ahead is in another time zone.
FUTURE_S: Final = 60.0
# A row with a time this long ago may have been committed, and its event published, only just now.
RECENT_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class FirstReading:
    """What the first reading found.

    Attributes:
        log: what was read of the topic: the margin before what is judged, that itself, and what is too young yet.
        bounds: of the topic before it.
        begin: where reading began, by partition.
    """

    parts: IdDifference
    log: Sequence[LogIds]
    bounds: TopicBounds
    begin: dict[int, int]


@dataclass(frozen=True, slots=True)
class _RowsWithoutEvent:
    """Of rows without an event: the lost ones, oldest first, how many others are what, and the database's time."""

    lost: list[tuple[str, float | None]]
    tally: dict[str, int]
    now: float

    @property
    def recent(self) -> bool:
        """Whether one of the lost is so young that its transaction may have ended only just now."""
        return any(at is not None and self.now - at < RECENT_S for _, at in self.lost)


class Recheck:
    """Searches again for what the first reading found to be missing.

    Args:
        time_zone: SQL of the time zone of naive times.
        readers: of ids from rows and from events; both may know names.
        progress: called with how reading goes on.
    """

    def __init__(
        self,
        plan: AuditPlan,
        shape: TableShape,
        time_zone: sql.Composable | None,
        readers: tuple[IdReader, IdReader],
        progress: Progress,
    ) -> None:
        self._plan, self._shape, self._time_zone, self._progress = plan, shape, time_zone, progress
        self._of_rows, self._of_events = readers
        # Offsets without a readable record in what was read after the first reading.
        self._skipped = 0
        self._doubtful = 0
        # Order ids of events that came after the first reading.
        self._tail: list[NDArray[np.void]] = []

    def run(self, first: FirstReading, window: CoverageWindow, related: Callable[[], bool]) -> AuditFindings:
        """Return what is found.

        Args:
            window: from when on rows are judged.
            related: whether any event has a row; called only when nothing else shows that table and topic match.

        Raises:
            DatabaseProblem, KafkaProblem: a store could not be asked.
        """
        parts, bounds = first.parts, first.bounds
        # Before any new end of the log is asked for: what leaves the outbox now is then either held or in the log.
        held = self._held()
        missing, after = self._still_missing(parts.only_rows, bounds, first.begin)
        without = self._without_event(missing, held, window)
        events, young = self._judged_events(first)
        phantoms = self._without_row(sorted(self._name(identity) for identity in bytes_of(events)))
        begun, wait = time.monotonic(), min(self._plan.grace_s, LONGEST_S)
        while (phantoms or without.recent) and (left := begun + wait - time.monotonic()) > 0:
            self._progress("late arrivals, seconds waited", round(wait - left), round(wait))
            time.sleep(min(1.0, left))
            phantoms = self._without_row(phantoms)
            if without.recent:
                missing, after = self._still_missing(missing, after, dict(after.lows))
                without = self._without_event(missing, held, window)
        phantoms = self._without_row(phantoms, any_case=True)
        self._doubtful += sum(part.doubtful for part in first.log)
        rowless = self._rowless(parts.only_events) if without.lost else parts.only_events[:0]
        lost, disputed, disputes = self._disputed(without.lost, missing, rowless, after)
        naming = {self._name(identity) for identity in disputes.rowless}
        # A record that names a row shows that they belong together, whatever it counts as.
        tied = bool(disputed) or len(missing) < parts.rows or len(phantoms) < len(events) or related()
        skipped = self._skipped + sum(part.skipped for part in first.log)
        return AuditFindings(
            rows=parts.rows,
            events=parts.events,
            found_elsewhere=len(parts.only_rows) - len(missing),
            since=self._plan.since,
            events_raw=sum(len(part.ids) for part in first.log),
            lost=[] if disputes.opaque else lost,
            suspected=lost if disputes.opaque else [],
            disputed=disputed,
            named_at=disputes.places,
            opaque=disputes.opaque,
            phantoms=[order for order in phantoms if order not in naming],
            disputed_phantoms=[order for order in phantoms if order in naming],
            phantoms_suspected=self._shape.standby,
            repeated=[self._name(identity) for identity in bytes_of(parts.repeated)],
            surplus=parts.surplus,
            unreadable=(unreadable := sum(part.unreadable for part in first.log)),
            guards=[
                *topic_guards(bounds, after),
                self._compaction_guard(skipped) if without.lost else AuditGuard(COMPACTION, True, "nothing seems lost"),
                ids_distinct_guard(self._of_rows.ambiguous),
                common_orders_guard(tied, unreadable),
                row_times_guard(without.tally["future"]),
            ],
            judged_from=window.judged_from,
            because=window.because,
            young_events=young,
            **without.tally,
        )

    def _rowless(self, only_events: NDArray[np.void]) -> NDArray[np.void]:
        """Return the orders of events that have no row at all, whenever these events came; ascending."""
        events = np.unique(np.concatenate([only_events, *self._tail], dtype=IDS))
        names = {self._name(identity): identity for identity in bytes_of(events)}
        left = [names[order] for order in self._without_row(list(names), any_case=True)]
        return np.unique(np.frombuffer(b"".join(left), dtype=IDS))

    def _disputed(
        self,
        lost: list[tuple[str, float | None]],
        missing: NDArray[np.void],
        rowless: NDArray[np.void],
        after: TopicBounds,
    ) -> tuple[list[tuple[str, float | None]], list[DisputedRow], Disputes]:
        """Return the rows that no record names, those that one names, and what else the records say."""
        if not lost or not (self._doubtful or len(rowless)):
            return lost, [], Disputes()
        identities = {self._name(identity): identity for identity in bytes_of(missing)}
        wanted = np.unique(np.frombuffer(b"".join(identities[order] for order, _ in lost), dtype=IDS))
        everything = TopicRange(self._plan.topic, dict(after.lows), dict(after.ends))
        disputes = find_disputes(self._plan, self._of_rows, wanted, everything, self._progress, rowless=rowless)
        named = disputes.named
        disputed = [(order, at, named[identities[order]]) for order, at in lost if identities[order] in named]
        return [one for one in lost if identities[one[0]] not in named], disputed, disputes

    def _judged_events(self, first: FirstReading) -> tuple[NDArray[np.void], int]:
        """Return the events without a row that are neither from before the range nor too young; how many are young."""
        before, main, young = (part.ids for part in first.log)
        events = first.parts.only_events
        events = events[~among(events, np.unique(before))] if len(before) else events
        late = among(events, np.unique(young)) if len(young) else np.zeros(len(events), dtype=np.bool_)
        if late.any():
            # Published twice, once long ago: the first one counts.
            again = main[among(main, events[late])]
            late &= ~among(events, np.unique(again))
        return events[~late], int(late.sum())

    def _held(self) -> set[bytes]:
        """Return the orders whose event an outbox holds."""
        outbox = self._plan.outbox
        if outbox is None:
            return set()
        texts = self._ask(lambda snapshot: waiting_texts(snapshot, outbox))
        return set(bytes_of(ids_within(self._shape.kind, texts, self._shape.padded)))

    def _still_missing(
        self, candidates: NDArray[np.void], bounds: TopicBounds, begin: dict[int, int]
    ) -> tuple[NDArray[np.void], TopicBounds]:
        """Return those of `candidates` whose events the rest of the log does not hold either, and its bounds now."""
        plan = self._plan
        after = read_bounds(plan.kafka, plan.topic)
        if not len(candidates):
            return candidates, after
        tail = {p: max(after.lows[p], bounds.ends.get(p, 0)) for p in after.ends}
        ranges = [TopicRange(plan.topic, tail, {p: max(end, tail[p]) for p, end in after.ends.items()})]
        low = {p: max(low, after.lows[p]) for p, low in bounds.lows.items() if low < begin[p] and p in after.ends}
        if low:
            ranges.append(TopicRange(plan.topic, low, {p: max(begin[p], low[p]) for p in low}))
        for place, one in enumerate(ranges):
            late = read_log(plan.kafka, one, LogReader(plan.event, self._of_events), self._progress)
            if place == 0:
                self._tail.append(late.ids)
            self._skipped += late.skipped
            self._doubtful += late.doubtful
            candidates = candidates[~among(candidates, np.unique(late.ids))]
        return candidates, after

    def _without_event(self, missing: NDArray[np.void], held: set[bytes], window: CoverageWindow) -> _RowsWithoutEvent:
        identities = list(bytes_of(missing))
        texts = [self._name(identity) for identity in identities]
        found, now = self._rows_now(texts), self._ask(database_now)
        lost: list[tuple[str, float | None]] = []
        tally = dict.fromkeys(("young", "unjudged", "pending", "vanished", "future"), 0)
        for order, identity in zip(texts, identities, strict=True):
            if order not in found:
                tally["vanished"] += 1
            elif identity in held:
                tally["pending"] += 1
            elif (exclusion := exclusion_of(found[order], now, self._plan.grace_s, window)) is None:
                lost.append((order, found[order]))
            else:
                tally[exclusion] += 1
        return _RowsWithoutEvent(sorted(lost, key=lambda one: (one[1] or 0.0, one[0])), tally, now)

    def _without_row(self, orders: list[str], *, any_case: bool = False) -> list[str]:
        """Return those of `orders`, ids of events, that have no row, however the table may spell them.

        `any_case` finds UUIDs and ULIDs in letters of both cases too; it takes a scan.
        """
        spelled = {word: order for order in orders for word in as_written(self._shape.kind, order)}
        there = {spelled[word] for word in self._rows_now(list(spelled))}
        cased = {word.lower(): order for word, order in spelled.items() if word != order and order not in there}
        if any_case and cased:
            found = self._ask(lambda one: look_up(one, self._shape, list(cased), self._time_zone, any_case=True))
            there |= {cased[word] for word in found}
        return [order for order in orders if order not in there]

    def _compaction_guard(self, skipped: int) -> AuditGuard:
        policy = topic_settings(self._plan.kafka, self._plan.topic) if skipped else None
        return compaction_guard(skipped, policy, self._plan.vouched)

    def _rows_now(self, ids: list[str]) -> dict[str, float | None]:
        return self._ask(lambda snapshot: look_up(snapshot, self._shape, ids, self._time_zone)) if ids else {}

    def _name(self, identity: bytes) -> str:
        return (self._of_rows if self._of_rows.met(identity) else self._of_events).text(identity)

    def _ask(self, ask: Callable[[Snapshot], T]) -> T:
        return ask_snapshot(self._plan.database_url, ask)


def exclusion_of(at: float | None, now: float, grace_s: float, window: CoverageWindow) -> str | None:
    """Return why a row without an event is not judged, None when its event is lost.

    Args:
        at: when it was made, None when its time is not known.
        now: of the database's clock.
        grace_s: age in seconds from which on rows are judged.
    """
    if at is None:
        return "unjudged"
    if at - now > FUTURE_S:
        return "future"
    if now - at < grace_s:
        return "young"
    return "unjudged" if window.judged_from is not None and at < window.judged_from else None
