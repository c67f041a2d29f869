"""The second look of an audit: nothing that seems to be missing is named before it was looked for again.

Rows without an event are looked for in the part of the log that came meanwhile and in what lay before the range that
was read, and once more in the table, which also tells how old they are. Events without a row are looked up by id, for
a while, as a row may be committed after its event was published.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from reconcile.attribution import among
from reconcile.audit.clip import Clip
from reconcile.audit.difference import Difference
from reconcile.audit.ids import IdReader, bytes_of
from reconcile.audit.log import LogIds, LogRange, read_log
from reconcile.audit.plan import AuditPlan
from reconcile.audit.table import TableShape, database_now, look_up, waiting
from reconcile.audit.verdict import Audited, AuditGuard
from reconcile.database import Snapshot, open_snapshot, with_retries
from reconcile.history import Progress
from reconcile.topic import TopicBounds, read_bounds
from reconcile.wording import some

T = TypeVar("T")
LONGEST_S: Final = 10.0
# So much may the clocks of a service and of its database differ. A row from further ahead has another zone than taken.
FUTURE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class FirstReading:
    """What the first reading found.

    Attributes:
        parts: what only one side has.
        log: what was read of the topic, part by part.
        bounds: of the topic before it.
        begin: where reading began, by partition.
    """

    parts: Difference
    log: Sequence[LogIds]
    bounds: TopicBounds
    begin: dict[int, int]


class SecondLook:
    """Looks again at what the first reading found to be missing.

    Args:
        plan: what is compared.
        shape: of the table.
        zone: SQL of the zone of naive times.
        readers: of ids from rows and from events; both may know names.
        progress: told how reading goes on.
    """

    def __init__(
        self,
        plan: AuditPlan,
        shape: TableShape,
        zone: sql.Composable | None,
        readers: tuple[IdReader, IdReader],
        progress: Progress,
    ) -> None:
        self._plan, self._shape, self._zone, self._progress = plan, shape, zone, progress
        self._of_rows, self._of_events = readers

    def look(self, first: FirstReading, clip: Clip, related: Callable[[], bool]) -> Audited:
        """Return what is found.

        Args:
            first: what the first reading found.
            clip: from when on rows are judged.
            related: whether any event of the topic has a row; asked only when nothing else ties them together.

        Raises:
            DatabaseProblem, KafkaProblem: a store could not be asked.
        """
        parts, log, bounds = first.parts, first.log, first.bounds
        missing, after = self._still_missing(parts.only_rows, bounds, first.begin)
        lost, tally = self._fates(missing, clip)
        phantoms = self._phantoms(parts.only_events)
        tied = len(missing) < parts.rows or len(phantoms) < len(parts.only_events) or related()
        return Audited(
            rows=parts.rows,
            events=parts.events,
            events_raw=sum(len(part.ids) for part in log),
            lost=lost,
            phantoms=phantoms,
            phantoms_suspected=self._shape.standby,
            repeated=[self._name(identity) for identity in bytes_of(parts.repeated)],
            surplus=parts.surplus,
            unreadable=sum(part.unreadable for part in log),
            guards=[*_topic_guards(bounds, after), self._ids_guard(), _tie(tied), _clocks(tally["future"])],
            judged_from=clip.judged_from,
            because=clip.because,
            **tally,
        )

    def _still_missing(
        self, candidates: NDArray[np.void], bounds: TopicBounds, begin: dict[int, int]
    ) -> tuple[NDArray[np.void], TopicBounds]:
        """Look for the events of `candidates` in what was not read: behind the ends, and before the range."""
        plan = self._plan
        after = read_bounds(plan.kafka, plan.topic)
        if not len(candidates):
            return candidates, after
        tail = {p: max(after.lows[p], bounds.ends.get(p, 0)) for p in after.ends}
        ranges = [LogRange(plan.topic, tail, {p: max(end, tail[p]) for p, end in after.ends.items()})]
        low = {p: max(low, after.lows[p]) for p, low in bounds.lows.items() if low < begin[p] and p in after.ends}
        if low:
            ranges.append(LogRange(plan.topic, low, {p: max(begin[p], low[p]) for p in low}))
        for one in ranges:
            late = read_log(plan.kafka, one, plan.event_ids, self._of_events, self._progress)
            candidates = candidates[~among(candidates, np.unique(late.ids))]
        return candidates, after

    def _fates(self, missing: NDArray[np.void], clip: Clip) -> tuple[list[tuple[str, float | None]], dict[str, int]]:
        """Return the lost ones, oldest first, and how many of the others are what instead."""
        texts = [self._name(identity) for identity in bytes_of(missing)]
        found, now = self._rows_now(texts), self._fresh(database_now)
        outbox = self._plan.outbox
        held: set[str] = set() if outbox is None else self._fresh(lambda snapshot: waiting(snapshot, outbox))
        lost: list[tuple[str, float | None]] = []
        tally = dict.fromkeys(("young", "unjudged", "pending", "vanished", "future"), 0)
        for order in texts:
            if order not in found:
                tally["vanished"] += 1
            elif order in held:
                tally["pending"] += 1
            elif (fate := fate_of(found[order], now, self._plan.grace_s, clip)) is None:
                lost.append((order, found[order]))
            else:
                tally[fate] += 1
        return sorted(lost, key=lambda one: (one[1] or 0.0, one[0])), tally

    def _phantoms(self, ids: NDArray[np.void]) -> list[str]:
        texts = sorted(self._name(identity) for identity in bytes_of(ids))
        begun = time.monotonic()
        wait = min(self._plan.grace_s, LONGEST_S)
        deadline = begun + wait
        while texts:
            self._progress("rows that may still come, s", round(time.monotonic() - begun), round(wait))
            there = self._rows_now(texts)
            texts = [order for order in texts if order not in there]
            if not texts or time.monotonic() >= deadline:
                break
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
        return texts

    def _ids_guard(self) -> AuditGuard:
        ambiguous = self._of_rows.ambiguous
        text = "no two ids of the table are one when compared"
        if ambiguous:
            text = f"{len(ambiguous)} ids differ only in a way that is not compared, {ambiguous[0]!r} for example"
        return AuditGuard("ids told apart", not ambiguous, text)

    def _rows_now(self, ids: list[str]) -> dict[str, float | None]:
        return self._fresh(lambda snapshot: look_up(snapshot, self._shape, ids, self._zone)) if ids else {}

    def _name(self, identity: bytes) -> str:
        return self._of_rows.names.get(identity) or self._of_events.text(identity)

    def _fresh(self, ask: Callable[[Snapshot], T]) -> T:
        def attempt() -> T:
            with open_snapshot(self._plan.database_url) as snapshot:
                return ask(snapshot)

        return with_retries(attempt)


def fate_of(at: float | None, now: float, grace_s: float, clip: Clip) -> str | None:
    """Return why a row without an event is not judged, None when it is lost.

    Args:
        at: when it was made, None when its time is not known.
        now: of the database's clock.
        grace_s: age in seconds from which on rows are judged.
        clip: from when on they are.
    """
    if at is None:
        return "unjudged"
    if at - now > FUTURE_S:
        return "future"
    if now - at < grace_s:
        return "young"
    return "unjudged" if clip.judged_from is not None and at < clip.judged_from else None


def _tie(tied: bool) -> AuditGuard:
    text = "orders are in both"
    if not tied:
        text = "no order is in both; are --topic, --event-id, --event-filter, --orders-table and --id-column right?"
    return AuditGuard("table and topic belong together", tied, text)


def _clocks(future: int) -> AuditGuard:
    text = "no row without an event is from the future"
    if future:
        verb = "is" if future == 1 else "are"
        text = (
            f"{some(future, 'row')} without an event {verb} from the future by the database's clock; "
            "the zone (--time-zone) or a clock is wrong"
        )
    return AuditGuard("row times plausible", not future, text)


def _topic_guards(before: TopicBounds, after: TopicBounds) -> list[AuditGuard]:
    same = not (before.topic_id and after.topic_id and before.topic_id != after.topic_id)
    same = same and all(after.ends.get(partition, -1) >= end for partition, end in before.ends.items())
    moved = [partition for partition, low in before.lows.items() if after.lows.get(partition, 0) > low]
    text = "it is the topic of the start, and let nothing go"
    if not same:
        text = "it was made anew or cut while it was read"
    elif moved:
        text = f"partition {', '.join(map(str, moved))} let its beginning go while it was read"
    return [
        AuditGuard("end of topic reached", True, f"all {len(before.ends)} partitions to the ends they had"),
        AuditGuard("topic not truncated or re-created", same and not moved, text),
    ]
