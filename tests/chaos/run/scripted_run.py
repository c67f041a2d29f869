"""A small run on real stores without Locust: a scripted service, marks of an outage, a real monitor, a real drain.

python -m tests.chaos.run.scripted_run      (a line of JSON on standard input: see `main`; prints the run's folder)

The broker is never broken: between `injecting` and `healed` the service only behaves as if it were.
"""

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import uuid  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any, cast  # noqa: E402

import gevent  # noqa: E402

import chaos.run.drain  # noqa: E402
from chaos.run.canary_order import place_canary  # noqa: E402
from chaos.run.drain_setup import drain_run, drain_task  # noqa: E402
from chaos.run.recording import Recording  # noqa: E402
from chaos.run.run_progress import RunProgress  # noqa: E402
from chaos.run.topic import topic_start  # noqa: E402
from contract.http import PlacedOrder  # noqa: E402
from contract.order_id import AcknowledgedId  # noqa: E402
from runlog import marks  # noqa: E402
from runlog.ledger import Completion, Phase  # noqa: E402
from runlog.outcomes import Failure, Outcome  # noqa: E402
from settings.run_settings import make_settings  # noqa: E402
from stores.orders_table import OrdersTable  # noqa: E402
from tests.chaos.run.scripted_service import Service, make_sut  # noqa: E402
from tests.conftest import Infra  # noqa: E402

PACE_S = 0.15
OUTAGE_S = 2.0


class Run:
    """The run as it goes on."""

    def __init__(self, recording: Recording, service: Service) -> None:
        self.recording = recording
        self.service = service
        self.waiting: list[tuple[str, uuid.UUID]] = []
        self.first: PlacedOrder | None = None
        self._seq = 0

    def send(self, phase: Phase, *, publish: bool) -> None:
        """Place one order; without `publish` its event waits."""
        clock, ledger, seq = self.recording.clock, self.recording.ledger, self._seq
        self._seq += 1
        at = clock.now()
        ledger.sent(seq, at, at, phase)
        customer = self.recording.run_key.customer_id(seq)
        self.service.event = publish
        placed = self.first or self.service.place(customer)
        assert placed.order_id is not None
        if not publish:
            self.waiting.append((placed.order_id.text, customer))
        end = Completion(clock.now(), Outcome.ACKNOWLEDGED, 201, Failure.NONE, placed.order_id.key)
        ledger.completed(seq, at, at, phase, end)
        gevent.sleep(PACE_S)

    def publish_after(self, seconds: float) -> None:
        """What a relay with a grown pause does with the waiting events."""
        gevent.sleep(seconds)
        for order, customer in self.waiting:
            self.service.publish(order, customer)

    def close(self) -> None:
        self.recording.ledger.close(self._seq)
        self.recording.close({})


def main() -> None:
    """Run it.

    Keys of the line: `database_url`, `bootstrap`, `topic`, `home`, `runs`; `options`: texts of the run's options;
    `pause`: what waits is published so many seconds after `healed`, None: never; `stops`: nothing is published from the
    outage on; `one_id`: each answer returns the id of the check order.
    """
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    chaos.run.drain.EVENT_WAIT_S = 1.0  # type: ignore[misc]
    infra = SimpleNamespace(
        kafka_bootstrap=given["bootstrap"],
        new_database=lambda: given["database_url"],
        stack=SimpleNamespace(home=Path(given["home"])),
    )
    sut, service = make_sut(cast("Infra", infra), "http://127.0.0.1:1", given["topic"])
    texts = {"stack": "external", "scenario": "lost-event", "break_command": "true", "heal_command": "true"}
    texts |= {"database_url": given["database_url"], "kafka_bootstrap": given["bootstrap"], "topic": given["topic"]}
    texts |= {"runs_dir": given["runs"], "settle": "0.5s", **given["options"]}
    settings = make_settings(texts, "http://127.0.0.1:1")
    table = OrdersTable(sut.database_url, sut.contract)
    proven = place_canary(sut, table, 10.0)
    table.close()
    start = topic_start(sut.kafka, sut.topic)
    assert proven.problem is None
    assert start is not None
    recording = Recording(settings, sut, start, proven, texts)
    recording.await_monitor()
    run, clock = Run(recording, service), recording.clock
    if given["one_id"] and proven.order is not None:
        first = uuid.UUID(proven.order.order_id)
        run.first = PlacedOrder(201, AcknowledgedId(str(first), first.bytes), None)
        sut = replace(sut, place_order=lambda _: cast("PlacedOrder", run.first))
    recording.mark_now(marks.BASELINE)
    for _ in range(3):
        run.send(Phase.BASELINE, publish=True)
    began = clock.now()
    recording.mark_now(marks.INJECTING, 0, fault="stop", target="broker")
    recording.mark_now(marks.INJECTED, 0, down_edge=[began, clock.now()])
    while clock.now() < began + OUTAGE_S:
        run.send(Phase.OUTAGE, publish=False)
    recording.mark_now(marks.HEALING, 0)
    recording.mark_now(marks.HEALED, 0, up_edge=[clock.now() - 0.1, clock.now()], healed_by="harness")
    outage = (began, clock.now())
    if given["pause"] is not None:
        gevent.spawn(run.publish_after, given["pause"])
    recording.mark_now(marks.RECOVERY)
    for _ in range(3):
        run.send(Phase.RECOVERY, publish=not given["stops"])
    service.event = not given["stops"]
    task = drain_task(recording, [outage])
    drain_run(sut, recording, task, lambda: 0, settings.drain_timeout, progress=RunProgress())
    run.close()
    sys.stdout.write(f"{recording.folder.path}\n")


main()
