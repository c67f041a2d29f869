"""The orders whose event a known outbox holds, read in a thread of its own: a database that hangs must not hold up the
counting. Reading takes a tenth of the time at most, because the database is that of the system under test.
"""

import threading
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.contract import Contract
from contract.ids import IdReader
from stores.outbox import waiting_texts
from stores.postgres import DatabaseProblem, Limits, PostgresConnection

EVERY_S: Final = 0.5
SHARE: Final = 0.1
LIMITS: Final = Limits(statement_s=2.0)


class BacklogReader:
    """The outbox of a run's contract.

    Args:
        database_url: secret.

    Attributes:
        ids: IDS of the orders in it; None until it was read, and where it spells their ids in another way.
        read_at: epoch seconds of the run's clock at which they were asked for; None until then.
        problem: why they could not be read the last time; None when they could, and before.
    """

    def __init__(self, database_url: str, contract: Contract, now: Callable[[], float]) -> None:
        self.ids: NDArray[np.void] | None = None
        self.read_at: float | None = None
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
                self.ids, self.read_at, self.problem = ids, asked, None
            else:
                self.ids, self.read_at, self.problem = None, None, "it spells the ids of orders in another way"
        self._connection.close()
