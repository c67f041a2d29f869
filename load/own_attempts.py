"""The load of the user's own locustfile: its users send, and the ledger records each attempt before it is sent.

    with attempt() as order:
        answer = self.client.post("/orders", json={"customerId": str(order.customer_id), ...})
        order.answered(answer.status_code, answer.json().get("orderId"))

An attempt without an answer stays ambiguous. Such a user waits for its answer before it sends again, so a service that
hangs thins this load; the harness's own users (`load.load_session`) do not wait.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import gevent

from contract.order_id import IdKind, acknowledged_id
from contract.run_key import RunKey
from load.recorded_load import IDLE_S, RecordedLoad, SentAttempt, is_success
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Failure


@dataclass(slots=True)
class Attempt:
    """One order that is about to be sent.

    Attributes:
        seq: its number in the run, from 0.
        customer_id: to be sent with it and stored in its row, which is thus found even without an answer.
    """

    seq: int
    customer_id: uuid.UUID
    _status: int | None = field(default=None, repr=False)
    _order_id: object = field(default=None, repr=False)
    _failure: Failure = field(default=Failure.OTHER, repr=False)

    def answered(self, status: int, order_id: object = None) -> None:
        """Set how it was answered.

        Args:
            status: HTTP status of a completely read answer; 0 (as Locust's clients have it) without one.
            order_id: the id that the answer returned, verbatim; None without one.
        """
        self._status = status or None
        self._order_id = order_id
        self._failure = Failure.NONE if status else Failure.OTHER

    def refused(self) -> None:
        """Set that the connection was refused, so that certainly nothing was sent."""
        self._status, self._failure = None, Failure.REFUSED


class OwnLoad(RecordedLoad):
    """The load of one run whose users are the user's own.

    Args:
        run_key: the run that customer ids belong to.
        texts: keeps the texts of ids that cannot be decoded from their 16-byte key.
    """

    def __init__(
        self, ledger: LedgerWriter, clock: AnchoredClock, run_key: RunKey, kind: IdKind, texts: OrderIdTextWriter
    ) -> None:
        super().__init__(ledger, clock, texts)
        self._run_key = run_key
        self._kind = kind
        self._begin = float("inf")
        self._over = False
        self._next = 0
        self._open = 0

    @property
    def in_flight(self) -> int:
        """Attempts without an answer yet."""
        return self._open

    @property
    def is_on(self) -> bool:
        """Whether orders may be sent now."""
        return not (self._over or self._stopped) and self.trouble is None and self._clock.now() >= self._begin

    def begin(self, at: float) -> None:
        """Let orders be sent from `at` on (epoch seconds of the run's clock)."""
        self._begin = at

    def close(self, at: float) -> None:
        """End the load: no further attempt begins."""
        del at
        self._over = True

    def finish(self, in_order: bool) -> None:
        """Close the ledger; attempts still under way stay in it without an answer.

        Args:
            in_order: whether the ledger may say that it is complete.
        """
        self._over = True
        self._close_ledger(self._next, complete=in_order)

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Record an attempt, let the caller send it, and record its answer."""
        seq, now = self._next, self._clock.now()
        self._next += 1
        sent, attempt = SentAttempt(seq, now, now, self.phase), Attempt(seq, self._run_key.customer_id(seq))
        self._record_sent(sent)
        self._open += 1
        try:
            yield attempt
        except gevent.GreenletExit:
            # Locust stopped this user before its answer came: the attempt stays without one.
            raise
        except BaseException:
            self._complete(sent, attempt)
            raise
        else:
            self._complete(sent, attempt)
        finally:
            self._open -= 1

    def _complete(self, sent: SentAttempt, attempt: Attempt) -> None:
        order_id = acknowledged_id(self._kind, attempt._order_id) if is_success(attempt._status) else None
        self._record_answer(sent, self._clock.now(), attempt._status, attempt._failure, order_id)


class _Current:
    """The load of the run that is on in this process."""

    load: OwnLoad | None = None


def use(load: OwnLoad | None) -> None:
    """Let `attempt` record into `load` from now on."""
    _Current.load = load


@contextmanager
def attempt() -> Iterator[Attempt]:
    """Wait until the run wants orders, then return the next attempt, which is already on disk."""
    while (load := _Current.load) is None or not load.is_on:
        gevent.sleep(IDLE_S)
    with load.attempt() as order:
        yield order
