"""A real https service with a certificate of its own CA that requires a header; the test sets its health."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from health.spec import ProbeRecipe, ProbeSpec, SecretSource
from tests.http_server import QuietHandler, serving
from tests.kafka_secure import Certificates

KEY = "planted-key-4711"
ANSWERS = {
    "up": (200, b'{"status":"UP"}'),
    "says DOWN": (200, b'{"status":"DOWN"}'),
    "unavailable": (503, b"the database is down"),
    "redirects": (302, b""),
}


class GuardedService:
    """The service.

    Attributes:
        state: one of ANSWERS.
        up_file: while this file is missing, it is `unavailable`; None: `state` alone decides.
        delay: seconds until it answers.
        refused: how many requests came without the header.
    """

    def __init__(self, certificates: Certificates) -> None:
        self.state = "up"
        self.up_file: Path | None = None
        self.delay = 0.0
        self.refused = 0
        self.ca_file = certificates.ca
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                time.sleep(outer.delay)
                status, body = outer._answer(self.headers.get("X-Key"))
                self.say(status, body, **({"Location": "/login?from=/healthz"} if status == 302 else {}))

        self.handler = Handler
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.keystore)
        self.url = ""

    @property
    def spec(self) -> ProbeSpec:
        """The probe with everything that the service requires."""
        return ProbeSpec("http", f"{self.url}/healthz", headers=(("X-Key", KEY),), ca_file=str(self.ca_file))

    @property
    def recipe(self) -> ProbeRecipe:
        """The same for a journal."""
        source = SecretSource("variable", "LOCUST_HEADER")
        return ProbeRecipe(
            "http", self.spec.address, header_names=("X-Key",), header_sources=(source,), ca_file=str(self.ca_file)
        )

    def _answer(self, key: str | None) -> tuple[int, bytes]:
        if key != KEY:
            self.refused += 1
            return 401, b"X-Key is missing or wrong"
        if self.up_file is not None and not self.up_file.exists():
            return ANSWERS["unavailable"]
        return ANSWERS[self.state]


@contextmanager
def guarded_service(folder: Path) -> Iterator[GuardedService]:
    """Serve it until the block is left."""
    service = GuardedService(Certificates.make(folder))
    with serving(service.handler, service.context) as server:
        service.url = f"https://localhost:{server.server_port}"
        yield service
