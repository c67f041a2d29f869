"""The saboteur: an order service on the real stores that treats each order by its seeded plan, and records it.

`python -m tests.saboteur.service` with SABOTEUR_* variables. The producer waits as long as needed (an outage only
delays events), so that the log holds exactly what the plan published. Raw HTTP, because a proper HTTP server cannot cut
a connection.
"""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer

from tests.saboteur.fates import Answer, Fate, fate_of

CHECKS = "c4ecc4ec-c4ec-4c4e"
SEQUENCES = (1 << 62) - 1


class Saboteur:
    """Answers requests; one connection to PostgreSQL, one producer."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = int(environment["SABOTEUR_PORT"])
        self._seed = int(environment["SABOTEUR_SEED"])
        self._topic = environment["SABOTEUR_TOPIC"]
        self._truth = Path(environment["SABOTEUR_TRUTH"])
        self._truth.touch()
        self._database = psycopg.connect(environment["SABOTEUR_DATABASE_URL"], autocommit=True)
        self._producer = Producer(
            {
                "bootstrap.servers": environment["SABOTEUR_KAFKA_BOOTSTRAP"],
                "enable.idempotence": True,
                "message.timeout.ms": 120_000,
                "reconnect.backoff.max.ms": 200,
                "linger.ms": 1,
                "log_level": 0,
            }
        )
        self._background: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until ended."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        async with server:
            while True:
                self._producer.poll(0)
                await asyncio.sleep(0.01)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                length = 0
                for line in head.lower().split("\r\n"):
                    if line.startswith("content-length:"):
                        length = int(line.split(":")[1])
                body = await reader.readexactly(length)
                status, value = self._answer(method, path, body)
                if status == Answer.CUT.value:
                    break
                text = json.dumps(value).encode()
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
                writer.write(head.encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/actuator/health":
            return 200, {"status": "UP"}
        if method == "GET":
            found = self._database.execute("SELECT 1 FROM orders WHERE id = %s", (path.rpartition("/")[2],)).fetchone()
            return (200 if found else 404), {}
        try:
            customer = json.loads(body)["customerId"]
        except (ValueError, KeyError):
            return 400, {"message": "no order"}
        return self._order(uuid.UUID(customer), phantom=path.startswith("/chaos"))

    def _order(self, customer: uuid.UUID, *, phantom: bool) -> tuple[int, dict[str, Any]]:
        checking = str(customer).startswith(CHECKS)
        seq = customer.int & SEQUENCES
        fate = Fate("check", Answer.CREATED) if checking else fate_of(self._seed, seq, phantom=phantom)
        orders = [uuid.uuid4() for _ in range(1 + fate.twin)]
        if not checking:
            for place, order in enumerate(orders):
                self._note(kind="order", seq=seq, fate=fate.name, order=str(order), twin=place > 0)
        for order in orders:
            if fate.row:
                self._store(order, customer)
        if fate.delay:
            task = asyncio.get_running_loop().create_task(self._later(fate, orders, customer))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        else:
            self._publish(fate, orders, customer)
        answer: dict[str, Any] = {"orderId": str(orders[0])}
        if phantom and not checking:
            answer |= {"existsInDb": False, "eventSentToKafka": True, "dbRolledBack": True}
        return fate.answer.value, answer if fate.answer in {Answer.CREATED, Answer.PROVOKED} else {"message": fate.name}

    def _store(self, order: uuid.UUID, customer: uuid.UUID) -> None:
        self._database.execute(
            "INSERT INTO orders (id, customer_id, status, total, created_at, updated_at) "
            "VALUES (%s, %s, 'CREATED', 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
            (order, customer),
        )

    async def _later(self, fate: Fate, orders: list[uuid.UUID], customer: uuid.UUID) -> None:
        await asyncio.sleep(fate.delay)
        self._publish(fate, orders, customer)

    def _publish(self, fate: Fate, orders: list[uuid.UUID], customer: uuid.UUID) -> None:
        for order in orders:
            identities = {number: str(uuid.uuid4()) for number in fate.events}
            for number in fate.events:
                self._send(order, _value(order, customer, identities[number]))
            event = str(uuid.uuid4())
            instead = {
                "tombstone": (order, None),
                "garbage": (order, b'{"orderId":'),
                "other": (order, _value(order, customer, event, type="order.cancelled")),
                "foreign key": (uuid.uuid4(), _value(order, customer, event)),
                "another tag": (order, _value(order, uuid.uuid4(), event)),
            }
            for record in fate.instead:
                self._send(*instead[record])

    def _send(self, order: uuid.UUID, value: bytes | None) -> None:
        def delivered(error: object, _message: object) -> None:
            if error is not None:
                self._note(kind="undelivered", order=str(order), error=str(error))

        self._producer.produce(self._topic, key=str(order), value=value, on_delivery=delivered)

    def _note(self, **record: object) -> None:
        with self._truth.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")


def _value(order: uuid.UUID, customer: uuid.UUID, event: str, **more: str) -> bytes:
    value = {
        "eventId": event,
        "orderId": str(order),
        "customerId": str(customer),
        "totalAmount": 1,
        "items": [{"productId": str(order), "quantity": 1, "unitPrice": 1}],
        "occurredAt": "2026-11-24T00:00:00Z",
    }
    return json.dumps(value | more).encode()


if __name__ == "__main__":
    try:
        asyncio.run(Saboteur(dict(os.environ)).serve())
    except KeyboardInterrupt:
        sys.exit(0)
