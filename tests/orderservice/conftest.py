"""A real order service for each test, with a port, a database and a topic of its own on the session's stores."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from psycopg import sql
from psycopg.conninfo import make_conninfo

REPOSITORY = Path(__file__).resolve().parents[2]


class Broker(Protocol):
    def stop(self) -> object: ...
    def start(self) -> object: ...
    def pause(self) -> object: ...
    def resume(self) -> object: ...


class Infra(Protocol):
    database_url: str
    kafka_bootstrap: str
    broker: Broker


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    seconds: float


def order_body(**changes: Any) -> dict[str, Any]:
    item = {"productId": str(uuid.uuid4()), "quantity": 2, "unitPrice": 19.90}
    return {"customerId": str(uuid.uuid4()), "items": [item]} | changes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, check: Callable[[], bool], seconds: float = 10) -> float:
    start = time.monotonic()
    while not check():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - start


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """The partition's end; a broker that has just been started may not lead it yet."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, timeout=10)[1])
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@dataclass
class Service:
    """One service process and what its two stores hold."""

    infra: Infra
    database_url: str
    topic: str
    port: int
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        sent = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        return Answer(response.status, answer, time.monotonic() - start)

    def order(self, **changes: Any) -> Answer:
        return self.call("POST", "/orders", order_body(**changes))

    def logged(self) -> str:
        return self.log.read_text()

    def rows(self) -> set[str]:
        with psycopg.connect(self.database_url) as connection:
            return {str(row[0]) for row in connection.execute("SELECT id FROM orders")}

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Key and value of every event in the topic up to its end."""
        consumer = Consumer({"bootstrap.servers": self.infra.kafka_bootstrap, "group.id": "none", "log_level": 0})
        with contextlib.closing(consumer):
            partitions = consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions
            places = [TopicPartition(self.topic, number, 0) for number in partitions]
            end = sum(end_of(consumer, place) for place in places)
            consumer.assign(places)
            found: list[tuple[str, dict[str, Any]]] = []
            deadline = time.monotonic() + 20
            while len(found) < end:
                assert time.monotonic() < deadline, f"read {len(found)} of {end} events of {self.topic}"
                message = consumer.poll(0.5)
                if message is not None and message.error() is None:
                    found.append(((message.key() or b"").decode(), json.loads(message.value() or b"null")))
        return found

    def event_keys(self) -> set[str]:
        return {key for key, _ in self.events()}

    def healthy_with_kafka(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.call("GET", "/actuator/health").body["details"]["kafka"] == "UP")
        return False

    def terminate(self, seconds: float = 10) -> int:
        self.process.terminate()
        return self.process.wait(seconds)


@contextlib.contextmanager
def broker_down(infra: Infra) -> Iterator[None]:
    infra.broker.stop()
    try:
        yield
    finally:
        infra.broker.start()


Start = Callable[..., Service]


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSERVICE_")}
    return subprocess.run(
        [sys.executable, "-m", "orderservice", *arguments],
        cwd=REPOSITORY,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _new_database(url: str) -> str:
    name = "orders_" + uuid.uuid4().hex[:12]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_conninfo(url, dbname=name)


@contextlib.contextmanager
def services(infra: Infra, folder: Path) -> Iterator[Start]:
    """Start services: ``start(pool_size=5)``; a second one on the stores of a first with ``like=first``."""
    started: list[Service] = []

    def run(*, like: Service | None = None, wait_for_kafka: bool = True, **settings: object) -> Service:
        url = like.database_url if like else _new_database(infra.database_url)
        topic = like.topic if like else "orders-" + uuid.uuid4().hex[:12]
        port, log = free_port(), folder / f"service-{len(started)}.log"
        values = {"database_url": url, "kafka_bootstrap": infra.kafka_bootstrap, "topic": topic, "port": port}
        environment = {f"ORDERSERVICE_{name.upper()}": str(value) for name, value in (values | settings).items()}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "orderservice"],
                cwd=REPOSITORY,
                env=os.environ | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        service = Service(infra, url, topic, port, log, process)
        started.append(service)
        ready = service.healthy_with_kafka if wait_for_kafka else lambda: "listens on" in service.logged()
        try:
            eventually("the service is ready", lambda: ready() or process.poll() is not None)
            assert process.poll() is None
        except AssertionError as late:
            raise AssertionError(f"{late}; its log:\n{service.logged()}") from None
        return service

    try:
        yield run
    finally:
        for service in started:
            service.process.terminate()
        for service in started:
            try:
                service.process.wait(8)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait(5)


@pytest.fixture
def start(infra: Infra, tmp_path: Path) -> Iterator[Start]:
    with services(infra, tmp_path) as run:
        yield run
