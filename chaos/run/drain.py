"""The drain: after the load has ended, wait until no more rows or events of the run can come, at most until a cap.

It is over when every request is answered, a canary order sent after `healed` is complete, a known backlog is empty, no
new row or event of this run came for the settle time, and the publisher's retry horizon has passed since the last one.
A complete canary order proves only that events get through again: it may have overtaken orders that still wait. If its
event does not come within the producer's known limits, the drain ends without it, and the judge decides whether the
service has stopped publishing. At the cap the result names what was still awaited.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent

from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.backlog import BacklogProblem, pending_events
from chaos.run.canary_order import place_canary
from chaos.run.quiet_time import QuietTime
from chaos.run.topic import native
from chaos.sut.sut import SystemUnderTest
from contract.publish_horizon import Horizon
from contract.run_key import RunKey
from runlog.clock import AnchoredClock
from stores.kafka_client import KafkaProblem
from stores.orders_table import OrdersTable
from stores.postgres import DatabaseProblem
from stores.topic import topic_service

POLL_S: Final = 0.25
BACKLOG_TIMEOUT_S: Final = 3.0
EVENT_WAIT_S: Final = 10.0
PROGRESS_S: Final = 10.0
_CANARY: Final = "the drain's canary order to be complete"


@dataclass(frozen=True, slots=True)
class DrainTask:
    """What one drain waits for. Durations in seconds.

    Attributes:
        settle: quiet time that is wanted.
        horizon: for how long an event may still come.
        delivery_s: after how many seconds the service's producer gives up an event; None if unknown.
        known_ids: texts of order ids that answers returned before the drain.
    """

    run_key: RunKey
    settle: float
    horizon: Horizon
    delivery_s: float | None
    known_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DrainResult:
    """How the drain ended.

    Attributes:
        complete: nothing was missing but, perhaps, the rest of the horizon.
        missing: what was still awaited, one line each.
        waited: seconds since the last arrival, or since the drain began; counted against the horizon.
        silence: what was found when the event of a canary order did not come within the producer's limits (see
            `reconcile.judge.publish_silence`); None when it came, or was not awaited to the end.
        repeated_id: a canary order was answered with an id that an earlier answer had returned: nothing is known of it.
    """

    complete: bool
    missing: tuple[str, ...]
    own_orders: tuple[str, ...] = ()
    waited: float = 0.0
    silence: dict[str, Any] | None = None
    repeated_id: str | None = None


@dataclass(slots=True)
class _CanaryState:
    """What is known of the drain's canary orders."""

    missing: str | None = _CANARY
    ids: list[str] = field(default_factory=list)
    silence: dict[str, Any] | None = None
    repeated_id: str | None = None


class _RepeatedId(Exception):
    """A canary order was answered with the id of an older order."""


class Drain:
    """Waits until a run has settled.

    Args:
        monitor: the monitor client, which counts new events of the run.
        in_flight: returns how many requests are unanswered.
    """

    def __init__(
        self,
        *,
        sut: SystemUnderTest,
        task: DrainTask,
        monitor: MonitorClient,
        clock: AnchoredClock,
        in_flight: Callable[[], int],
    ) -> None:
        self._sut = sut
        self._task = task
        self._monitor = monitor
        self._clock = clock
        self._in_flight = in_flight
        self._rows: int | None = None
        self._quiet = QuietTime.begin(clock.now(), task.settle, task.horizon)
        self._answered = clock.now()
        self._canary = _CanaryState()

    def run(self, cap_s: float, say: Callable[[str], None]) -> DrainResult:
        """Wait until it is over, at most `cap_s` seconds.

        Args:
            say: takes what is awaited, whenever that changes, and now and then how long the horizon still takes.
        """
        deadline = self._clock.now() + cap_s
        try:
            self._monitor.follow()
        except NotProven as gone:
            return DrainResult(False, (str(gone),))
        table = OrdersTable(self._sut.database_url, self._sut.contract)
        proof = gevent.spawn(self._place_canaries)
        said: list[str] = []
        said_at = self._clock.now()
        try:
            while (missing := self._missing(table)) or self._left:
                now = self._clock.now()
                wanted = missing or [f"the publish horizon of {self._task.horizon.words}"]
                if wanted != said or (not missing and now - said_at >= PROGRESS_S):
                    said, said_at = wanted, now
                    more = "" if missing else f", {self._left:.0f} s to go"
                    say("waiting for " + " and for ".join(wanted) + more)
                if now >= deadline or not self._monitor.alive:
                    return self._result(missing)
                gevent.sleep(POLL_S)
        finally:
            proof.kill(block=False)
            table.close()
        return self._result([])

    @property
    def _left(self) -> float:
        """Seconds until the horizon has passed."""
        return self._quiet.horizon_left(self._clock.now())

    def _result(self, missing: list[str]) -> DrainResult:
        canary = self._canary
        return DrainResult(
            complete=not missing and canary.silence is None,
            missing=tuple(missing) if canary.silence is None else (*missing, str(canary.missing)),
            own_orders=tuple(canary.ids),
            waited=max(0.0, self._clock.now() - self._quiet.arrived_at),
            silence=canary.silence,
            repeated_id=canary.repeated_id,
        )

    def _missing(self, table: OrdersTable) -> list[str]:
        now = self._clock.now()
        if not self._monitor.alive:
            return ["the monitor to follow the topic"]
        missing = []
        if waiting := self._in_flight():
            missing.append(f"answers to {waiting} request{'' if waiting == 1 else 's'}")
            self._answered = now
            self._quiet.arrived(now)
        if self._canary.missing and self._canary.silence is None:
            missing.append(self._canary.missing)
        if self._canary.silence and now - self._answered < (
            limit := self._task.settle + (self._task.delivery_s or 0.0)
        ):
            missing.append(f"any event within {limit:g} s of the last answer")
        missing += self._backlog()
        missing += self._row_changes(table)
        self._quiet.arrived(self._monitor.activity.own_changed or 0.0)
        if missing:
            self._quiet.awaited(now)
            return missing
        if self._monitor.activity.own is None:
            return ["the monitor to follow the topic"]
        if self._quiet.settle_left(now):
            return [f"{self._task.settle:g} s without a new row or event"]
        return []

    def _row_changes(self, table: OrdersTable) -> list[str]:
        try:
            rows = table.count_run(self._task.run_key)
        except DatabaseProblem as error:
            return [f"the database ({error})"]
        if rows != self._rows:
            self._rows = rows
            self._quiet.arrived(self._clock.now())
        return []

    def _backlog(self) -> list[str]:
        if self._sut.backlog_url is None:
            return []
        try:
            pending = pending_events(self._sut, self._sut.backlog_url, BACKLOG_TIMEOUT_S)
        except BacklogProblem as problem:
            return [f"the service to report its backlog ({problem})"]
        return [f"a backlog of {pending} event{'' if pending == 1 else 's'} to go out"] if pending else []

    def _place_canaries(self) -> None:
        """Place canary orders until one is complete, repeats an id, or misses its event past the known limits."""
        canary, delivery = self._canary, self._task.delivery_s
        wait_s = EVENT_WAIT_S if delivery is None else max(EVENT_WAIT_S, delivery + self._task.settle)
        table = OrdersTable(self._sut.database_url, self._sut.contract)
        try:
            while canary.silence is None:
                proven = place_canary(self._sut, table, wait_s, self._take_id)
                if proven.problem is None:
                    canary.missing = None
                    return
                canary.missing = f"{_CANARY} ({proven.problem})"
                order = proven.order
                if delivery is not None and order is not None and order.row and not order.event:
                    # Its answer had come before the wait for its event began.
                    canary.silence = self._silence(self._clock.now() - wait_s)
                gevent.sleep(1.0)
        except _RepeatedId:
            canary.missing = None
        finally:
            table.close()

    def _take_id(self, order_id: str) -> None:
        if order_id in self._task.known_ids or order_id in self._canary.ids:
            # An answer that names an older order says nothing about the new one.
            self._canary.repeated_id = order_id
            raise _RepeatedId
        self._canary.ids.append(order_id)

    def _silence(self, answered_at: float) -> dict[str, Any] | None:
        """Return what the judge must know of a canary order whose event has not come; None while nothing is known."""
        try:
            service = native(lambda: topic_service(self._sut.kafka, self._sut.topic))
        except KafkaProblem:
            return None
        if service.led is not True or service.open_transaction is not False:
            return None
        return {"answered_at": answered_at, "led": True, "open_transaction": False}
