"""A session in a process of its own, for tests that take its disk or its life: `URL LEDGER KEY SECONDS [BYTES]`.

With BYTES no file may grow beyond them, as on a disk that is full. It prints one line of JSON when it ends in order.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

import gevent

from contract.http import OrderContract
from contract.order_id import IdKind
from contract.run_key import RunKey
from load.load_session import LoadSession, LoadSpec
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter
from runlog.order_id_texts import OrderIdTextWriter

SENDERS = 4
RATE = 200.0


def main(url: str, ledger: str, key: str, seconds: str, limit: str = "") -> None:
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write fails instead of ending the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    clock = AnchoredClock.anchor()
    spec = LoadSpec(url, RATE, 30.0, RunKey.parse(key), OrderContract())
    writer, texts = LedgerWriter(Path(ledger), RunKey.parse(key)), OrderIdTextWriter(Path(ledger).parent, IdKind.UUID)
    session = LoadSession(spec, writer, clock, lambda event: None, texts)

    def send() -> None:
        while True:
            session.send_next()

    senders = [gevent.spawn(send) for _ in range(SENDERS)]
    session.begin(clock.now())
    gevent.sleep(float(seconds))
    session.close(clock.now())
    settled = session.settle(30.0)
    failed = [repr(sender.exception) for sender in senders if sender.dead]
    gevent.killall(senders)
    session.finish(in_order=True)
    counts = session.counts
    facts = {"trouble": session.trouble, "failed_senders": failed, "settled": settled, "sent": counts.sent}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
