"""A session with its senders and its ledger, and what the ledger holds in the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import gevent

from contract.http import OrderContract
from contract.order_id import IdKind
from contract.run_key import RunKey
from load.load_session import LoadSession, LoadSpec
from runlog.clock import AnchoredClock
from runlog.ledger import Ledger, LedgerWriter, RecordKind, read_ledger
from runlog.order_id_texts import OrderIdTextWriter
from runlog.outcomes import Outcome

from .target import Target, await_that

KEY = RunKey.random()
CLOCK = AnchoredClock.anchor()
SENDERS = 4
SETTLE_S = 30.0


class Run:
    """A session with its senders, its ledger and the events that it reports."""

    def __init__(self, folder: Path, url: str, rate: float = 200, timeout: float = 20.0, most: int = 1000) -> None:
        self.path = folder / "ledger.bin"
        self.events: list[dict[str, Any]] = []
        spec = LoadSpec(url, rate, timeout, KEY, OrderContract(), limit=most)
        texts = OrderIdTextWriter(self.path.parent, IdKind.UUID)
        self.session = LoadSession(spec, LedgerWriter(self.path, KEY), CLOCK, self.events.append, texts)
        self._senders = [gevent.spawn(self._send) for _ in range(SENDERS)]
        self.session.begin(CLOCK.now())

    def _send(self) -> None:
        while True:
            self.session.send_next()

    def end(self) -> Ledger:
        """Close, settle, finish, as the conductor does; return the ledger as read back."""
        self.close()
        assert self.session.settle(SETTLE_S)
        return self.finish()

    def close(self) -> None:
        self.session.close(CLOCK.now())
        # Nothing that happens to an order may end a user's task.
        assert [sender.exception for sender in self._senders if sender.exception] == []

    def stop_senders(self) -> None:
        gevent.killall(self._senders)

    def finish(self) -> Ledger:
        self.stop_senders()
        self.session.finish(in_order=True)
        return read_ledger(self.path)


def outcomes(ledger: Ledger) -> Counter[Outcome]:
    done = ledger.attempts[ledger.attempts["kind"] == RecordKind.COMPLETED]
    return Counter(Outcome(int(value)) for value in done["outcome"])


def kinds(ledger: Ledger) -> Counter[RecordKind]:
    return Counter(RecordKind(int(value)) for value in ledger.attempts["kind"])


def send_some(run: Run, target: Target, count: int = 20) -> None:
    await_that(lambda: len(target.seen) >= count, f"{count} orders at the target")
