"""One load generator in a process of its own: real Locust with our open-loop users, or with its closed-loop ones.

`python -m benchmarks.generator KIND URL RATE WARMUP SECONDS`, KIND `open_loop` (`OrderUser` and `LoadSession`) or
`constant_throughput` (as Locust's documentation has it: one user for each order per second). Prints one JSON object:
the counted window (`begin`, seconds of the monotonic clock), Locust's own counts, the CPU time.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
import psutil
from locust import FastHttpUser, constant_throughput, task
from locust.env import Environment

from benchmarks.target import raise_file_limit
from contract.http import OrderContract
from contract.order_id import IdKind
from contract.run_key import RunKey
from load.load_session import LoadSession, LoadSpec
from load.order_user import OrderUser
from runlog.clock import AnchoredClock
from runlog.ledger import LedgerWriter, read_ledger
from runlog.order_id_texts import OrderIdTextWriter

# As many as a real run has, see `chaos.run.shape`.
SENDERS = 10
REQUEST_TIMEOUT_S = 5.0
START_WAIT_S = 30.0
KEY = RunKey.random()
CONTRACT = OrderContract()


class Orders(OrderUser):
    """Our users, which share one schedule."""


class ThroughputUser(FastHttpUser):
    """Locust's own way to a rate: each user starts one order per second, unless it still waits for an answer."""

    wait_time = constant_throughput(1)
    network_timeout = connection_timeout = REQUEST_TIMEOUT_S

    @task
    def place_order(self) -> None:
        """Place one order and wait for its answer."""
        body = CONTRACT.body(KEY.customer_id(1), 1)
        self.client.post(CONTRACT.path, data=body.decode(), headers=dict(CONTRACT.headers))


def start_users(user_class: type, url: str, users: int) -> Any:
    """Start `users` users at once, as `-u N -r N` does, and return Locust's environment once they run."""
    environment: Any = Environment(user_classes=[user_class], host=url, stop_timeout=2.0)
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    deadline = time.monotonic() + START_WAIT_S
    while runner.user_count < users:
        if time.monotonic() > deadline:
            raise TimeoutError(f"timed out after {START_WAIT_S:g} s waiting for {users} Locust users")
        gevent.sleep(0.05)
    return environment


def hold(warmup: float, seconds: float) -> tuple[float, float]:
    """Let the load run; return when the counted window began, and this process's CPU seconds in it."""
    gevent.sleep(warmup)
    process, begin = psutil.Process(), time.monotonic()
    before = sum(process.cpu_times()[:2])
    gevent.sleep(seconds)
    return begin, sum(process.cpu_times()[:2]) - before


def open_loop(url: str, rate: float, warmup: float, seconds: float) -> dict[str, Any]:
    """Offer the load with our session and its ledger, as in a real run."""
    environment = start_users(Orders, url, SENDERS)
    clock = AnchoredClock.anchor()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder) / "ledger.bin"
        fire = environment.events.request.fire
        spec = LoadSpec(url, rate, REQUEST_TIMEOUT_S, KEY, CONTRACT)
        texts = OrderIdTextWriter(path.parent, IdKind.UUID)
        session = LoadSession(spec, LedgerWriter(path, KEY), clock, lambda fields: fire(**fields), texts)
        Orders.session = session
        session.begin(clock.now())
        begin, cpu = hold(warmup, seconds)
        session.close(clock.now())
        settled = session.settle(REQUEST_TIMEOUT_S + 5.0)
        session.finish(in_order=True)
        ledger = read_ledger(path)
    if not (settled and ledger.complete) or session.trouble:
        raise RuntimeError(f"the load did not end in order: {session.trouble or 'answers or ledger lines are missing'}")
    sent = ledger.attempts[ledger.attempts["sent"] > 0]
    late = sorted((sent["sent"] - sent["due"]).tolist())
    environment.runner.quit()
    facts = _facts(environment, begin, cpu)
    return facts | {"not_sent": session.counts.not_sent, "late_p95": late[int(0.95 * len(late))], "late_max": late[-1]}


def closed_loop(url: str, rate: float, warmup: float, seconds: float) -> dict[str, Any]:
    """Offer the load with `constant_throughput`."""
    environment = start_users(ThroughputUser, url, int(rate))
    begin, cpu = hold(warmup, seconds)
    environment.runner.quit()
    return _facts(environment, begin, cpu)


def _facts(environment: Any, begin: float, cpu: float) -> dict[str, Any]:
    total = environment.stats.total
    return {"begin": begin, "cpu_s": cpu, "requests": total.num_requests, "failures": total.num_failures}


def main(kind: str, url: str, rate: str, warmup: str, seconds: str) -> None:
    """Run one generator and print what it found."""
    raise_file_limit()
    offer = {"open_loop": open_loop, "constant_throughput": closed_loop}[kind]
    sys.stdout.write(json.dumps(offer(url, float(rate), float(warmup), float(seconds))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
