"""The drain: after the load has ended, wait until nothing more can come, and say what was still missing if it does.

Over when every request is answered, an order sent after `healed` is whole, a known backlog is empty, and for the settle
time no new row and no new event of this run has come. A cap ends it; then its result is not complete and names what was
awaited.
"""

import json
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import gevent

from chaos.database import DatabaseError, OrdersTable
from chaos.proof import prove_order
from chaos.subject import Subject
from chaos.watch import LookoutWatch, NotProven
from chaos.web import ask
from contract.run_key import RunKey
from runlog.clock import AnchoredClock

POLL_S: Final = 0.25
BACKLOG_TIMEOUT_S: Final = 3.0
EVENT_WAIT_S: Final = 10.0
_WHOLE: Final = "an order sent after all that, whole"


@dataclass(frozen=True, slots=True)
class DrainResult:
    """How the drain ended.

    Attributes:
        complete: nothing was missing.
        missing: what was still awaited, one line each.
        own_orders: ids of the orders that the harness placed for its own check.
    """

    complete: bool
    missing: tuple[str, ...]
    own_orders: tuple[str, ...] = ()


class Drain:
    """Waits for the quiet after a run.

    Args:
        subject: the system under test.
        run_key: whose rows count.
        watch: the lookout, which counts new events of the run.
        clock: the run's clock.
        in_flight: tells how many requests are unanswered.
        settle: quiet seconds that are wanted.
    """

    def __init__(
        self,
        *,
        subject: Subject,
        run_key: RunKey,
        watch: LookoutWatch,
        clock: AnchoredClock,
        in_flight: Callable[[], int],
        settle: float,
    ) -> None:
        self._subject = subject
        self._run_key = run_key
        self._watch = watch
        self._clock = clock
        self._in_flight = in_flight
        self._settle = settle
        self._rows: int | None = None
        self._quiet_since = clock.now()
        self._whole: str | None = _WHOLE
        self._own: list[str] = []

    def run(self, cap_s: float, say: Callable[[str], None]) -> DrainResult:
        """Wait until it is over, at most `cap_s` seconds.

        Args:
            cap_s: the cap.
            say: told what is awaited, whenever that changes.
        """
        deadline = self._clock.now() + cap_s
        try:
            self._watch.follow()
        except NotProven as gone:
            return DrainResult(False, (str(gone),))
        table = OrdersTable(self._subject)
        proof = gevent.spawn(self._prove)
        said: list[str] = []
        try:
            while missing := self._missing(table):
                if missing != said:
                    said = missing
                    say("waiting for " + "; ".join(missing))
                if self._clock.now() >= deadline or not self._watch.alive:
                    return DrainResult(False, tuple(missing), tuple(self._own))
                gevent.sleep(POLL_S)
        finally:
            proof.kill(block=False)
            table.close()
        return DrainResult(True, (), tuple(self._own))

    def _missing(self, table: OrdersTable) -> list[str]:
        now = self._clock.now()
        if not self._watch.alive:
            return ["the lookout to follow the topic"]
        missing = []
        if waiting := self._in_flight():
            missing.append(f"answers to {waiting} requests")
        if self._whole:
            missing.append(self._whole)
        missing += self._backlog()
        missing += self._row_changes(table)
        if missing:
            self._quiet_since = now
            return missing
        changed = self._watch.activity.own_changed
        if self._watch.activity.own is None:
            return ["the lookout to follow the topic"]
        if now - max(self._quiet_since, changed or 0.0) < self._settle:
            return [f"{self._settle:g} s without a new row or event"]
        return []

    def _row_changes(self, table: OrdersTable) -> list[str]:
        try:
            rows = table.count_run(self._run_key)
        except DatabaseError as error:
            return [f"the database ({error})"]
        if rows != self._rows:
            self._rows = rows
            self._quiet_since = self._clock.now()
        return []

    def _backlog(self) -> list[str]:
        if self._subject.backlog_url is None:
            return []
        try:
            with ask(self._subject, self._subject.backlog_url, BACKLOG_TIMEOUT_S) as answer:
                pending = int(json.load(answer)["pending"])
        except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
            return ["the service to tell its backlog"]
        return [f"a backlog of {pending} events to go out"] if pending else []

    def _prove(self) -> None:
        table = OrdersTable(self._subject)
        try:
            while True:
                proven = prove_order(self._subject, table, EVENT_WAIT_S, self._own.append)
                if proven.problem is None:
                    self._whole = None
                    return
                self._whole = f"{_WHOLE} ({proven.problem})"
                gevent.sleep(1.0)
        finally:
            table.close()
