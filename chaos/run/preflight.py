"""Preflight: the checks before anything is broken. Each that fails says what to do.

Health of PostgreSQL, broker and service; the brokers' addresses; the target of the fault; the orders table; and a
canary order that must have its row and its event.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Final

from chaos.faults.targets import TargetError
from chaos.run.backlog import BacklogProblem, pending_events
from chaos.run.canary_order import CanaryOrder, place_canary
from chaos.run.plan import Plan
from chaos.run.reconcile_check import ReconcilerCheck
from chaos.run.run_progress import Check
from chaos.run.topic import native
from chaos.sut.health_checks import HEALTH_S, parts
from chaos.sut.service_http import ask
from chaos.sut.sut import PreflightError, SystemUnderTest
from contract.attribution import EXCLUSIVE
from health.check import Health
from health.wire import NoAnswer
from runlog.check_request import CheckRequest
from stores.kafka_client import KafkaProblem
from stores.listeners import advertised, unreachable
from stores.orders_table import OrdersTable
from stores.postgres import DatabaseProblem

EVENT_WAIT_S: Final = 10.0
_REMEDIES: Final = {
    "database": "start PostgreSQL, or correct its URL",
    "broker": "start the broker, or correct its address",
    "service": "start the order service, or correct its URL",
}
_OWN_REMEDIES: Final = {
    "database": "start PostgreSQL, or correct --database-url",
    "broker": "start the broker, or correct --kafka-bootstrap or --kafka-config",
    "service": "start the order service, or correct --host, --health-path, --header or --ca-file",
}


class Preflight:
    """The checks of one run.

    Args:
        plan: which faults will be injected.
    """

    def __init__(self, sut: SystemUnderTest, plan: Plan, say: Callable[[Check], None]) -> None:
        self._sut = sut
        self._plan = plan
        self._say = say

    def run(self) -> CanaryOrder:
        """Do all checks and return the complete canary order.

        Raises:
            PreflightError: one of them failed; nothing was broken.
        """
        for check in self._healthy():
            self._say(check)
        self._say(self._listeners())
        self._say(self._target())
        if self._sut.phantom_url is not None:
            self._say(_phantom_endpoint(self._sut, self._sut.phantom_url))
        if self._sut.backlog_url is not None:
            self._say(self._backlog(self._sut.backlog_url))
        table = OrdersTable(self._sut.database_url, self._sut.contract)
        try:
            self._say(self._table(table))
            # Our own service and its table are known to be readable. The reconciler starts while the order is placed.
            with ReconcilerCheck() if self._own else nullcontext() as judge:
                return self._place_canary(table, judge)
        finally:
            table.close()

    def _place_canary(self, table: OrdersTable, judge: ReconcilerCheck | None) -> CanaryOrder:
        proven = place_canary(self._sut, table, EVENT_WAIT_S)
        if proven.problem or proven.order is None:
            remedy = "" if self._own else "; repair the service before you break its broker"
            raise PreflightError(f"canary order: {proven.problem}{remedy}")
        self._say(Check("canary order", f"{proven.order.order_id} has its row and its event"))
        if judge is not None:
            self._judge(judge, proven)
        return proven

    def _judge(self, judge: ReconcilerCheck, proven: CanaryOrder) -> None:
        """Have the reconciler read the order in every way in which it will read a run."""
        problem = judge.ask(check_request(self._sut, proven))
        if problem is not None:
            raise PreflightError(f"canary order: {problem}")
        self._say(Check("reconciler", "it can read a run: rows, events, and the second look at both"))

    def _healthy(self) -> Iterator[Check]:
        for name, health in parts(self._sut):
            remedies = _OWN_REMEDIES if self._own else _REMEDIES
            yield _require(name, health, remedies[name])

    @property
    def _own(self) -> bool:
        """Whether the user runs the system under test, so that options say where its parts are."""
        return self._sut.stack == "external"

    def _listeners(self) -> Check:
        """Check that the addresses which Kafka advertises are reachable, before an order is placed."""
        kafka = self._sut.kafka
        try:
            listeners = native(lambda: advertised(kafka, self._sut.topic, HEALTH_S))
        except KafkaProblem as problem:
            raise PreflightError(f"broker: {problem}") from None
        problem_text = unreachable(listeners, kafka["bootstrap.servers"], HEALTH_S)
        if problem_text is not None:
            raise PreflightError(f"broker: {problem_text}")
        return Check("listeners", ", ".join(f"{one.host}:{one.port}" for one in listeners))

    def _target(self) -> Check:
        target = self._sut.target
        for outage in self._plan.outages:
            if outage.target != target.component:
                offered = f"its {target.component}, {target.describe()}; choose that one"
                raise PreflightError(f"--fault-target {outage.target}: the target of this stack is {offered}")
            if outage.fault.name not in target.faults:
                able = ", ".join(target.faults) or "nothing"
                raise PreflightError(
                    f"--fault {outage.fault.name}: {target.describe()} does not support it; choose from {able}"
                )
        try:
            up = target.is_up()
        except TargetError as error:
            raise PreflightError(f"target: {error}") from None
        if not up:
            raise PreflightError(f"target {target.describe()} is not up; start it first")
        return Check("target", target.describe())

    def _backlog(self, url: str) -> Check:
        """Check that the service reports its backlog: the drain will wait until it is empty."""
        try:
            pending = pending_events(self._sut, url, HEALTH_S)
        except BacklogProblem as problem:
            option = "--backlog-url " if self._own else ""
            raise PreflightError(
                f'backlog: {option}{url}: {problem}; HTTP 200 with {{"pending": NUMBER}} is expected'
            ) from None
        return Check("backlog", f"{url}: pending events: {pending}")

    def _table(self, table: OrdersTable) -> Check:
        try:
            columns = table.check_columns(compares_times=self._sut.attribution == EXCLUSIVE)
        except DatabaseProblem as error:
            raise PreflightError(f"orders table: {error}") from None
        return Check("orders table", f"{self._sut.contract.table.name} has {columns}")


def check_request(sut: SystemUnderTest, proven: CanaryOrder) -> CheckRequest:
    if proven.order is None or proven.topic is None:
        raise PreflightError("canary order: the end of the topic before it is unknown")
    return CheckRequest(
        database_url=sut.database_url,
        kafka=sut.kafka,
        topic=proven.topic,
        contract=sut.contract,
        stack=sut.stack,
        attribution=sut.attribution,
        order_id=proven.order.order_id,
        sequence=proven.sequence,
        row_time=proven.row_time,
    )


def _phantom_endpoint(sut: SystemUnderTest, url: str) -> Check:
    """Check that the endpoint refuses an empty body as invalid: it exists, and nothing was changed."""
    try:
        answer = ask(sut, url, HEALTH_S, b"{}")
        if answer.status == 400:
            return Check("phantom endpoint", url)
        said = f"HTTP {answer.status}" + (" to an empty order" if 200 <= answer.status < 300 else "")
    except NoAnswer as failed:
        said = f"no answer ({failed.reply.detail})"
    raise PreflightError(
        f"--scenario phantom-event: {url} gives {said} instead of 400; start the service with its chaos profile"
    )


def _require(name: str, health: Health, remedy: str) -> Check:
    if not health.ok:
        raise PreflightError(f"{name}: {health.detail}; {remedy}")
    return Check(name, health.detail)
