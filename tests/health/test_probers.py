"""Probers of PostgreSQL, Kafka and an HTTP service: healthy, stopped, killed and frozen ones, and near misses."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from health.http import judge
from health.new_kafka import answer_to, tls_context
from health.probers import Probers, open_probers
from health.replies import CONNECTIONS, Prober, Reply
from health.request import Endpoint, HttpAnswer
from health.spec import ProbeProtocol, ProbeSpec
from stack.component import ManagedProcess
from tests.conftest import Infra, RestartableBroker
from tests.http_server import QuietHandler, QuietServer, serving

pytestmark = pytest.mark.real

ADDRESSES: dict[ProbeProtocol, str] = {
    "kafka": "127.0.0.1:{port}",
    "sql": "postgresql://mars:s3cret@127.0.0.1:{port}/db",
    "http": "http://127.0.0.1:{port}/health?token=s3cret",
}
ALL = [(protocol, connection) for protocol in ADDRESSES for connection in CONNECTIONS]
WHILE_S = 10.0


def prober(protocol: ProbeProtocol, connection: str, port: int) -> Prober:
    both = open_probers(ProbeSpec(protocol, ADDRESSES[protocol].format(port=port)))
    return both.kept if connection == "kept" else both.new


def until(one: Prober, how: str, timeout_s: float = 0.3) -> list[str]:
    """Ask until the answer is `how`; return every result."""
    results: list[str] = []
    end = time.monotonic() + WHILE_S
    while not results or results[-1] != how:
        assert time.monotonic() < end, f"never {how}: {results}"
        results.append(one.ask(timeout_s).how)
        time.sleep(0.02)
    return results


@contextmanager
def listener(serve: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """A port that accepts and lets `serve` have each connection; None: that accepts and says nothing at all."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen(64)
        held = []

        def accept() -> None:
            while True:
                try:
                    taken, _ = place.accept()
                except OSError:
                    return
                held.append(taken)
                if serve is not None:
                    threading.Thread(target=serve, args=(taken,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield place.getsockname()[1]
        finally:
            place.shutdown(socket.SHUT_RDWR)
            for taken in held:
                taken.close()


@pytest.mark.parametrize(("protocol", "connection"), ALL)
def test_an_open_port_proves_nothing_and_costs_no_more_than_its_time(protocol: ProbeProtocol, connection: str) -> None:
    with listener(None) as port:
        one = prober(protocol, connection, port)
        for _ in range(3):
            begun = time.monotonic()
            assert one.ask(0.3).how == "hanging"
            assert time.monotonic() - begun < 20
        one.close()
        one.close()


@pytest.mark.parametrize(("protocol", "connection"), ALL)
def test_a_closed_port_refuses_and_no_secret_is_shown(protocol: ProbeProtocol, connection: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one = prober(protocol, connection, unused.getsockname()[1])
        said = one.ask(0.5)
        one.close()
    assert said.how == "refused"
    assert "s3cret" not in str(said.detail)


@pytest.mark.parametrize(("protocol", "connection"), ALL)
def test_a_server_that_accepts_only_to_close_is_no_target(protocol: ProbeProtocol, connection: str) -> None:
    def slam(taken: socket.socket) -> None:
        taken.recv(1)
        taken.close()

    with listener(slam) as port:
        one = prober(protocol, connection, port)
        said = {one.ask(0.5).how for _ in range(4)}
        one.close()
    # librdkafka tries again until the time is over, and does not report its attempts.
    expected = {"broken", "hanging"} if (protocol, connection) == ("kafka", "kept") else {"broken"}
    assert said <= expected


@pytest.mark.parametrize(("protocol", "connection"), ALL)
def test_garbage_is_no_answer(protocol: ProbeProtocol, connection: str) -> None:
    def babble(taken: socket.socket) -> None:
        taken.recv(1)
        taken.sendall(random.Random(1).randbytes(4096))

    with listener(babble) as port:
        one = prober(protocol, connection, port)
        assert {one.ask(0.5).how for _ in range(3)} <= {"broken", "hanging", "refused"}
        one.close()


def frame(number: int, error: int, versions: int, whole: int) -> bytes:
    return struct.pack(">ihi", number, error, versions) + bytes(6 * whole)


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (frame(7, 0, 2, 2), "answered"),
        (frame(7, 35, 1, 1), "answered"),  # a version that the broker no longer has: it says so
        (frame(8, 0, 2, 2), "broken"),  # an answer to another question
        (frame(7, 0, 2, 1), "broken"),  # cut short
        (frame(7, 0, 0, 0), "broken"),
        (frame(7, 41, 1, 1), "broken"),
        (b"", "broken"),
    ],
)
def test_only_a_complete_answer_to_our_question_counts(body: bytes, how: str) -> None:
    assert answer_to(7, body).how == how


def test_a_client_without_tls_has_none_and_a_file_that_is_missing_is_named_by_its_property() -> None:
    assert tls_context({"sasl.password": "s3cret"}) is None
    with pytest.raises(ValueError, match=r"ssl\.ca\.location") as failed:
        tls_context({"security.protocol": "sasl_ssl", "ssl.ca.location": "/nowhere/s3cret"})
    assert "s3cret" not in str(failed.value)
    for spec in (ProbeSpec("http", "nonsense"), ProbeSpec("http", "https://h", ca_file="/no")):
        with pytest.raises(ValueError, match=r"the URL is not one|the CA file /no cannot be used"):
            open_probers(spec)


@pytest.mark.parametrize(
    ("answer", "how", "detail"),
    [
        (HttpAnswer(200, b""), "answered", "200"),
        (HttpAnswer(200, b'{"status":"UP"}'), "answered", "UP"),
        (HttpAnswer(200, b'{"status": "ok", "info": {}}'), "answered", "ok"),
        (HttpAnswer(200, b'{"status": "warn"}'), "answered", "warn"),
        (HttpAnswer(200, b'{"status": {"database": "DOWN"}}'), "answered", "200"),
        (HttpAnswer(200, b'["status", "DOWN"]'), "answered", "200"),
        (HttpAnswer(200, b'{"status": "UP'), "answered", "200"),
        (HttpAnswer(200, b'{"status":"DOWN"}'), "refused", "status 200, but it says of itself: DOWN"),
        (HttpAnswer(200, b'{"status":"UNKNOWN"}'), "refused", "status 200, but it says of itself: UNKNOWN"),
        (HttpAnswer(200, b'{"status": false}'), "refused", "status 200, but it says of itself: false"),
        (HttpAnswer(204, b""), "refused", "status 204"),
        (HttpAnswer(302, b"", "https://login.test/in?back=1"), "refused",
         "status 302, a redirect to https://login.test/in, which is not followed"),
        (HttpAnswer(401, b"who is planted-key?"), "refused", "status 401: who is ***?"),
        (HttpAnswer(403, b"no entry for s3cret-token"), "refused", "status 403: no entry for ***"),
        (HttpAnswer(404, b"\xff\n\n x"), "refused", "status 404: \ufffd x"),
        (HttpAnswer(503, b"<html><title>503\nsorry</title></html>"), "refused", "status 503: 503 sorry"),
        (HttpAnswer(503, b"<html>"), "refused", "status 503"),
        (HttpAnswer(503, b"x" * 200), "refused", "status 503: " + "x" * 120 + "..."),
        (HttpAnswer(504, b"upstream timed out"), "hanging", "status 504: upstream timed out"),
    ],
)  # fmt: skip
def test_what_an_answer_of_a_health_url_says(answer: HttpAnswer, how: str, detail: str) -> None:
    endpoint = Endpoint("http://h:1/health?token=s3cret-token", (("X-Key", "planted-key"),))
    assert judge(answer, endpoint) == Reply(how, detail)  # type: ignore[arg-type]


class Service(QuietHandler):
    """A health URL, kept alive, whose behaviour the test chooses; counts the connections."""

    behaviour = "well"
    connections = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_GET(self) -> None:
        kind = type(self).behaviour
        if kind == "slow":
            time.sleep(0.6)
        body = b'{"status":"UP"}'
        self.send_response(503 if kind == "ill" else 200)
        self.send_header("Content-Length", str(len(body) + (10 if kind in {"cut", "drip"} else 0)))
        if kind == "closes":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        if kind == "cut":
            self.close_connection = True
        for _ in range(10 if kind == "drip" else 0):
            self.wfile.flush()
            time.sleep(0.2)
            self.wfile.write(b" ")


@pytest.fixture
def service() -> Iterator[tuple[type[Service], QuietServer]]:
    handler = type("ServiceOfOneTest", (Service,), {})
    with serving(handler) as server:
        yield handler, server


def probers_of(server: QuietServer) -> Probers:
    return open_probers(ProbeSpec("http", f"http://127.0.0.1:{server.server_port}/health"))


def test_http_is_asked_on_one_kept_connection_and_on_a_new_one_each_time(
    service: tuple[type[Service], QuietServer],
) -> None:
    handler, server = service
    both = probers_of(server)
    assert [both.kept.ask(2).how for _ in range(5)] == ["answered"] * 5
    assert handler.connections == 1
    assert [both.new.ask(2).how for _ in range(3)] == ["answered"] * 3
    assert handler.connections == 4
    handler.behaviour = "closes"
    assert [both.kept.ask(2).how for _ in range(3)] == ["answered"] * 3
    assert handler.connections == 6
    both.close()


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize(
    ("behaviour", "how"), [("ill", "refused"), ("cut", "broken"), ("drip", "hanging"), ("slow", "hanging")]
)
def test_http_answers_that_do_not_count(
    service: tuple[type[Service], QuietServer], behaviour: str, how: str, connection: str
) -> None:
    handler, server = service
    both = probers_of(server)
    one = both.kept if connection == "kept" else both.new
    assert one.ask(2).how == "answered"
    handler.behaviour = behaviour
    begun = time.monotonic()
    assert one.ask(0.4).how == how
    assert time.monotonic() - begun < 20
    handler.behaviour = "well"
    assert until(one, "answered", 1.0)
    both.close()


def test_a_late_answer_is_passed_over_and_the_connection_kept(
    service: tuple[type[Service], QuietServer],
) -> None:
    handler, server = service
    both = probers_of(server)
    assert both.kept.ask(2).how == "answered"
    handler.behaviour = "slow"
    assert both.kept.ask(0.2).how == "hanging"
    handler.behaviour = "ill"
    time.sleep(0.8)  # the answer to the question that hung, a 200, has come by now: it says nothing of now
    assert both.kept.ask(2).how == "refused"
    assert handler.connections == 1
    both.close()


def test_a_service_that_is_gone_broke_the_kept_connection_and_refuses_new_ones() -> None:
    handler = type("ServiceThatGoes", (Service,), {})
    with serving(handler) as server:
        both = probers_of(server)
        assert both.kept.ask(2).how == "answered"
    # Its threads still serve those whom they know: just what a kept connection is there to see.
    assert both.new.ask(1).how == "refused"
    assert both.kept.ask(1).how == "answered"
    both.close()


@pytest.fixture
def database(infra: Infra) -> Iterator[ManagedProcess]:
    """The session's PostgreSQL for a test that breaks it; running and answering again afterwards."""
    server = infra.stack.database
    yield server
    server.resume()
    server.start()
    server.wait_ready(30)


def sql(infra: Infra) -> Probers:
    both = open_probers(ProbeSpec("sql", infra.database_url))
    assert until(both.kept, "answered", 2.0)
    assert until(both.new, "answered", 2.0)
    return both


def test_postgresql_paused_hangs_on_both_and_keeps_the_connection(infra: Infra, database: ManagedProcess) -> None:
    both = sql(infra)
    database.pause()
    begun = time.monotonic()
    assert [both.kept.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    assert [both.new.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    assert time.monotonic() - begun < 20
    database.resume()
    # Never broken: it is still the same connection.
    assert set(until(both.kept, "answered", 1.0)) <= {"hanging", "answered"}
    assert until(both.new, "answered", 2.0)
    both.close()


@pytest.mark.parametrize("act", ["stop", "kill"])
def test_postgresql_gone_broke_the_kept_connection_and_refuses_new_ones(
    infra: Infra, database: ManagedProcess, act: str
) -> None:
    both = sql(infra)
    getattr(database, act)()
    assert both.kept.ask(1.0).how == "broken"
    assert both.kept.ask(1.0).how == "refused"
    assert both.new.ask(1.0).how == "refused"
    database.start()
    assert until(both.kept, "answered", 1.0)
    assert until(both.new, "answered", 1.0)
    both.close()


def test_a_wrong_password_is_a_refusal(infra: Infra) -> None:
    before, _, after = infra.database_url.partition("://")
    user, _, place = after.rpartition("@")
    both = open_probers(ProbeSpec("sql", f"{before}://{user.partition(':')[0]}:wr0ng@{place}"))
    refusal = Reply("refused", 'password authentication failed for user "mars"')
    assert both.new.ask(3) == both.kept.ask(3) == refusal
    both.close()


def kafka(infra: Infra) -> Probers:
    both = open_probers(ProbeSpec("kafka", infra.kafka_bootstrap))
    assert until(both.kept, "answered", 2.0)
    assert until(both.new, "answered", 2.0)
    return both


def test_kafka_paused_hangs_on_both(infra: Infra, broker: RestartableBroker) -> None:
    both = kafka(infra)
    broker.pause()
    assert [both.kept.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    assert [both.new.ask(0.3).how for _ in range(3)] == ["hanging"] * 3
    broker.resume()
    assert set(until(both.kept, "answered", 1.0)) <= {"hanging", "answered"}
    assert until(both.new, "answered", 1.0)
    both.close()


@pytest.mark.parametrize("act", ["stop", "kill"])
def test_kafka_gone_broke_the_kept_connection_and_refuses_new_ones(
    infra: Infra, broker: RestartableBroker, act: str
) -> None:
    both = kafka(infra)
    getattr(broker, act)()
    assert both.new.ask(1.0).how == "refused"
    results = until(both.kept, "refused")
    assert "broken" in results
    assert "answered" not in results
    broker.start()
    assert until(both.kept, "answered", 1.0)
    assert until(both.new, "answered", 1.0)
    both.close()


def test_a_hung_client_is_replaced_in_time(
    infra: Infra, broker: RestartableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("health.kept_kafka.PATIENCE_S", 0.5)
    both = kafka(infra)
    broker.pause()
    begun = time.monotonic()
    results = [both.kept.ask(0.3).how for _ in range(6)]
    assert set(results) == {"hanging"}
    assert time.monotonic() - begun < 20
    broker.resume()
    assert until(both.kept, "answered", 1.0)
    both.close()
