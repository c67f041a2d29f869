"""Health checks return for unhealthy components in time, and never show a password."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from health.check import Health, check_http, check_kafka, check_sql
from stack.component import ManagedProcess
from tests.conftest import Infra
from tests.http_server import QuietHandler, serving

pytestmark = pytest.mark.real

WORD = "s3cr/et word"
ENCODED = "s3cr%2Fet%20word"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://mars:{ENCODED}@127.0.0.1:PORT/db",
        f"host=127.0.0.1 port=PORT user=mars password='{WORD}' dbname=db",
        f"postgresql://mars:{ENCODED}@127.0.0.1:PORT/db?nonsense={ENCODED}",
        f"{WORD}",
    ],
)
def test_sql_detail_contains_no_password(url: str, closed_port: int) -> None:
    health = check_sql(url.replace("PORT", str(closed_port)), 2.0)
    assert not health.ok
    assert WORD not in health.detail
    assert ENCODED not in health.detail
    assert "\n" not in health.detail


def test_sql_is_bounded_when_the_server_is_silent(silent_port: int) -> None:
    begun = time.monotonic()
    health = check_sql(f"postgresql://mars:{ENCODED}@127.0.0.1:{silent_port}/db", 0.3)
    assert 0.2 < time.monotonic() - begun < 20
    assert not health.ok
    assert health.detail == f"PostgreSQL at 127.0.0.1:{silent_port}: no connection within 0.3 s"


def test_kafka_is_bounded_and_shows_no_password(silent_port: int, capfd: pytest.CaptureFixture[str]) -> None:
    config = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "sasl.password": WORD,
    }
    begun = time.monotonic()
    health = check_kafka(f"127.0.0.1:{silent_port}", config, 0.5)
    assert time.monotonic() - begun < 20
    assert not health.ok
    assert WORD not in health.detail
    assert capfd.readouterr().err == ""


def test_kafka_says_why_there_is_no_answer(closed_port: int) -> None:
    health = check_kafka(f"127.0.0.1:{closed_port}", {}, 1.0)
    assert not health.ok
    place = f"127.0.0.1:{closed_port}"
    assert health.detail == f"Kafka at {place}: Connect to ipv4#{place} failed: Connection refused"


@pytest.mark.parametrize("config", [{"no.such.property": "x"}, {"sasl.mechanism": WORD, "sasl.password": WORD}])
def test_kafka_with_unusable_properties_is_unhealthy(config: dict[str, str], closed_port: int) -> None:
    health = check_kafka(f"127.0.0.1:{closed_port}", config, 0.5)
    assert not health.ok
    assert WORD not in health.detail


class Actuator(QuietHandler):
    """Answers by path: `/200/BODY` gives that status and body."""

    def do_GET(self) -> None:
        _, status, body = self.path.split("?")[0].split("/", 2)
        self.say(int(status), body.encode())


@pytest.fixture
def actuator() -> Iterator[str]:
    with serving(Actuator) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("path", "ok", "word"),
    [
        ('/200/{"status":"UP"}', True, "UP"),
        ('/200/{"status":"DOWN"}', False, "DOWN"),
        ("/200/fine", True, "200"),
        ('/503/{"status":"UP"}', False, 'status 503: {"status":"UP"}'),
    ],
)
def test_http_needs_200_and_up(actuator: str, path: str, ok: bool, word: str) -> None:
    health = check_http(actuator + path, 2.0)
    assert health.ok is ok
    assert health.detail.endswith(word)


def test_http_is_bounded_and_shows_no_secret(silent_port: int, actuator: str) -> None:
    begun = time.monotonic()
    health = check_http(f"http://user:{ENCODED}@127.0.0.1:{silent_port}/health?token={ENCODED}", 0.3)
    assert time.monotonic() - begun < 20
    assert not health.ok
    assert health.detail.endswith("no answer within 0.3 s")
    assert ENCODED not in health.detail
    assert ENCODED not in check_http(f"{actuator}/500/x?token={ENCODED}", 2).detail


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "127.0.0.1:80", "http://127.0.0.1:99999/x", "http://[::1/"])
def test_http_with_an_unusable_url_is_unhealthy(url: str) -> None:
    assert not check_http(url, 0.5).ok


def test_real_parts_are_healthy(infra: Infra) -> None:
    assert check_sql(infra.database_url, 5.0).ok
    assert check_kafka(infra.kafka_bootstrap, {}, 5.0).ok


def test_real_database_refuses_a_wrong_password_without_telling_it(infra: Infra) -> None:
    health = check_sql(infra.database_url.replace("mars:mars@", f"mars:{ENCODED}@"), 5.0)
    assert not health.ok
    assert "authentication failed" in health.detail
    assert WORD not in health.detail


def test_frozen_parts_are_unhealthy_in_time(infra: Infra) -> None:
    checks: tuple[tuple[ManagedProcess, Callable[[], Health]], ...] = (
        (infra.stack.database, lambda: check_sql(infra.database_url, 0.5)),
        (infra.stack.broker, lambda: check_kafka(infra.kafka_bootstrap, {}, 0.5)),
    )
    for component, check in checks:
        component.pause()
        try:
            begun = time.monotonic()
            assert not check().ok
            assert time.monotonic() - begun < 20
        finally:
            component.resume()
        component.wait_ready(10)
