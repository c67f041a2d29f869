"""Probers of every protocol and ports that are no target: open, closed, closing, full of garbage, and near misses."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from health.new_kafka import answer_to, tls_context
from health.probers import open_probers
from health.replies import CONNECTIONS, Prober
from health.spec import ProbeProtocol, ProbeSpec

pytestmark = pytest.mark.real

ADDRESSES: dict[ProbeProtocol, str] = {
    "kafka": "127.0.0.1:{port}",
    "sql": "postgresql://mars:s3cret@127.0.0.1:{port}/db",
    "http": "http://127.0.0.1:{port}/health?token=s3cret",
}
ALL = [(protocol, connection) for protocol in ADDRESSES for connection in CONNECTIONS]


def prober(protocol: ProbeProtocol, connection: str, port: int) -> Prober:
    both = open_probers(ProbeSpec(protocol, ADDRESSES[protocol].format(port=port)))
    return both.kept if connection == "kept" else both.new


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
                    threading.Thread(target=served, args=(serve, taken), daemon=True).start()

        def served(serve: Callable[[socket.socket], None], taken: socket.socket) -> None:
            with suppress(OSError):  # the prober, or the end of the test, closed it first
                serve(taken)

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
