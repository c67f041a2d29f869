"""The coverage window: from when on the topic shows the events of rows. Older rows cannot be judged."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reconcile.analysis.plural import numbered
from reconcile.audit.offsets_for_time import first_times
from runlog.clock import iso_utc
from stores.topic import TopicBounds

# Clocks of producers and of the database may differ; an event may have waited in its producer.
LEAST_MARGIN_S: Final = 300.0
# A time zone that was inferred from recent rows may be an hour off for rows of the other half of the year.
SUMMER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class CoverageWindow:
    """From when on rows are judged (epoch seconds, None: all), and why."""

    judged_from: float | None
    because: str | None


def coverage_window(
    client: Mapping[str, str],
    topic: str,
    bounds: TopicBounds,
    since: float | None,
    grace_s: float,
    *,
    calibrated: bool,
    rows_of_first: Callable[[], list[float]],
) -> CoverageWindow:
    """Return from when on rows are judged; asks the broker for the times of the first records.

    Args:
        calibrated: the time zone of the rows' times was inferred from recent events.
        rows_of_first: returns when the rows of the topic's first events were made; called only when needed.

    Raises:
        DatabaseProblem, KafkaProblem: a store could not be asked.
    """
    margin = max(LEAST_MARGIN_S, grace_s) + (SUMMER_S if calibrated else 0.0)
    needed = since is None or any(bounds.lows.values())
    return choose_window(bounds, first_times(client, topic, bounds), since, margin, rows_of_first() if needed else [])


def choose_window(
    bounds: TopicBounds, first: dict[int, float], since: float | None, margin: float, rows: list[float]
) -> CoverageWindow:
    """Return from when on rows are judged. Pure.

    Args:
        first: epoch seconds of the first records of each partition that has any.
        since: `--since`, epoch seconds.
        margin: seconds on the safe side.
        rows: when the rows of the partitions' first events were made, ascending.
    """
    cut = {partition for partition, low in bounds.lows.items() if low > 0}
    unknown = sorted(cut - set(first))
    if unknown:
        # Without a record left in a partition, no row can be judged.
        verb = "holds" if len(unknown) == 1 else "hold"
        return CoverageWindow(math.inf, f"{numbered(unknown)} no longer {verb} a record")
    if cut:
        # Producers stamp records as they like, so the times of the rows count as well where they are known.
        held = max([*(first[partition] for partition in cut), *rows[-1:]]) + margin
        if since is None or held > since:
            because = f"the topic no longer holds events from before {iso_utc(held)} (a margin included)"
            return CoverageWindow(held, because)
    if since is not None:
        return CoverageWindow(since, "--since")
    if not first:
        return CoverageWindow(math.inf, "the topic holds no record")
    # Older rows may be from before the service published anything at all.
    if rows:
        because = f"the oldest row among the topic's first events is of {iso_utc(rows[0])}"
        return CoverageWindow(rows[0], f"{because}; give --since to judge older rows")
    began = min(first.values())
    return CoverageWindow(
        began + margin,
        f"the topic's first event is of {iso_utc(began)} (plus a margin); give --since to judge older rows",
    )
