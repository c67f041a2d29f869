"""What every load of a run does: it records each attempt before it is sent, each answer, and counts both."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from contract.order_id import AcknowledgedId
from runlog.clock import AnchoredClock
from runlog.ledger import Completion, LedgerWriter, Phase
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Failure, Outcome, classify

# How often a user without an order to send looks for one.
IDLE_S: Final = 0.05
AS_ASKED: Final = frozenset({Outcome.ACKNOWLEDGED, Outcome.PROVOKED})


@dataclass(slots=True)
class LoadCounts:
    """Running totals of a load, for progress."""

    sent: int = 0
    not_sent: int = 0
    acknowledged: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """An attempt that was sent: its number in the run, due and send time in epoch seconds, phase."""

    seq: int
    due: float
    sent: float
    phase: Phase


class RecordedLoad:
    """The load of one run, as its ledger records it; a subclass sends the orders.

    Args:
        texts: keeps the texts of ids that cannot be decoded from their 16-byte key.
    """

    def __init__(self, ledger: LedgerWriter, clock: AnchoredClock, texts: OrderIdTextWriter) -> None:
        self.phase = Phase.BASELINE
        self.counts = LoadCounts()
        self.trouble: str | None = None
        self.provoked: list[uuid.UUID] = []
        self._ledger, self._clock, self._texts = ledger, clock, texts
        self._stopped = self._closed = False

    def stop(self) -> None:
        """Send nothing until `resume`; requests under way go on."""
        self._stopped = True

    def resume(self) -> None:
        self._stopped = False

    def _record(self, write: Callable[[], None]) -> bool:
        """Write to the ledger, and return whether that worked; an error becomes `trouble`, which ends the run.

        Nothing is written after an error: records behind a truncated one could not be read.
        """
        if self.trouble is not None or self._closed:
            return False
        try:
            write()
        except OSError as error:
            self.trouble = f"the ledger cannot be written: {error.strerror or error}"
        return self.trouble is None

    def _record_sent(self, attempt: SentAttempt) -> bool:
        recorded = self._record(lambda: self._ledger.sent(attempt.seq, attempt.due, attempt.sent, attempt.phase))
        self.counts.sent += recorded
        return recorded

    def _record_answer(
        self,
        attempt: SentAttempt,
        completed: float,
        status: int | None,
        failure: Failure,
        order_id: AcknowledgedId | None,
        *,
        rolled_back: bool = False,
    ) -> Outcome:
        """Record how an attempt was answered, as `runlog.outcomes.classify` takes it, and return its outcome."""
        outcome = classify(status, failure, order_id is not None, rolled_back)
        if is_success(status) and order_id is None:
            failure = Failure.UNREADABLE
        key = None if order_id is None else order_id.key
        end = Completion(completed, outcome, status or 0, failure, key)
        if order_id is not None:
            self._record(lambda: self._texts.note(order_id.key, order_id.text))
            if outcome is Outcome.PROVOKED:
                self.provoked.append(uuid.UUID(bytes=order_id.key))
        self._record(lambda: self._ledger.completed(attempt.seq, attempt.due, attempt.sent, attempt.phase, end))
        self.counts.acknowledged += outcome in AS_ASKED
        self.counts.failed += outcome not in AS_ASKED
        return outcome

    def _close_ledger(self, due: int, *, complete: bool) -> None:
        """Close the ledger; with `complete` it says that it holds all of the `due` attempts."""
        self._closed = True
        try:
            self._ledger.close(due if complete and self.trouble is None else None)
            self._texts.close()
        except OSError as error:
            self.trouble = f"the ledger could not be closed: {error.strerror}"


def is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
