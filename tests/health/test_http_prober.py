"""The prober of an HTTP service: answers that count, late ones, and a service that is gone."""

import time
from collections.abc import Iterator

import pytest

from health.http import judge
from health.probers import Probers, open_probers
from health.replies import CONNECTIONS, Reply
from health.request import Endpoint, HttpAnswer
from health.spec import ProbeSpec
from tests.health.awaited_answers import until
from tests.http_server import QuietHandler, QuietServer, serving

pytestmark = pytest.mark.real


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
