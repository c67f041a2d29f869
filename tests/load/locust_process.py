"""Real Locust with `OrderUser` in a process of its own: prints what Locust counted as one line of JSON.

`LEDGER USERS`: the load runs until 50 orders went out; all users are then stopped while the target still holds
every answer back, and only after that the answers come.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from contract.http import OrderContract
from contract.order_id import IdKind
from contract.run_key import RunKey
from load.load_session import LoadSession, LoadSpec
from load.order_user import OrderUser
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter
from runlog.order_id_texts import OrderIdTextWriter

from . import target as scripts
from .target import await_that, serving


class Orders(OrderUser):
    """Concrete, as in the locustfile."""


def main(ledger: str, users: str) -> None:
    gate = Event()
    errors: list[str] = []
    environment: Any = Environment(user_classes=[Orders], stop_timeout=2.0)
    environment.events.user_error.add_listener(lambda exception, **_: errors.append(repr(exception)))
    runner = environment.create_local_runner()
    clock = AnchoredClock.anchor()
    with serving(scripts.hold(gate)) as target:
        fire = environment.events.request.fire
        key = RunKey.random()
        spec = LoadSpec(target.url, 100, 30.0, key, OrderContract())
        texts = OrderIdTextWriter(Path(ledger).parent, IdKind.UUID)
        session = LoadSession(spec, LedgerWriter(Path(ledger), key), clock, lambda fields: fire(**fields), texts)
        runner.start(int(users), spawn_rate=100)
        await_that(lambda: runner.user_count == int(users), "the users to be there, idle without a session")
        Orders.session = session
        session.begin(clock.now())
        await_that(lambda: session.counts.sent >= 50, "50 orders to go out")
        session.close(clock.now())
        runner.stop()
        users_left, open_requests = runner.user_count, session.in_flight
        gate.set()
        settled = session.settle(30.0)
        session.finish(in_order=True)
    rows = {name: (entry.num_requests, entry.num_failures) for (name, _), entry in environment.stats.entries.items()}
    runner.quit()
    gevent.sleep(0)
    facts = {
        "sent": session.counts.sent,
        "users_left": users_left,
        "open_requests": open_requests,
        "settled": settled,
        "rows": rows,
        "errors": errors,
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
