"""States of the page as its server would answer them: each a whole answer of `/chaos/state`, from values of the run."""

from dataclasses import replace
from typing import Any

import msgspec

from chaos.live.counter import LiveCounts
from chaos.live.snapshot import Snapshot
from chaos.run.plan import RunPhase
from chaos.run.run_progress import Check
from chaos.run.run_view import RunView, Step
from health.state_now import StateNow

COUNTS = LiveCounts(
    sent=1240, answered=1215, rejected=0, ambiguous=0, unanswered=25, not_sent=0, with_event=1210, without_event=5,
    waiting=None, may_be_lost=0, event_only=0, events=1210,
)  # fmt: skip
LOSING = replace(COUNTS, with_event=1003, without_event=212)
UP = StateNow("up", "answers on the kept connection and on new ones", 1.0)
DOWN = StateNow("down", "broken on the kept connection, refused on a new connection", 1.0)
SESSION = "a session"
NAMES = ("preflight", "baseline", "outage", "recovery", "drain", "reconcile")


def steps(now: str | None, words: str = "4 s to go", *, never: tuple[str, ...] = ()) -> tuple[Step, ...]:
    place = NAMES.index(now) if now else len(NAMES)
    return tuple(
        Step(name, "now" if name == now else "never" if name in never else "done" if at < place else "to come",
             words if name == now else "10 s")
        for at, name in enumerate(NAMES)
    )  # fmt: skip


VIEW = RunView(
    run_id="20261123-073000-4f2a", phase=RunPhase.BASELINE, text="20 orders/s for 10 s", steps=steps("baseline"),
    seconds_left=4.0, seconds_planned=10.0, target="broker", broken=True, state=UP, asked="acknowledged",
    snapshot=Snapshot(
        at=100.0, counts=COUNTS, read_at=99.9, counted_to=99.9, backlog_at=None, backlog_problem=None, untagged=0
    ),
    read_s=0.08, counted_s=0.1, uncounted=None,
    checks=(), awaited="", failure=None, not_restored=False, exit_code=None,
)  # fmt: skip


def answer(view: RunView | None, *, running: bool = True, mine: bool = True, refused: str | None = None) -> Any:
    value = None if view is None else msgspec.to_builtins(view)
    return {
        "running": running, "view": value, "refused": refused, "may_act": mine or not running,
        "session": SESSION,
    }  # fmt: skip


def snap(counts: LiveCounts, **changes: Any) -> Snapshot:
    assert VIEW.snapshot is not None
    return replace(VIEW.snapshot, counts=counts, **changes)


OUTAGE = replace(
    VIEW, phase=RunPhase.OUTAGE, text="stop of the broker for 15 s", steps=steps("outage"), snapshot=snap(LOSING)
)
CHECKS = tuple(
    Check(name, "answered a query at 127.0.0.1:5432") for name in ("database", "broker", "service", "target")
)
REFUSAL = "preflight: broker: no Kafka broker answered at 127.0.0.1:9092; start the broker"
STATES: dict[str, Any] = {
    "idle": answer(None, running=False),
    "refused": answer(
        replace(VIEW, run_id=None, phase=RunPhase.DONE, steps=steps(None, never=NAMES[1:]), snapshot=None,
                state=None, failure=REFUSAL, exit_code=4),
        running=False, refused=REFUSAL,
    ),
    "preflight": answer(
        replace(VIEW, run_id=None, phase=RunPhase.PREFLIGHT, text="baseline 10 s, stop of the broker for 15 s",
                steps=steps("preflight", ""), seconds_left=None, snapshot=None, state=None, checks=CHECKS)
    ),
    "baseline": answer(VIEW),
    "breaking": answer(
        replace(OUTAGE, seconds_left=None, snapshot=snap(COUNTS), read_s=0.4,
                state=StateNow("unknown", "a new connection is refused", 1.0))
    ),
    "down": answer(replace(OUTAGE, state=DOWN, read_s=11.4)),
    "degraded": answer(
        replace(OUTAGE, text="latency of 300 ms to the broker for 15 s",
                state=StateNow("degraded", "300 ms later than usual on the kept connection", 1.0))
    ),
    "healing": answer(replace(OUTAGE, seconds_left=None, read_s=16.0, state=DOWN)),
    "recovery": answer(replace(OUTAGE, phase=RunPhase.RECOVERY, text="10 s under load", steps=steps("recovery"))),
    "outbox": answer(
        replace(OUTAGE, state=DOWN, read_s=3.0, snapshot=snap(replace(LOSING, without_event=0, waiting=212)))
    ),
    "errors": answer(
        replace(OUTAGE, target="database", state=replace(DOWN, how="hanging on a new connection"),
                snapshot=snap(replace(LOSING, sent=1280, ambiguous=40, may_be_lost=40, event_only=3), untagged=2))
    ),
    "uncounted": answer(replace(OUTAGE, uncounted="the process that counts has ended")),
    "control": answer(replace(VIEW, target=None, state=None, text="nothing is broken", steps=steps("recovery"))),
    "phantom": answer(replace(VIEW, target=None, state=None, asked="rolled back", snapshot=snap(COUNTS))),
    "drain": answer(
        replace(OUTAGE, phase=RunPhase.DRAIN, steps=steps("drain", "≤ 60 s"), seconds_left=None, state=UP,
                text="until nothing new comes for 5.5 s", awaited="waiting for 5.5 s without a new row or event")
    ),
    "judging": answer(
        replace(OUTAGE, phase=RunPhase.RECONCILE, steps=steps("reconcile", ""), seconds_left=None, state=None,
                text="comparing ledger, PostgreSQL and Kafka")
    ),
    "judging, not restored": answer(
        replace(OUTAGE, phase=RunPhase.RECONCILE, steps=steps("reconcile", ""), seconds_left=None, state=None,
                not_restored=True, failure="the broker is not proven back")
    ),
    "stopped in the baseline": answer(
        replace(VIEW, phase=RunPhase.RECONCILE, steps=steps("reconcile", ""), seconds_left=None, state=None,
                broken=False, failure="stopped before the plan was over")
    ),
    "unread": answer(replace(OUTAGE, read_s=7.0, counted_s=7.0)),
    "outbox unread": answer(
        replace(OUTAGE, snapshot=snap(replace(COUNTS, without_event=0), backlog_problem="no SELECT right"))
    ),
    "stopping": answer(replace(OUTAGE, seconds_left=None, state=DOWN, failure="stopped before the plan was over")),
    "viewer": answer(replace(OUTAGE, state=DOWN, read_s=11.4), mine=False),
    "not restored": answer(
        replace(OUTAGE, phase=RunPhase.DONE, steps=steps(None), not_restored=True, state=None, exit_code=4,
                failure="the broker is not proven back"), running=False,
    ),
}  # fmt: skip
