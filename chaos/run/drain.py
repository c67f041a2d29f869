"""The drain: after the load has ended, wait until nothing more can come, and say what was still missing if it does.

Over when every request is answered, an order sent after `healed` is complete, a known backlog is empty, for the settle
time no new row and no new event of this run has come, and the publisher's retry horizon has passed since the last of
them. That the drain's own order is complete proves only that the way is open: it may have overtaken orders that still
wait. Where the own order's event does not come within the producer's known limits, the drain ends without it, and
the judge decides whether the service publishes nothing any more. A cap ends it; then its result names what was awaited.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent

from chaos.monitor.client import MonitorClient, NotProven
from chaos.run.backlog import BacklogProblem, pending_events
from chaos.run.canary_order import prove_order
from chaos.run.orders_table import DatabaseProblem, OrdersTable
from chaos.run.quiet_time import Stillness
from chaos.run.topic import TopicError, topic_service
from chaos.sut.sut import SystemUnderTest
from contract.publish_horizon import Horizon
from contract.run_key import RunKey
from runlog.clock import AnchoredClock

POLL_S: Final = 0.25
BACKLOG_TIMEOUT_S: Final = 3.0
EVENT_WAIT_S: Final = 10.0
TOPIC_S: Final = 5.0
PROGRESS_S: Final = 10.0
_OWN: Final = "the drain's own order to be complete"


@dataclass(frozen=True, slots=True)
class DrainTask:
    """What one drain waits for. Durations in seconds.

    Attributes:
        run_key: whose rows count.
        settle: quiet time that is wanted.
        horizon: for how long an event may still come.
        delivery_s: when the service's producer gives an event up; None: unknown.
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
        own_orders: ids of the orders that the harness placed for its own check.
        waited: seconds since the last arrival, or since the drain began; counted against the horizon.
        silence: what was found when the event of an own order did not come within the producer's limits (see
            `reconcile.judge.publish_silence`); None when it came, or was not awaited to the end.
        repeated_id: an own order was answered with an id that an answer had returned before, so nothing is known of it.
    """

    complete: bool
    missing: tuple[str, ...]
    own_orders: tuple[str, ...] = ()
    waited: float = 0.0
    silence: dict[str, Any] | None = None
    repeated_id: str | None = None


@dataclass(slots=True)
class _OwnOrder:
    """What is known of the drain's own orders."""

    missing: str | None = _OWN
    ids: list[str] = field(default_factory=list)
    silence: dict[str, Any] | None = None
    repeated_id: str | None = None


class _RepeatedId(Exception):
    """An own order was answered with the id of an older order."""


class Drain:
    """Waits for the quiet after a run.

    Args:
        subject: the system under test.
        task: what is waited for.
        watch: the lookout, which counts new events of the run.
        clock: the run's clock.
        in_flight: returns how many requests are unanswered.
    """

    def __init__(
        self,
        *,
        sut: SystemUnderTest,
        task: DrainTask,
        watch: MonitorClient,
        clock: AnchoredClock,
        in_flight: Callable[[], int],
    ) -> None:
        self._sut = sut
        self._task = task
        self._watch = watch
        self._clock = clock
        self._in_flight = in_flight
        self._rows: int | None = None
        self._still = Stillness.begin(clock.now(), task.settle, task.horizon)
        self._answered = clock.now()
        self._own = _OwnOrder()

    def run(self, cap_s: float, say: Callable[[str], None]) -> DrainResult:
        """Wait until it is over, at most `cap_s` seconds.

        Args:
            cap_s: the cap.
            say: takes what is awaited, whenever that changes, and now and then how long the horizon still takes.
        """
        deadline = self._clock.now() + cap_s
        try:
            self._watch.follow()
        except NotProven as gone:
            return DrainResult(False, (str(gone),))
        table = OrdersTable(self._sut)
        proof = gevent.spawn(self._prove)
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
                if now >= deadline or not self._watch.alive:
                    return self._result(missing)
                gevent.sleep(POLL_S)
        finally:
            proof.kill(block=False)
            table.close()
        return self._result([])

    @property
    def _left(self) -> float:
        """Seconds until the horizon has passed."""
        return self._still.horizon_left(self._clock.now())

    def _result(self, missing: list[str]) -> DrainResult:
        own = self._own
        return DrainResult(
            complete=not missing and own.silence is None,
            missing=tuple(missing) if own.silence is None else (*missing, str(own.missing)),
            own_orders=tuple(own.ids),
            waited=max(0.0, self._clock.now() - self._still.arrived_at),
            silence=own.silence,
            repeated_id=own.repeated_id,
        )

    def _missing(self, table: OrdersTable) -> list[str]:
        now = self._clock.now()
        if not self._watch.alive:
            return ["the monitor to follow the topic"]
        missing = []
        if waiting := self._in_flight():
            missing.append(f"answers to {waiting} request{'' if waiting == 1 else 's'}")
            self._answered = now
            self._still.arrived(now)
        if self._own.missing and self._own.silence is None:
            missing.append(self._own.missing)
        if self._own.silence and now - self._answered < (limit := self._task.settle + (self._task.delivery_s or 0.0)):
            missing.append(f"any event within {limit:g} s of the last answer")
        missing += self._backlog()
        missing += self._row_changes(table)
        self._still.arrived(self._watch.activity.own_changed or 0.0)
        if missing:
            self._still.awaited(now)
            return missing
        if self._watch.activity.own is None:
            return ["the monitor to follow the topic"]
        if self._still.settle_left(now):
            return [f"{self._task.settle:g} s without a new row or event"]
        return []

    def _row_changes(self, table: OrdersTable) -> list[str]:
        try:
            rows = table.count_run(self._task.run_key)
        except DatabaseProblem as error:
            return [f"the database ({error})"]
        if rows != self._rows:
            self._rows = rows
            self._still.arrived(self._clock.now())
        return []

    def _backlog(self) -> list[str]:
        if self._sut.backlog_url is None:
            return []
        try:
            pending = pending_events(self._sut, self._sut.backlog_url, BACKLOG_TIMEOUT_S)
        except BacklogProblem as problem:
            return [f"the service to report its backlog ({problem})"]
        return [f"a backlog of {pending} event{'' if pending == 1 else 's'} to go out"] if pending else []

    def _prove(self) -> None:
        """Place own orders until one is complete, repeats an id, or stays without its event past the known limits."""
        own, delivery = self._own, self._task.delivery_s
        wait_s = EVENT_WAIT_S if delivery is None else max(EVENT_WAIT_S, delivery + self._task.settle)
        table = OrdersTable(self._sut)
        try:
            while own.silence is None:
                proven = prove_order(self._sut, table, wait_s, self._take_id)
                if proven.problem is None:
                    own.missing = None
                    return
                own.missing = f"{_OWN} ({proven.problem})"
                order = proven.order
                if delivery is not None and order is not None and order.row and not order.event:
                    # Its answer had come before the wait for its event began.
                    own.silence = self._silence(self._clock.now() - wait_s)
                gevent.sleep(1.0)
        except _RepeatedId:
            own.missing = None
        finally:
            table.close()

    def _take_id(self, order_id: str) -> None:
        if order_id in self._task.known_ids or order_id in self._own.ids:
            # An answer that names an older order says nothing about the new one.
            self._own.repeated_id = order_id
            raise _RepeatedId
        self._own.ids.append(order_id)

    def _silence(self, answered_at: float) -> dict[str, Any] | None:
        """Return what the judge must know of an own order whose event has not come; None while nothing is known."""
        try:
            service = topic_service(self._sut.kafka, self._sut.topic, TOPIC_S)
        except TopicError:
            return None
        if service.led is not True or service.open_transaction is not False:
            return None
        return {"answered_at": answered_at, "led": True, "open_transaction": False}
