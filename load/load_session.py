"""The load of one run: takes arrivals from the schedule, sends them, and writes each into the ledger before its answer.

Locust's users are mere senders here: any number of them share one session, so the offered rate does not depend on how
many there are. Requests run in greenlets of the session's own, not of the users: stopping users never cuts a request
that is under way, its answer still comes into the ledger.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.pool import Pool

from contract.http import OrderAnswer, OrderContract
from contract.order_id import AcknowledgedId
from contract.run_key import RunKey
from load.arrivals import Arrival, ArrivalSchedule, is_too_late
from load.exchange import Answer, Exchanger
from runlog.clock import AnchoredClock
from runlog.ledger import Completion, LedgerWriter, Phase
from runlog.order_id_texts import NameWriter
from runlog.outcomes import Failure, Outcome, classify

# An idle sender looks this often whether the load has begun.
IDLE_S = 0.05
# Arrivals at most this far behind when the load ends are sent all the same: their senders were about to wake.
LAST_MOMENT_S = 0.25
_AS_ASKED = frozenset({Outcome.ACKNOWLEDGED, Outcome.PROVOKED})


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What the load of one run is.

    Attributes:
        base_url: of the order service.
        rate: orders per second.
        request_timeout: bound of one whole request, seconds.
        run_key: the run that customer ids belong to.
        contract: how orders are asked for.
        most_in_flight: arrivals beyond this many open requests are counted as not sent.
        ca_file: certificates that an https service is trusted by; empty: the usual ones.
    """

    base_url: str
    rate: float
    request_timeout: float
    run_key: RunKey
    contract: OrderContract
    most_in_flight: int
    ca_file: str = ""

    @classmethod
    def sized(
        cls,
        base_url: str,
        rate: float,
        request_timeout: float,
        run_key: RunKey,
        contract: OrderContract,
        *,
        ca_file: str = "",
    ) -> "LoadSpec":
        """Return a spec with room for a service that answers nothing until the timeout, and half as much again."""
        room = max(100, int(rate * request_timeout * 1.5) + 1)
        return cls(base_url, rate, request_timeout, run_key, contract, room, ca_file)


@dataclass(slots=True)
class LoadCounts:
    """Running totals of a session, for progress."""

    sent: int = 0
    not_sent: int = 0
    acknowledged: int = 0
    failed: int = 0


class LoadSession:
    """Sends the orders of one run.

    Args:
        spec: what to send.
        ledger: where each attempt is written.
        clock: the run's clock.
        report: called with Locust's request event fields for each completed exchange.
        names: keeps the texts of ids that 16 bytes do not tell; None: all ids are UUIDs or numbers.
    """

    def __init__(
        self,
        spec: LoadSpec,
        ledger: LedgerWriter,
        clock: AnchoredClock,
        report: Callable[[dict[str, Any]], None],
        names: NameWriter | None = None,
    ) -> None:
        self.phase = Phase.BASELINE
        self.counts = LoadCounts()
        self.trouble: str | None = None
        self.provoked: list[uuid.UUID] = []
        self._stopped = False
        self._spec = spec
        self._ledger = ledger
        self._clock = clock
        self._report = report
        self._names = names
        self._headers = dict(spec.contract.headers)
        self._schedule: ArrivalSchedule | None = None
        self._pool = Pool(spec.most_in_flight)
        self._exchanger = Exchanger(spec.base_url, spec.most_in_flight + 1, spec.request_timeout, spec.ca_file)

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""
        return len(self._pool)

    def begin(self, at: float) -> None:
        """Let order 0 fall due at `at` (epoch seconds of the run's clock)."""
        self._schedule = ArrivalSchedule(self._spec.rate, at)

    def send_next(self) -> None:
        """Wait for the next arrival and send it: what a Locust user does over and over. Never waits for an answer."""
        schedule = self._schedule
        arrival = schedule.take() if schedule else None
        if schedule is None or arrival is None:
            gevent.sleep(IDLE_S)
            return
        wait = arrival.due - self._clock.now()
        if wait > 0:
            gevent.sleep(wait)
        if schedule.claim(arrival):
            self._start(arrival)

    def stop(self) -> None:
        """Send nothing until `resume`: what falls due meanwhile is written as not sent."""
        self._stopped = True

    def resume(self) -> None:
        """Send again."""
        self._stopped = False

    def close(self, at: float) -> None:
        """End the load at `at`: nothing more falls due; what was due and could not be sent is written as such."""
        if self._schedule is None:
            return
        for arrival in self._schedule.close(at):
            if self._clock.now() - arrival.due <= LAST_MOMENT_S:
                self._start(arrival)
            else:
                self._write_not_sent(arrival)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every request is answered, at most `timeout_s` seconds; return whether that was so."""
        return bool(self._pool.join(timeout=timeout_s))

    def finish(self, in_order: bool) -> None:
        """Close the ledger; requests still under way are given up and stay in it without an answer.

        Args:
            in_order: whether the ledger may say that it is complete.
        """
        self._pool.kill(block=True, timeout=1.0)
        due = self._schedule.due if self._schedule else 0
        try:
            self._ledger.close(due if in_order and self.trouble is None else None)
        except OSError as error:
            self.trouble = f"the ledger could not be closed: {error.strerror}"
        if self._names is not None:
            self._names.close()
        self._exchanger.close()

    def _start(self, arrival: Arrival) -> None:
        now = self._clock.now()
        if self._stopped or self._pool.full() or is_too_late(arrival, now):
            self._write_not_sent(arrival)
            return
        phase = self.phase
        if self._write(lambda: self._ledger.sent(arrival.seq, arrival.due, now, phase)):
            self.counts.sent += 1
            self._pool.spawn(self._exchange, arrival, now, phase)

    def _exchange(self, arrival: Arrival, sent: float, phase: Phase) -> None:
        contract = self._spec.contract
        body = contract.body(self._spec.run_key.customer_id(arrival.seq), arrival.seq)
        answer = self._exchanger.post(contract.path, body, self._headers)
        completed = self._clock.now()
        good = answer.status is not None and 200 <= answer.status < 300
        told = contract.read(answer.body, answer.headers) if good else OrderAnswer(None)
        outcome = classify(answer.status, answer.failure, told.order_id is not None, told.rolled_back)
        failure = Failure.UNREADABLE if good and told.order_id is None else answer.failure
        identity = None if told.order_id is None else told.order_id.key
        end = Completion(completed, outcome, answer.status or 0, failure, identity)
        if told.order_id is not None:
            self._note_name(told.order_id)
        self._write(lambda: self._ledger.completed(arrival.seq, arrival.due, sent, phase, end))
        if outcome is Outcome.PROVOKED and identity is not None:
            self.provoked.append(uuid.UUID(bytes=identity))
        acknowledged = outcome in _AS_ASKED
        self.counts.acknowledged += acknowledged
        self.counts.failed += not acknowledged
        self._report(self._event(answer, outcome, phase, sent, completed))

    def _note_name(self, order: AcknowledgedId) -> None:
        names = self._names
        if names is not None:
            self._write(lambda: names.note(order.key, order.text))

    def _event(self, answer: Answer, outcome: Outcome, phase: Phase, sent: float, completed: float) -> dict[str, Any]:
        # Constant texts only: Locust keeps one row for each different failure text.
        error = answer.reason
        if error is None and outcome not in _AS_ASKED:
            good = answer.status is not None and 200 <= answer.status < 300
            error = f"HTTP {answer.status}" + (" without a readable order id" if good else "")
        return {
            "request_type": "POST",
            "name": f"POST {self._spec.contract.path} [{phase.label}]",
            "response_time": (completed - sent) * 1000,
            "response_length": len(answer.body),
            "response": None,
            "context": {},
            "exception": RuntimeError(error) if error else None,
            "start_time": sent,
            "url": self._spec.base_url + self._spec.contract.path,
        }

    def _write_not_sent(self, arrival: Arrival) -> None:
        self.counts.not_sent += 1
        self._write(lambda: self._ledger.not_sent(arrival.seq, arrival.due, self.phase))

    def _write(self, write: Callable[[], None]) -> bool:
        """Write to the ledger; a disk that takes no more becomes `trouble`, which ends the run.

        Nothing is written after it: behind a record that was cut short, further ones would be read as rubbish.
        """
        if self.trouble is not None:
            return False
        try:
            write()
        except OSError as error:
            self.trouble = f"the ledger cannot be written: {error.strerror or error}"
            return False
        return True
