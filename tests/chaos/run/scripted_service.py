"""A system under test of the tests' own: real PostgreSQL, real Kafka, and a service that does what a test wants."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from confluent_kafka import Producer

from chaos.faults.fault import Fault, Undo
from chaos.faults.probe_recipes import stack_recipe
from chaos.faults.targets import TargetSpec
from chaos.sut.sut import SystemUnderTest
from contract.contract import Contract
from contract.event import EventContract
from contract.http import PlacedOrder
from contract.order_id import AcknowledgedId
from health.spec import ProbeSpec
from tests.conftest import Infra
from tests.http_server import QuietHandler, serving


class StillTarget:
    """A target that is never broken."""

    component = "broker"
    identity = "the test's broker"
    faults = ("stop",)

    def __init__(self, up: bool = True) -> None:
        self.up = up

    def describe(self) -> str:
        return "broker (process 7)"

    def is_up(self) -> bool:
        return self.up

    def prepare(self, fault: Fault) -> Undo:
        raise AssertionError("preflight and drain break nothing")

    def apply(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        raise AssertionError("preflight and drain break nothing")

    def heal(self, fault: Fault, undo: Undo, timeout_s: float) -> None:
        raise AssertionError("preflight and drain heal nothing")


class Service:
    """Places orders straight into the stores; `row` and `event` say which of the two writes it does."""

    def __init__(self, database_url: str, kafka: dict[str, str], topic: str) -> None:
        self.row = self.event = True
        self.status = 201
        self._database_url = database_url
        self._topic = topic
        self._producer = Producer({**kafka})
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE TABLE orders (id uuid PRIMARY KEY, customer_id uuid NOT NULL)")

    def place(self, customer_id: uuid.UUID) -> PlacedOrder:
        if self.status != 201:
            return PlacedOrder(self.status, None, None)
        order = uuid.uuid4()
        if self.row:
            with psycopg.connect(self._database_url) as connection:
                connection.execute("INSERT INTO orders VALUES (%s, %s)", [order, customer_id])
        if self.event:
            self.publish(str(order), customer_id)
        return PlacedOrder(201, AcknowledgedId(str(order), order.bytes), None)

    def publish(self, order: str, customer_id: uuid.UUID) -> None:
        value: dict[str, object] = {"orderId": order, "customerId": str(customer_id), "eventId": str(uuid.uuid4())}
        value |= {"occurredAt": "2026-11-24T00:00:00Z", "items": []}
        self._producer.produce(self._topic, key=order, value=json.dumps(value))
        assert self._producer.flush(10) == 0


@contextmanager
def answering(answer: Callable[[str], str]) -> Iterator[str]:
    """Serve `answer(path)` as JSON on a free port of loopback; gives the base URL."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.say(200, answer(self.path).encode())

    with serving(Handler) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def make_sut(
    infra: Infra, base_url: str, topic: str | None = None, kafka: dict[str, str] | None = None
) -> tuple[SystemUnderTest, Service]:
    """Return a healthy system under test with a database and a topic of its own, and its service.

    kafka: client properties of another broker than the session's.
    """
    kafka = kafka or {"bootstrap.servers": infra.kafka_bootstrap}
    database_url = infra.new_database()
    topic = topic or infra.new_topic()
    service = Service(database_url, kafka, topic)
    sut = SystemUnderTest(
        service_url=base_url,
        health_url=f"{base_url}/health",
        database_url=database_url,
        kafka=kafka,
        topic=topic,
        contract=Contract(event=EventContract(reference=True)),
        backlog_url=None,
        target=StillTarget(),
        spec=TargetSpec("process", "broker", {"home": str(infra.stack.home)}),
        state_dir=infra.stack.home,
        probe=(probe := ProbeSpec("kafka", kafka["bootstrap.servers"], kafka)),
        recipe=stack_recipe(probe),
        place_order=service.place,
        logs={},
        environment={},
    )
    return sut, service
