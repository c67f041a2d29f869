"""A service behind https with certificates of its own, below a path of its own, that wants headers."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.http import CustomContract
from contract.order_id import IdKind
from health.check import check
from health.spec import ProbeSpec
from load.exchange import Exchanger
from load.placed_orders import place_with
from runlog.outcomes import Failure
from settings.run_settings import SettingsError, make_settings
from settings.service_files import read_service_files
from tests.http_server import QuietHandler, serving
from tests.kafka_secure import Certificates

pytestmark = pytest.mark.process

CUSTOMER = uuid.UUID("0123456789ab4def8123456789abcdef")
KEY = "planted-key"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Who has signed the certificate of localhost, and that certificate with its key."""
    made = Certificates.make(tmp_path_factory.mktemp("tls"))
    return made.ca, made.keystore


@pytest.fixture
def service(certificates: tuple[Path, Path]) -> Iterator[str]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self._answer(200 if (self.path, self.headers.get("X-Key")) == ("/base/healthz", KEY) else 403)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(202 if (self.path, self.headers.get("X-Key")) == ("/base/buy", KEY) else 403)

        def _answer(self, status: int) -> None:
            self.say(status, json.dumps({"status": "UP"}).encode(), Location="/buy/41")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[1])
    with serving(Handler, context) as server:
        yield f"https://localhost:{server.server_port}/base"


def contract(key: str = KEY) -> CustomContract:
    return CustomContract("/buy", (("X-Key", key),), None, "header:Location/", IdKind.INTEGER)


def test_an_order_is_placed_over_https(service: str, certificates: tuple[Path, Path]) -> None:
    placed = place_with(contract(), Exchanger(service, 1, 10.0, str(certificates[0])), CUSTOMER)
    assert (placed.status, str(placed.order_id), placed.reason) == (202, "41", None)
    refused = place_with(contract("wrong"), Exchanger(service, 1, 10.0, str(certificates[0])), CUSTOMER)
    assert (refused.status, refused.order_id) == (403, None)


def test_a_service_that_is_not_trusted_gets_no_order(service: str) -> None:
    exchanger = Exchanger(service, 1, 10.0)
    answer = exchanger.post("/buy", b"{}", {})
    assert (answer.status, answer.failure) == (None, Failure.RESET)
    assert "SSLCertVerificationError" in (answer.reason or "")


def test_health_over_https(service: str, certificates: tuple[Path, Path]) -> None:
    url = f"{service}/healthz"
    spec = ProbeSpec("http", url, headers=(("X-Key", KEY),), ca_file=str(certificates[0]))
    assert check(spec, 10.0).ok
    assert "403" in check(replace(spec, headers=(("X-Key", "wrong-key"),)), 10.0).detail
    untrusted = check(replace(spec, ca_file=""), 10.0)
    assert not untrusted.ok
    assert "certificate" in untrusted.detail.lower()
    assert KEY not in untrusted.detail


def test_a_file_of_other_things_is_no_ca_file(certificates: tuple[Path, Path], tmp_path: Path) -> None:
    texts = {"stack": "external", "database_url": "x", "kafka_bootstrap": "y", "scenario": "control"}
    for path, words in [(certificates[0], None), (tmp_path, "is a directory"), (__file__, "holds no certificates")]:
        external = make_settings({**texts, "ca_file": str(path)}, "https://x").external
        assert external is not None
        if words is None:
            read_service_files(external, "tagged")
            continue
        with pytest.raises(SettingsError, match=f"--ca-file {path}: .*{words}"):
            read_service_files(external, "tagged")
