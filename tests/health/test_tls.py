"""New connections over TLS: a broker and a service with a certificate of their own CA, and with one that is unknown."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from health.probers import open_probers
from health.replies import Reply
from health.spec import ProbeSpec
from tests.http_server import QuietHandler, serving
from tests.kafka_secure import Certificates

pytestmark = pytest.mark.process

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with the key and the certificate of 127.0.0.1; `ca.pem` beside it vouches for it."""
    return Certificates.make(tmp_path_factory.mktemp("tls")).keystore


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def broker(certificate: Path) -> Iterator[int]:
    """Answers `ApiVersions` over TLS as a broker does that wants SASL afterwards."""
    context = server_context(certificate)
    with socket.create_server((HOST, 0)) as place:

        def serve() -> None:
            while True:
                try:
                    taken, _ = place.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(taken, server_side=True) as safe:
                        (size,) = struct.unpack(">i", safe.recv(4))
                        key, version, number = struct.unpack(">hhi", safe.recv(size)[:8])
                        assert (key, version) == (18, 0)
                        body = struct.pack(">ihihhh", number, 0, 1, 18, 0, 3)
                        safe.sendall(struct.pack(">i", len(body)) + body)
                except OSError:
                    taken.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield place.getsockname()[1]
        place.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def kafka(port: int, **client: str) -> Reply:
    properties = {"security.protocol": "SASL_SSL", **{name.replace("_", "."): text for name, text in client.items()}}
    both = open_probers(ProbeSpec("kafka", f"{HOST}:{port}", properties))
    try:
        return both.new.ask(5)
    finally:
        both.close()


def test_a_broker_with_its_own_ca(broker: int, certificate: Path) -> None:
    assert kafka(broker, ssl_ca_location=str(certificate.with_name("ca.pem"))).how == "answered"
    assert kafka(broker, enable_ssl_certificate_verification="false").how == "answered"
    assert kafka(broker, ssl_ca_pem=certificate.with_name("ca.pem").read_text()).how == "answered"
    unknown = kafka(broker)
    assert unknown.how == "broken"
    assert unknown.detail is not None and unknown.detail.startswith("TLS: unable to get local issuer")


class Health(QuietHandler):
    def do_GET(self) -> None:
        self.say(200, b"{}")


def test_a_service_with_its_own_ca(certificate: Path) -> None:
    with serving(Health, server_context(certificate)) as server:
        url = f"https://{HOST}:{server.server_port}/health"
        known = open_probers(ProbeSpec("http", url, ca_file=str(certificate.with_name("ca.pem"))))
        assert [known.kept.ask(5).how, known.kept.ask(5).how, known.new.ask(5).how] == ["answered"] * 3
        known.close()
        assert open_probers(ProbeSpec("http", url)).new.ask(5).how == "broken"
        plain = open_probers(ProbeSpec("http", url.replace("https", "http")))
        assert plain.new.ask(1).how in {"broken", "hanging"}
