"""The modes of the TCP proxy: no byte is lost, delays are as asked for, resets follow a seeded draw."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stack import process
from stack.proxy_mode import PLAIN, ProxyMode
from tests.stack.fronted import Fronted
from tests.stack.tcp_peers import WAIT_S, dial, echo, read_all, read_exactly, reset, target

pytestmark = pytest.mark.process

CONNECTIONS = 12
LARGEST = 1_000_000


def payload(seed: str) -> bytes:
    draw = random.Random(seed)
    return draw.randbytes(draw.choice([0, 1, draw.randrange(2000), draw.randrange(LARGEST), LARGEST]))


def send_in_pieces(connection: socket.socket, data: bytes, seed: str) -> None:
    draw, sent = random.Random(seed), 0
    while sent < len(data):
        piece = draw.choice([1, 100, 5_000, 300_000])
        connection.sendall(data[sent : sent + piece])
        sent += piece
        time.sleep(draw.choice([0, 0, 0.01]))
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("seed", range(3))
def test_streams_pass_byte_for_byte_while_the_mode_changes(tmp_path: Path, seed: int) -> None:
    received: dict[int, bytes] = {}

    def exchange(connection: socket.socket) -> None:
        """Send and read at the same time; the first byte is the connection's number."""
        number = read_exactly(connection, 1)[0]
        answer = f"answer {seed} {number}"
        sender = threading.Thread(target=send_in_pieces, args=(connection, payload(answer), answer))
        sender.start()
        received[number] = read_all(connection)
        sender.join()

    def client(number: int) -> None:
        request = f"request {seed} {number}"
        with dial(fronted.proxy.port) as connection:
            connection.sendall(bytes([number]))
            sender = threading.Thread(target=send_in_pieces, args=(connection, payload(request), request))
            sender.start()
            answers[number] = read_all(connection)
            sender.join()

    answers: dict[int, bytes] = {}
    draw = random.Random(seed)
    with target(exchange) as port:
        fronted = Fronted(tmp_path / "stack", port)
        clients = [threading.Thread(target=client, args=(number,)) for number in range(CONNECTIONS)]
        for each in clients:
            each.start()
        while any(each.is_alive() for each in clients):
            latency = draw.choice([0.0, 0.01, 0.05, 0.2])
            mode = ProxyMode(latency_s=latency, jitter_s=draw.uniform(0, latency), seed=draw.randrange(100))
            fronted.proxy.apply(mode)
            assert fronted.proxy.mode() == mode
            time.sleep(draw.uniform(0, 0.1))
        fronted.proxy.kill()
    numbers = range(CONNECTIONS)
    assert process.wait_until(lambda: len(received) == CONNECTIONS, WAIT_S)
    assert [received[number] == payload(f"request {seed} {number}") for number in numbers] == [True] * CONNECTIONS
    assert [answers[number] == payload(f"answer {seed} {number}") for number in numbers] == [True] * CONNECTIONS


def round_trip_s(client: socket.socket) -> float:
    begun = time.monotonic()
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    return time.monotonic() - begun


@pytest.mark.parametrize("latency_s", [0.05, 0.3])
def test_latency_is_added_once_per_round_trip(echoing: Fronted, latency_s: float) -> None:
    with echoing.dial() as client:
        round_trip_s(client)
        echoing.proxy.apply(ProxyMode(latency_s=latency_s))
        measured = [round_trip_s(client) for _ in range(6)]
        assert min(measured) >= latency_s
        assert min(measured) <= latency_s * 1.2
        echoing.proxy.apply(PLAIN)
        assert min(round_trip_s(client) for _ in range(6)) < latency_s


def test_jitter_spreads_the_delays_around_the_latency(echoing: Fronted) -> None:
    echoing.proxy.apply(ProxyMode(latency_s=0.1, jitter_s=0.08, seed=3))
    with echoing.dial() as client:
        measured = [round_trip_s(client) for _ in range(20)]
    assert min(measured) >= 0.02
    assert min(measured) < 0.1 < max(measured)


def test_latency_does_not_limit_the_throughput(echoing: Fronted) -> None:
    echoing.proxy.apply(ProxyMode(latency_s=0.5))
    sent = random.Random(1).randbytes(8_000_000)
    begun = time.monotonic()
    with echoing.dial() as client:
        sender = threading.Thread(target=client.sendall, args=(sent,))
        sender.start()
        assert read_exactly(client, len(sent)) == sent
        sender.join()
    # One delay for each piece of 256 KiB, one after the other, would be 15 s.
    assert 0.5 <= time.monotonic() - begun < 12


def test_what_waits_is_bounded_and_slows_the_sender_down(tmp_path: Path) -> None:
    sent = [0]
    whole = random.Random(2).randbytes(60_000_000)

    def flood(connection: socket.socket) -> None:
        connection.recv(1)
        for begin in range(0, len(whole), 100_000):
            connection.sendall(whole[begin : begin + 100_000])
            sent[0] = begin

    with target(flood) as port:
        fronted = Fronted(tmp_path / "stack", port)
        fronted.proxy.apply(ProxyMode(latency_s=60))
        resident = psutil.Process(fronted.proxy.pid).memory_info().rss
        with fronted.dial() as client:
            client.sendall(b"x")
            process.wait_until(lambda: sent[0] > 30_000_000, 2.0)
            assert 1_000_000 < sent[0] < 30_000_000
            assert psutil.Process(fronted.proxy.pid).memory_info().rss - resident < 60_000_000
            fronted.proxy.apply(PLAIN)
            assert read_all(client) == whole
        fronted.proxy.kill()


def test_plain_again_hands_on_what_waits_at_once_and_in_order(echoing: Fronted) -> None:
    echoing.proxy.apply(ProxyMode(latency_s=600))
    with echoing.dial() as client:
        client.sendall(b"first ")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(WAIT_S)
        client.sendall(b"second ")
        echoing.proxy.apply(PLAIN)
        client.sendall(b"third")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"first second third"


def test_plain_again_reaches_the_connections_behind_those_whose_clients_have_gone(tmp_path: Path) -> None:
    ended = threading.Semaphore(0)

    def answer(connection: socket.socket) -> None:
        echo(connection)
        ended.release()

    with target(answer) as port:
        fronted = Fronted(tmp_path / "stack", port)
        fronted.proxy.apply(ProxyMode(latency_s=600))
        for _ in range(5):
            with fronted.dial() as gone:
                gone.sendall(b"x")  # the answer that waits for it ends in a reset
        assert all(ended.acquire(timeout=WAIT_S) for _ in range(5))
        with fronted.dial() as client:
            client.sendall(b"y")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1)
            fronted.proxy.apply(PLAIN)
            client.settimeout(WAIT_S)
            assert client.recv(1) == b"y"
        assert process.wait_until(lambda: not psutil.Process(fronted.proxy.pid).net_connections("tcp")[1:], WAIT_S)
        fronted.proxy.kill()


def test_an_end_and_a_reset_come_after_the_answer_that_they_follow(tmp_path: Path) -> None:
    def answer(connection: socket.socket) -> None:
        command = connection.recv(16)
        connection.sendall(b"answer")
        if command == b"reset":
            time.sleep(0.1)  # a reset may destroy what has not been read yet
            reset(connection)

    with target(answer) as port:
        fronted = Fronted(tmp_path / "stack", port)
        fronted.proxy.apply(ProxyMode(latency_s=0.4))
        with fronted.dial() as client:
            begun = time.monotonic()
            client.sendall(b"end")
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"answer"
            assert time.monotonic() - begun >= 0.4
        with fronted.dial() as client:
            client.sendall(b"reset")
            assert read_exactly(client, 6) == b"answer"
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        fronted.proxy.kill()


def survives(client: socket.socket) -> bool:
    try:
        return round_trip_s(client) >= 0
    except (ConnectionError, AssertionError):
        return False


def is_reset(client: socket.socket) -> bool:
    """Whether an idle connection is reset."""
    try:
        return client.recv(1) != b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def dialled_and_alive(fronted: Fronted) -> tuple[socket.socket | None, bool]:
    """A new connection, if it got so far, and whether it carries bytes."""
    try:
        client = fronted.dial()
    except ConnectionResetError:
        return None, False
    return client, survives(client)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_established_and_of_new_connections_is_reset(echoing: Fronted, share: float) -> None:
    clients = [echoing.dial() for _ in range(20)]
    for client in clients:
        assert survives(client)  # so they are accepted, in this order
    mode = ProxyMode(reset_share=share, seed=11)
    draw = random.Random(11)
    expected = [draw.random() < share for _ in range(40)]
    echoing.proxy.apply(mode)
    echoing.proxy.apply(mode)  # a connection is drawn once
    for client, cut in zip(clients, expected[:20], strict=True):
        assert not cut or is_reset(client)
    assert [survives(client) for client in clients] == [not each for each in expected[:20]]
    dialled = [dialled_and_alive(echoing) for _ in range(20)]
    assert [not alive for _, alive in dialled] == expected[20:]
    echoing.proxy.apply(PLAIN)
    kept = [client for client, cut in zip(clients, expected[:20], strict=True) if not cut]
    kept += [client for client, alive in dialled if client and alive]
    assert len(kept) == expected.count(False)
    assert all(survives(client) for client in [*kept, echoing.dial(), echoing.dial()])
    for client in [*clients, *(client for client, _ in dialled if client)]:
        client.close()


def test_the_target_sees_the_reset_too(tmp_path: Path) -> None:
    seen: list[str] = []

    def watch(connection: socket.socket) -> None:
        connection.sendall(b"x")
        try:
            connection.recv(1)
            seen.append("end")
        except ConnectionResetError:
            seen.append("reset")

    with target(watch) as port:
        fronted = Fronted(tmp_path / "stack", port)
        with fronted.dial() as client:
            assert client.recv(1) == b"x"
            fronted.proxy.apply(ProxyMode(reset_share=1))
            assert process.wait_until(lambda: seen == ["reset"], WAIT_S)
            with suppress(ConnectionResetError):  # it never gets as far as the target
                fronted.dial().recv(1)
            assert seen == ["reset"]
        fronted.proxy.kill()
