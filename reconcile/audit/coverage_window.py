"""From when on rows can be judged: what the log no longer holds, or held not yet, proves nothing about older rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reconcile.audit.offsets_for_time import first_times
from runlog.clock import iso_utc
from stores.topic import TopicBounds

# Clocks of producers and of the database may differ; an event may have waited in its producer.
LEAST_MARGIN_S: Final = 300.0
# A zone that was told from recent rows may be an hour off for rows of the other half of the year.
SUMMER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Clip:
    """From when on rows are judged (epoch seconds, None: all), and why."""

    judged_from: float | None
    because: str | None


def clip_of(
    client: Mapping[str, str],
    topic: str,
    bounds: TopicBounds,
    since: float | None,
    grace_s: float,
    *,
    calibrated: bool,
    rows_of_first: Callable[[], list[float]],
) -> Clip:
    """Return from when on rows are judged; asks the broker for the times of the first records.

    Args:
        calibrated: the zone of the rows' times was told from recent events.
        rows_of_first: when the rows were made whose events stand at the beginning; asked only when needed.

    Raises:
        DatabaseProblem, KafkaProblem: a store did not tell.
    """
    margin = max(LEAST_MARGIN_S, grace_s) + (SUMMER_S if calibrated else 0.0)
    needed = since is None or any(bounds.lows.values())
    return choose_clip(bounds, first_times(client, topic, bounds), since, margin, rows_of_first() if needed else [])


def choose_clip(
    bounds: TopicBounds, first: dict[int, float], since: float | None, margin: float, rows: list[float]
) -> Clip:
    """Return from when on rows are judged. Pure.

    Args:
        bounds: of the topic.
        first: epoch seconds of the first records of each partition that has any.
        since: what was asked for.
        margin: seconds on the safe side.
        rows: when the rows were made whose events stand at the beginning of the partitions, ascending.
    """
    cut = {partition for partition, low in bounds.lows.items() if low > 0}
    unknown = sorted(cut - set(first))
    if unknown:
        # A partition that let everything go holds no witness at all: nothing older than now can be judged.
        return Clip(float("inf"), f"partition {', '.join(map(str, unknown))} holds no record any more")
    if cut:
        # Producers stamp records as they like; where the rows of these are known, the database has a say too.
        held = max([*(first[partition] for partition in cut), *rows[-1:]]) + margin
        if since is None or held > since:
            return Clip(held, f"the topic no longer holds older events (from {iso_utc(held)} on, with a margin)")
    if since is not None:
        return Clip(since, "--since")
    if not first:
        return Clip(float("inf"), "the topic holds no record")
    # Older rows may be from before the service published anything at all.
    if rows:
        because = f"no older row's event stands at the beginning of the topic (the oldest is of {iso_utc(rows[0])})"
        return Clip(rows[0], f"{because}; give --since to judge older rows")
    began = min(first.values())
    return Clip(
        began + margin,
        f"the topic's first event is of {iso_utc(began)}, and a margin; give --since to judge older rows",
    )
