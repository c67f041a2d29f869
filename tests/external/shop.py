"""A second order service, different from ours: `python -m tests.external.shop` with SHOP_* variables.

Other paths and names, 202 in place of 201, the id nested in the answer or only in a `Location` header, ids of any kind,
a table and columns of its own, perhaps none that stores what the caller sent. Its events have a region as key, the id
somewhere in the value, and share the topic with another type of event about the same order; orders of other people
come beside ours all the time. It is a dual write: commit, then publish, and what cannot be published is forgotten.
A request without the right API key is refused. Every order with `line` 5, 22, 39, ... is never published: its other
event must not be taken for it.
"""

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import psycopg

from tests.shop import BareShop

API_KEY: Final = "planted-api-key-7731"
PATH: Final = "/base/api/v2/purchases"
FORGET_EVERY, FORGOTTEN = 17, 5
KINDS: Final = {
    "uuid": "uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    "integer": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "text": "text PRIMARY KEY DEFAULT 'sale of the day / ' || md5(random()::text)",
}


@dataclass(frozen=True)
class Settings:
    """The shop's settings, from its environment."""

    port: int
    database_url: str
    bootstrap: str
    topic: str
    kind: str
    tagged: bool
    location: bool

    @classmethod
    def read(cls) -> "Settings":
        given = {name: os.environ[f"SHOP_{name}"] for name in ("PORT", "DATABASE_URL", "BOOTSTRAP", "TOPIC", "KIND")}
        flags = [os.environ.get(f"SHOP_{name}") == "yes" for name in ("TAGGED", "LOCATION")]
        return cls(int(given["PORT"]), given["DATABASE_URL"], given["BOOTSTRAP"], given["TOPIC"], given["KIND"], *flags)


class Shop(BareShop):
    """Takes purchases; one connection to PostgreSQL, one producer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.database_url,
            settings.bootstrap,
            settings.topic,
            **{"message.timeout.ms": 1000, "reconnect.backoff.max.ms": 200, "linger.ms": 0},
        )
        self.settings = settings
        self._lock = threading.Lock()
        self._database = psycopg.connect(settings.database_url, autocommit=True)
        ref = "buyer_ref text," if settings.tagged else ""
        self.sql("CREATE SCHEMA IF NOT EXISTS till")
        self.sql(
            f"CREATE TABLE IF NOT EXISTS till.sales (sale_no {KINDS[settings.kind]}, {ref} amount int, "
            "placed_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with self._lock:
            yield self._database

    def sell(self, buyer: str, amount: int, line: int | None) -> str:
        """Store a purchase and publish its events; return its id."""
        row = {"amount": amount} | ({"buyer_ref": buyer} if self.settings.tagged else {})
        found = self.insert("till.sales", row, "sale_no")
        sale = int(found) if self.settings.kind == "integer" else str(found)
        forgotten = line is not None and line % FORGET_EVERY == FORGOTTEN
        for kind in ("SaleIndexed",) if forgotten else ("SalePlaced", "SaleIndexed"):
            self._publish({"kind": kind, "sale": {"no": sale}, "buyer": {"ref": buyer}, "serial": str(uuid.uuid4())})
        self.producer.flush(0.3)
        return str(found)

    def sell_to_others(self) -> None:
        """Other people's purchases, for as long as the shop is open."""
        while True:
            time.sleep(0.15)
            self.sell(str(uuid.uuid4()), 1, None)

    def _publish(self, value: dict[str, Any]) -> None:
        self.producer.produce(self.topic, key="eu-1", value=json.dumps(value), headers=[("trace", b"00-1")])
        self.producer.poll(0)


def handler_of(shop: Shop) -> type[BaseHTTPRequestHandler]:
    """Return the HTTP side of `shop`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one piece: two small writes would wait for each other (Nagle).
        wbufsize = -1

        def do_GET(self) -> None:
            self._say(200 if self.path == "/base/healthz" else 404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("X-Api-Key") != API_KEY:
                self._say(401, {"error": "who are you?"})
            elif self.path != PATH:
                self._say(404, {"error": "no such thing"})
            else:
                self._sell(body)

        def _sell(self, body: bytes) -> None:
            try:
                wish = json.loads(body)
                buyer, amount, line = str(wish["buyer"]), int(wish["amount"]), int(wish["line"])
            except (ValueError, KeyError, TypeError):
                self._say(422, {"error": "no purchase"})
                return
            sale = shop.sell(buyer, amount, line)
            if shop.settings.location:
                self._say(202, {}, {"Location": f"{PATH}/{sale.replace(' ', '%20')}/?v=2"})
            else:
                number = int(sale) if shop.settings.kind == "integer" else sale
                self._say(202, {"data": {"sale": {"no": number}}, "status": "accepted"})

        def _say(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            text = json.dumps(value).encode()
            self.send_response(status)
            for name, held in {**(headers or {}), "Content-Length": str(len(text))}.items():
                self.send_header(name, held)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    return Handler


def main() -> int:
    """Serve until ended."""
    shop = Shop(Settings.read())
    threading.Thread(target=shop.sell_to_others, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", shop.settings.port), handler_of(shop))
    server.daemon_threads = True
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
