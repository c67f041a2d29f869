"""From when on rows can be judged: what the log no longer holds, or held not yet, proves nothing about older rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reconcile.audit.logtimes import first_times
from reconcile.topic import TopicBounds
from runlog.clock import iso_utc

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
) -> Clip:
    """Return from when on rows are judged; asks the broker for the times of the first records.

    Raises:
        KafkaProblem: it did not tell.
    """
    margin = max(LEAST_MARGIN_S, grace_s) + (SUMMER_S if calibrated else 0.0)
    return choose_clip(bounds, first_times(client, topic, bounds), since, margin)


def choose_clip(bounds: TopicBounds, first: dict[int, float], since: float | None, margin: float) -> Clip:
    """Return from when on rows are judged. Pure.

    Args:
        bounds: of the topic.
        first: epoch seconds of the first records of each partition that has any.
        since: what was asked for.
        margin: seconds on the safe side.
    """
    cut = {partition for partition, low in bounds.lows.items() if low > 0}
    unknown = sorted(cut - set(first))
    if unknown:
        # A partition that let everything go holds no witness at all: nothing older than now can be judged.
        return Clip(float("inf"), f"partition {', '.join(map(str, unknown))} holds no record any more")
    if cut:
        held = max(first[partition] for partition in cut) + margin
        if since is None or held > since:
            return Clip(held, f"the topic no longer holds older events (from {iso_utc(held)} on, with a margin)")
    if since is not None:
        return Clip(since, "--since")
    if not first:
        return Clip(float("inf"), "the topic holds no record")
    began = min(first.values()) - margin
    return Clip(began, f"the topic's first event is of {iso_utc(began + margin)}; give --since to judge older rows")
