"""New connections over TLS: a broker and a service with a certificate of their own CA, and with one that is unknown."""

import http.server
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.probes import ProbeSpec
from chaos.probes.probers import open_probers
from chaos.probes.wire import Said

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with the key and the certificate of 127.0.0.1, which vouches for itself."""
    folder = tmp_path_factory.mktemp("tls")
    pem = folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
         f"subjectAltName=IP:{HOST}", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    pem.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return pem


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


def kafka(port: int, **client: str) -> Said:
    properties = {"security.protocol": "SASL_SSL", **{name.replace("_", "."): text for name, text in client.items()}}
    both = open_probers(ProbeSpec("kafka", f"{HOST}:{port}", properties))
    try:
        return both.new.ask(5)
    finally:
        both.close()


def test_a_broker_with_its_own_ca(broker: int, certificate: Path) -> None:
    assert kafka(broker, ssl_ca_location=str(certificate)).how == "answered"
    assert kafka(broker, enable_ssl_certificate_verification="false").how == "answered"
    pem = certificate.read_text()
    assert kafka(broker, ssl_ca_pem=pem[pem.index("-----BEGIN CERT") :]).how == "answered"
    unknown = kafka(broker)
    assert unknown.how == "broken"
    assert unknown.detail is not None and unknown.detail.startswith("TLS: self")


class Health(http.server.BaseHTTPRequestHandler):
    """Well, over HTTP/1.1."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


def test_a_service_with_its_own_ca(certificate: Path) -> None:
    server = http.server.ThreadingHTTPServer((HOST, 0), Health)
    server.daemon_threads = True
    server.socket = server_context(certificate).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"https://{HOST}:{server.server_port}/health"
    try:
        known = open_probers(ProbeSpec("http", url, {"ca": str(certificate)}))
        assert [known.kept.ask(5).how, known.kept.ask(5).how, known.new.ask(5).how] == ["answered"] * 3
        known.close()
        assert open_probers(ProbeSpec("http", url)).new.ask(5).how == "broken"
        plain = open_probers(ProbeSpec("http", url.replace("https", "http")))
        assert plain.new.ask(1).how in {"broken", "hanging"}
    finally:
        server.shutdown()
        server.server_close()
