"""One audit from beginning to end: snapshot, log, comparison, recheck of every difference.

The order of reading makes a false loss impossible while orders go on: rows are read in a snapshot that is taken first,
the log up to ends that are taken after it, and whatever then seems to be missing is searched for again.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.ids import IdReader
from reconcile.audit.audit_plan import AuditPlan
from reconcile.audit.audit_ruling import AuditFindings, AuditGuard, with_suspicions
from reconcile.audit.audit_table import TableShape, check_time_zone, column_text, describe, read_ids
from reconcile.audit.coverage_window import coverage_window
from reconcile.audit.id_difference import id_difference
from reconcile.audit.log_reader import LogIds, LogReader, read_log
from reconcile.audit.offsets_for_time import offsets_from
from reconcile.audit.recheck import FirstReading, Recheck
from reconcile.audit.sampling import Samples
from reconcile.audit.time_zone_inference import offset_of, offset_text
from reconcile.history.history import Progress
from stores import sql
from stores.postgres import Snapshot, open_transaction
from stores.relation import check_outbox
from stores.topic import TopicBounds, read_bounds
from stores.topic_reader import TopicRange

SINCE_MARGIN_S: Final = 600.0


class Unprovable(Exception):
    """Nothing can be proven; the message is one sentence that says what to do."""


def audit(plan: AuditPlan, progress: Progress) -> AuditFindings:
    """Compare table and topic.

    Args:
        progress: called with "rows" or "events", how many so far, of how many; first when both stores have answered.

    Raises:
        TableMismatch: an option does not fit the database; raised before `progress` is called.
        DatabaseProblem, KafkaProblem: a store could not be asked.
        Unprovable: for example when the time zone of a naive time is unknown.
    """
    with open_transaction(plan.database_url) as snapshot:
        shape = describe(snapshot, plan.table, plan.id_column, plan.time_column)
        if plan.outbox is not None:
            check_outbox(snapshot, plan.outbox)
        if shape.naive and plan.time_zone is not None:
            check_time_zone(snapshot, plan.time_zone)
        readers = IdReader(shape.kind, shape.padded), IdReader(shape.kind, shape.padded)
        bounds = read_bounds(plan.kafka, plan.topic)
        progress("rows", 0, None)
        samples = Samples(plan, snapshot, shape, bounds)
        time_zone, time_zone_words = _time_zone(plan, snapshot, shape, samples)
        calibrated = shape.naive and plan.time_zone is None
        window = coverage_window(
            plan.kafka,
            plan.topic,
            bounds,
            plan.since,
            plan.grace_s,
            calibrated=calibrated,
            rows_of_first=lambda: samples.first_rows(time_zone),
        )
        since = None if window.judged_from is None else column_text(snapshot, shape, window.judged_from, time_zone)
        ranges = _ranges(plan, bounds)
        # Both are read at the same time, as each mostly waits for its server. When reading the log fails, closing the
        # connection ends the thread.
        rows = _in_thread(lambda: read_ids(snapshot, shape, readers[0], since, progress))
        log = [read_log(plan.kafka, one, LogReader(plan.event, readers[1]), progress) for one in ranges]
        row_ids = rows.result()
    first = FirstReading(id_difference(row_ids, _together(log)), log, bounds, ranges[0].begin)

    def related() -> bool:
        with open_transaction(plan.database_url) as fresh:
            return Samples(plan, fresh, shape, bounds).any_row()

    found = Recheck(plan, shape, time_zone, readers, progress).run(first, window, related)
    found.guards.append(AuditGuard("snapshot complete", True, "all rows of one snapshot were read"))
    found.guards.append(AuditGuard("time zone known", True, time_zone_words))
    return with_suspicions(found)


def _together(log: list[LogIds]) -> NDArray[np.void]:
    """Return the ids of all parts, without a copy where only one part has any."""
    parts = [part.ids for part in log if len(part.ids)]
    return parts[0] if len(parts) == 1 else np.concatenate([part.ids for part in log])


def _ranges(plan: AuditPlan, bounds: TopicBounds) -> tuple[TopicRange, TopicRange, TopicRange]:
    """Return what is read of the log: a margin before `--since`, what is judged, and what is too young."""
    lows, ends = bounds.lows, bounds.ends
    margin, begin, young = dict(lows), dict(lows), dict(ends)
    if plan.since is not None:
        begin = offsets_from(plan.kafka, plan.topic, bounds, plan.since)
        margin = offsets_from(plan.kafka, plan.topic, bounds, plan.since - SINCE_MARGIN_S)
    if plan.grace_s:
        young = offsets_from(plan.kafka, plan.topic, bounds, time.time() - plan.grace_s)
    # Times within a log may go back and forth; the ranges must not overlap.
    begin = {partition: min(offset, young[partition]) for partition, offset in begin.items()}
    margin = {partition: min(offset, begin[partition]) for partition, offset in margin.items()}
    topic = plan.topic
    return TopicRange(topic, margin, begin), TopicRange(topic, begin, young), TopicRange(topic, young, ends)


def _time_zone(
    plan: AuditPlan, snapshot: Snapshot, shape: TableShape, samples: Samples
) -> tuple[sql.Composable | None, str]:
    """Return SQL of the time zone of the table's times (None: they have one), and how it is known."""
    if not shape.naive:
        return None, f"{plan.time_column} has one"
    if plan.time_zone is not None:
        return sql.Literal(plan.time_zone), f"{plan.time_zone}, as given"
    offset = offset_of(samples.recent_pairs())
    if offset is None:
        raise Unprovable(
            f"{plan.time_column} of {plan.table} has no time zone, and it cannot be inferred from recent events: "
            "they are too few, came late, or do not fit --event-id and --event-filter; give --time-zone, like UTC or "
            "Europe/Berlin"
        )
    time_zone = sql.SQL("make_interval(secs => {})").format(sql.Literal(offset))
    return time_zone, f"{offset_text(offset)}, inferred from recent rows and their events"


def _in_thread(call: Callable[[], NDArray[np.void]]) -> Future[NDArray[np.void]]:
    """Return what `call` is going to return or raise, in a thread of its own that does not keep the process alive."""
    future: Future[NDArray[np.void]] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
