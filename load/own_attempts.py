"""The load of a locustfile of somebody's own: its users send, and each attempt is in the ledger before it goes out.

    with attempt() as order:
        answer = self.client.post("/orders", json={"customerId": str(order.customer_id), ...})
        order.answered(answer.status_code, answer.json().get("orderId"))

What is not answered stays ambiguous, as it should. A user waits for its answer before it sends again, so a service that
hangs thins this load; the harness's own users (`load.load_session`) do not wait.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import gevent

from contract.order_id import AcknowledgedId, IdKind, acknowledged_id
from contract.run_key import RunKey
from load.load_session import IDLE_S, LoadCounts
from runlog.clock import AnchoredClock
from runlog.ledger import Completion, LedgerWriter, Phase
from runlog.order_id_texts import NameWriter
from runlog.outcomes import Failure, Outcome, classify


@dataclass(slots=True)
class Attempt:
    """One order that is about to be sent.

    Attributes:
        seq: its number in the run, from 0.
        customer_id: to be sent with it and stored in its row, so that it can be found again without an answer.
    """

    seq: int
    customer_id: uuid.UUID
    _status: int | None = field(default=None, repr=False)
    _told: object = field(default=None, repr=False)
    _failure: Failure = field(default=Failure.OTHER, repr=False)

    def answered(self, status: int, order_id: object = None) -> None:
        """Say how it was answered.

        Args:
            status: HTTP status of a completely read answer; 0 (as Locust's clients have it) when there was none.
            order_id: the id that the answer tells, as it stands there; None when it tells none.
        """
        self._status = status or None
        self._told = order_id
        self._failure = Failure.NONE if status else Failure.OTHER

    def refused(self) -> None:
        """Say that the connection was refused, so that certainly nothing was sent."""
        self._status, self._failure = None, Failure.REFUSED


class OwnLoad:
    """The load of one run whose users are not ours; what the conductor needs of a load, and what they need of it.

    Args:
        ledger: where each attempt is written.
        clock: the run's clock.
        run_key: the run that customer ids belong to.
        kind: what order ids are.
        names: keeps the texts of ids that 16 bytes do not tell.
    """

    def __init__(
        self, ledger: LedgerWriter, clock: AnchoredClock, run_key: RunKey, kind: IdKind, names: NameWriter
    ) -> None:
        self.phase = Phase.BASELINE
        self.counts = LoadCounts()
        self.trouble: str | None = None
        self.provoked: list[uuid.UUID] = []
        self._ledger = ledger
        self._clock = clock
        self._run_key = run_key
        self._kind = kind
        self._names = names
        self._begin = float("inf")
        self._over = self._closed = self._stopped = False
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

    def stop(self) -> None:
        """Let no attempt begin until `resume`; those under way go on."""
        self._stopped = True

    def resume(self) -> None:
        """Let attempts begin again."""
        self._stopped = False

    def close(self, at: float) -> None:
        """End the load: no further attempt begins."""
        del at
        self._over = True

    def finish(self, in_order: bool) -> None:
        """Close the ledger; attempts still under way stay in it without an answer.

        Args:
            in_order: whether the ledger may say that it is complete.
        """
        self._over = self._closed = True
        try:
            self._ledger.close(self._next if in_order and self.trouble is None else None)
            self._names.close()
        except OSError as error:
            self.trouble = f"the ledger could not be closed: {error.strerror}"

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Write an attempt down, let it be sent, and write down what became of it."""
        seq, sent, phase = self._next, self._clock.now(), self.phase
        self._next += 1
        attempt = Attempt(seq, self._run_key.customer_id(seq))
        self._write(lambda: self._ledger.sent(seq, sent, sent, phase))
        self.counts.sent += 1
        self._open += 1
        try:
            yield attempt
        except gevent.GreenletExit:
            # Locust has stopped this user in the middle: nobody knows the answer, and the ledger says so.
            raise
        except BaseException:
            self._complete(attempt, sent, phase)
            raise
        else:
            self._complete(attempt, sent, phase)
        finally:
            self._open -= 1

    def _complete(self, attempt: Attempt, sent: float, phase: Phase) -> None:
        good = attempt._status is not None and 200 <= attempt._status < 300
        told = acknowledged_id(self._kind, attempt._told) if good else None
        outcome = classify(attempt._status, attempt._failure, told is not None)
        failure = Failure.UNREADABLE if good and told is None else attempt._failure
        key = None if told is None else told.key
        end = Completion(self._clock.now(), outcome, attempt._status or 0, failure, key)
        if told is not None:
            self._note(told)
        self._write(lambda: self._ledger.completed(attempt.seq, sent, sent, phase, end))
        self.counts.acknowledged += outcome is Outcome.ACKNOWLEDGED
        self.counts.failed += outcome is not Outcome.ACKNOWLEDGED

    def _note(self, told: AcknowledgedId) -> None:
        self._write(lambda: self._names.note(told.key, told.text))

    def _write(self, write: Callable[[], None]) -> None:
        """Write to the ledger; a disk that takes no more becomes `trouble`, which ends the run."""
        if self.trouble is not None or self._closed:
            return
        try:
            write()
        except OSError as error:
            self.trouble = f"the ledger cannot be written: {error.strerror or error}"


class _Current:
    """The load of the run that is on in this process."""

    load: OwnLoad | None = None


def use(load: OwnLoad | None) -> None:
    """Let `attempt` write into `load` from now on."""
    _Current.load = load


@contextmanager
def attempt() -> Iterator[Attempt]:
    """Wait until the run wants orders, and hand out the next attempt: it is on disk when the block begins."""
    while (load := _Current.load) is None or not load.is_on:
        gevent.sleep(IDLE_S)
    with load.attempt() as order:
        yield order
