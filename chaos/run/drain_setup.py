"""The drain of one run: its task, from the run's facts and outages, and the mark of how it ended."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from chaos.run.drain import Drain, DrainResult, DrainTask
from chaos.run.recording import Recording
from chaos.run.run_progress import RunProgress
from chaos.sut.sut import SystemUnderTest
from contract.publish_horizon import Interval, horizon_of, longest_drain
from runlog import marks

log: Final = logging.getLogger("chaos")


def drain_task(recording: Recording, outages: Sequence[Interval]) -> DrainTask:
    """Return what the drain of a run waits for.

    Args:
        outages: [begin, proven back] of each in epoch seconds, in order.
    """
    facts = recording.facts
    check = facts.check_order
    return DrainTask(
        run_key=recording.run_key,
        settle=facts.settle_s,
        horizon=horizon_of(facts.publisher, outages),
        delivery_s=facts.delivery_timeout_s,
        known_ids=frozenset() if check is None else frozenset({check.order_id}),
    )


def drain_run(
    sut: SystemUnderTest,
    recording: Recording,
    task: DrainTask,
    in_flight: Callable[[], int],
    timeout_s: float | None,
    *,
    progress: RunProgress,
) -> DrainResult:
    """Drain a run and write the mark of how it ended.

    Args:
        in_flight: returns how many requests are unanswered.
        timeout_s: longest drain in seconds; None: as long as the task asks for.
        progress: what it waits for is noted there.
    """
    clock, facts = recording.clock, recording.facts
    began, longest = clock.now(), timeout_s
    if longest is None:
        longest = longest_drain(facts.publisher, task.horizon, facts.request_timeout_s, task.settle)
    recording.mark_now(marks.DRAIN)
    drain = Drain(sut=sut, task=task, monitor=recording.monitor, clock=clock, in_flight=in_flight)
    progress.longest_s = longest

    def say(text: str) -> None:
        progress.awaited = text
        log.info("drain: %s", text)

    result = drain.run(longest, say)
    recording.mark_now(
        marks.DRAINED,
        complete=result.complete,
        missing=list(result.missing),
        own_orders=list(result.own_orders),
        horizon={"seconds": task.horizon.seconds, "source": task.horizon.source.value, "waited": result.waited},
        silence=result.silence,
        repeated_id=result.repeated_id,
    )
    if not result.complete:
        waiting = " and for ".join(result.missing)
        log.warning("drain: not over after %.0f s, still waiting for %s", clock.now() - began, waiting)
    elif result.waited < task.horizon.seconds:
        log.warning(
            "drain: ended by --drain-timeout %g s, %.0f s before the publish horizon of %s: events that are missing "
            "are suspected, not lost",
            longest, task.horizon.seconds - result.waited, task.horizon.words,
        )  # fmt: skip
    return result
