"""The orders whose event a known outbox holds, read in a thread of its own: a database that hangs must not hold up the
counting. Reading takes a tenth of the time at most, because the database is that of the system under test.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.contract import Contract
from contract.ids import IdReader
from stores.outbox import waiting_texts
from stores.postgres import DatabaseProblem, Limits, PostgresConnection

EVERY_S: Final = 0.5
SHARE: Final = 0.1
MOST_KEPT: Final = 8
LIMITS: Final = Limits(statement_s=2.0)


@dataclass(frozen=True, slots=True)
class Held:
    """What the outbox held, as far as the topic has been read since.

    Attributes:
        ids: IDS of the orders that any reading since `paired_at` found in it.
        paired_at: when it was last read before an end of the topic that has been reached, epoch seconds: what had left
            it by then is in what was read of the topic. None: never.
        newest_at: when it was last read.
    """

    ids: NDArray[np.void]
    paired_at: float | None
    newest_at: float


class Readings:
    """The readings of an outbox that still matter, few however long nothing of the topic is read; for any thread."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, NDArray[np.void]]] = []
        self._lock = threading.Lock()

    def add(self, at: float, ids: NDArray[np.void]) -> None:
        """Add a reading that was begun at `at`, epoch seconds."""
        with self._lock:
            self._kept.append((at, ids))
            if len(self._kept) > MOST_KEPT:
                # Between the first and the last one: the time of a later one, and the orders of both.
                (_, some), (later, more) = self._kept[1:3]
                self._kept[1:3] = [(later, np.unique(np.concatenate([some, more])))]

    def forget(self) -> None:
        """Forget them all: the outbox cannot be compared."""
        with self._lock:
            self._kept.clear()

    def held(self, topic_read_at: float | None) -> Held | None:
        """Return what the outbox held since the last reading before `topic_read_at`; None where it was never read."""
        with self._lock:
            before = [at for at, _ in self._kept if topic_read_at is not None and at <= topic_read_at]
            if before:
                self._kept = self._kept[len(before) - 1 :]
            if not self._kept:
                return None
            ids = np.unique(np.concatenate([ids for _, ids in self._kept]))
            return Held(ids, before[-1] if before else None, self._kept[-1][0])


class BacklogReader:
    """The outbox of a run's contract.

    Args:
        database_url: secret.

    Attributes:
        readings: of it; none where it spells their ids in another way.
        problem: why they could not be read the last time; None when they could, and before.
    """

    def __init__(self, database_url: str, contract: Contract, now: Callable[[], float]) -> None:
        self.readings = Readings()
        self.problem: str | None = None
        self._contract, self._now = contract, now
        self._connection = PostgresConnection(database_url)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="backlog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        outbox, took = self._contract.table.outbox, 0.0
        while outbox is not None and not self._stop.wait(max(EVERY_S, took / SHARE)):
            asked = self._now()
            try:
                with self._connection.transaction(LIMITS) as transaction:
                    texts = waiting_texts(transaction, outbox, reference=self._contract.event.reference)
            except DatabaseProblem as problem:
                self.problem = str(problem)
                continue
            finally:
                took = self._now() - asked
            ids, valid = IdReader(self._contract.id_kind).parse(texts)
            if valid.all():
                self.readings.add(asked, ids)
                self.problem = None
            else:
                self.readings.forget()
                self.problem = "it spells the ids of orders in another way"
        self._connection.close()
