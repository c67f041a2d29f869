"""The load of one run: takes arrivals from the schedule, records each in the ledger, then sends it.

Locust's users are only senders: any number of them share one session, so their number does not change the offered rate.
Requests run in greenlets of the session, not of the users: stopping a user never cuts a request that is under way, and
its answer still reaches the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.pool import Pool

from contract.http import OrderAnswer, OrderContract
from contract.run_key import RunKey
from load.arrivals import Arrival, ArrivalSchedule, is_too_late
from load.exchange import Answer, Exchanger
from load.recorded_load import AS_ASKED, IDLE_S, RecordedLoad, SentAttempt, is_success
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Outcome

# Arrivals at most this far behind when the load ends are still sent: their senders were about to wake.
LAST_MOMENT_S = 0.25


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What the load of one run is.

    Attributes:
        base_url: of the order service.
        rate: orders per second.
        request_timeout: bound of one whole request, seconds.
        run_key: the run that customer ids belong to.
        ca_file: certificates that an https service is trusted by; empty: the usual ones.
        limit: see `most_in_flight`; None: as many as a service that never answers needs, and half as many again.
    """

    base_url: str
    rate: float
    request_timeout: float
    run_key: RunKey
    contract: OrderContract
    ca_file: str = ""
    limit: int | None = None

    @property
    def most_in_flight(self) -> int:
        """Requests under way at once; arrivals beyond them are counted as not sent."""
        return self.limit or max(100, int(self.rate * self.request_timeout * 1.5) + 1)


class LoadSession(RecordedLoad):
    """Sends the orders of one run.

    Args:
        report: called with Locust's request event fields for each completed exchange.
        texts: keeps the texts of ids that cannot be decoded from their 16-byte key.
    """

    def __init__(
        self,
        spec: LoadSpec,
        ledger: LedgerWriter,
        clock: AnchoredClock,
        report: Callable[[dict[str, Any]], None],
        texts: OrderIdTextWriter,
    ) -> None:
        super().__init__(ledger, clock, texts)
        self._spec = spec
        self._report = report
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
        """Wait for the next arrival and send it, as a Locust user does in a loop. Never waits for an answer."""
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

    def close(self, at: float) -> None:
        """End the load at `at`: nothing more falls due; arrivals that were due and not sent are recorded as such."""
        if self._schedule is None:
            return
        for arrival in self._schedule.close(at):
            if self._clock.now() - arrival.due <= LAST_MOMENT_S:
                self._start(arrival)
            else:
                self._record_not_sent(arrival)

    def settle(self, timeout_s: float) -> bool:
        """Wait until every request is answered, at most `timeout_s` seconds; return whether all were."""
        return bool(self._pool.join(timeout=timeout_s))

    def finish(self, in_order: bool) -> None:
        """Close the ledger; requests still under way are cancelled and stay in it without an answer.

        Args:
            in_order: whether the ledger may say that it is complete.
        """
        self._pool.kill(block=True, timeout=1.0)
        self._close_ledger(self._schedule.due if self._schedule else 0, complete=in_order)
        self._exchanger.close()

    def _start(self, arrival: Arrival) -> None:
        now = self._clock.now()
        if self._stopped or self._pool.full() or is_too_late(arrival, now):
            self._record_not_sent(arrival)
            return
        attempt = SentAttempt(arrival.seq, arrival.due, now, self.phase)
        if self._record_sent(attempt):
            self._pool.spawn(self._exchange, attempt)

    def _exchange(self, attempt: SentAttempt) -> None:
        contract = self._spec.contract
        body = contract.body(self._spec.run_key.customer_id(attempt.seq), attempt.seq)
        answer = self._exchanger.post(contract.path, body, self._headers)
        completed = self._clock.now()
        order = contract.read(answer.body, answer.headers) if is_success(answer.status) else OrderAnswer(None)
        outcome = self._record_answer(
            attempt, completed, answer.status, answer.failure, order.order_id, rolled_back=order.rolled_back
        )
        self._report(self._request_event(attempt, answer, outcome, completed))

    def _request_event(
        self, attempt: SentAttempt, answer: Answer, outcome: Outcome, completed: float
    ) -> dict[str, Any]:
        # Constant texts only: Locust keeps one row for each different failure text.
        error = answer.reason
        if error is None and outcome not in AS_ASKED:
            error = f"HTTP {answer.status}" + (" without a readable order id" if is_success(answer.status) else "")
        return {
            "request_type": "POST",
            "name": f"POST {self._spec.contract.path} [{attempt.phase.label}]",
            "response_time": (completed - attempt.sent) * 1000,
            "response_length": len(answer.body),
            "response": None,
            "context": {},
            "exception": RuntimeError(error) if error else None,
            "start_time": attempt.sent,
            "url": self._spec.base_url + self._spec.contract.path,
        }

    def _record_not_sent(self, arrival: Arrival) -> None:
        self.counts.not_sent += 1
        self._record(lambda: self._ledger.not_sent(arrival.seq, arrival.due, self.phase))
