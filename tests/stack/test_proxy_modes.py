"""The modes of the TCP proxy: no byte lost, delays as asked for, resets by a seeded draw, and how a mode is set."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from files.paths import CHECKOUT
from stack import ports, process
from stack.errors import StackError
from stack.proxy import Proxy, proxy_extra
from stack.proxy_mode import PLAIN, ProxyMode
from stack.settings import ServiceSettings
from stack.state_store import StateStore
from tests.stack.tcp_peers import WAIT_S, dial, echo, read_all, read_exactly, reset, target

pytestmark = pytest.mark.process

CONNECTIONS = 12
LARGEST = 1_000_000


class Fronted:
    """A proxy process of its own, managed as that of a stack, in front of any port."""

    def __init__(self, home: Path, target_port: int) -> None:
        store = StateStore(home)
        store.make()
        store.begin("test", ServiceSettings())
        self.proxy = Proxy(store)
        self.proxy.start_on(ports.choose(), proxy_extra("service", target_port))
        assert self.proxy.mode() == PLAIN  # it listens

    def dial(self) -> socket.socket:
        return dial(self.proxy.port)


@pytest.fixture
def echoing(tmp_path: Path) -> Iterator[Fronted]:
    with target(echo) as port:
        fronted = Fronted(tmp_path / "stack", port)
        yield fronted
        fronted.proxy.kill()


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
    assert 0.5 <= time.monotonic() - begun < 7


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
    """Whether an idle connection has been reset."""
    client.settimeout(0.01)
    try:
        return client.recv(1) != b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    finally:
        client.settimeout(WAIT_S)


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
    time.sleep(0.3)
    assert [is_reset(client) for client in clients] == expected[:20]
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


def test_a_paused_proxy_refuses_a_mode_in_time_and_does_not_apply_it_later(echoing: Fronted) -> None:
    echoing.proxy.pause()
    pid = echoing.proxy.pid
    begun = time.monotonic()
    with pytest.raises(StackError) as caught:
        echoing.proxy.apply(ProxyMode(latency_s=0.3), timeout_s=0.5)
    assert 0.5 <= time.monotonic() - begun < 5
    assert str(caught.value) == (
        f"the TCP proxy (process {pid}) did not apply the mode 'latency 0.3 s' within 0.5 s: it is paused"
    )
    with pytest.raises(StackError, match=rf"process {pid}\) did not report its mode within 0.2 s: it is paused"):
        echoing.proxy.mode(timeout_s=0.2)
    echoing.proxy.resume()
    time.sleep(0.3)
    assert echoing.proxy.mode() == PLAIN


def test_one_that_ended_is_named_and_started_again_it_is_plain(echoing: Fronted) -> None:
    echoing.proxy.apply(ProxyMode(latency_s=0.3))
    echoing.proxy.kill()
    with pytest.raises(StackError, match=r"the TCP proxy \(process \d+\) is not running, so it cannot report its mode"):
        echoing.proxy.mode()
    echoing.proxy.start()
    assert echoing.proxy.mode() == PLAIN  # also asked in the moment of its start


def test_another_process_sets_and_reads_the_mode(echoing: Fronted, tmp_path: Path) -> None:
    echoing.proxy.apply(ProxyMode(latency_s=0.2))
    code = (
        "import pathlib, sys\n"
        "from stack.embedded import EmbeddedStack\n"
        "from stack.proxy_mode import PLAIN\n"
        "proxy = EmbeddedStack(pathlib.Path(sys.argv[1])).proxy\n"
        "print(proxy.mode())\n"
        "proxy.apply(PLAIN)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "stack")]
    assert subprocess.check_output(command, text=True, cwd=CHECKOUT) == "latency 0.2 s\n"
    assert echoing.proxy.mode() == PLAIN


@pytest.mark.parametrize("more", ["/".join(["a long folder"] * 10), "é" * 60])
def test_a_home_whose_path_is_too_long_for_a_socket_will_do(tmp_path: Path, more: str) -> None:
    with target(echo) as port:
        fronted = Fronted(tmp_path / more, port)
        mode = ProxyMode(latency_s=0.01)
        fronted.proxy.apply(mode)
        assert fronted.proxy.mode() == mode
        fronted.proxy.kill()


def test_the_control_socket_is_for_the_same_user_alone(echoing: Fronted, tmp_path: Path) -> None:
    assert (tmp_path / "stack" / "proxy.sock").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("rubbish", [b"\n", b"[]\n", b"{}}\n", b'{"latency": 1}\n', b'{"latency_s": -1}\n', b"no line"])
def test_rubbish_at_the_control_socket_changes_nothing(echoing: Fronted, tmp_path: Path, rubbish: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(WAIT_S)
        control.connect(str(tmp_path / "stack" / "proxy.sock"))
        assert ProxyMode.from_line(control.recv(4096)) == PLAIN
        control.sendall(rubbish)
        control.shutdown(socket.SHUT_WR)
        assert control.recv(4096) == b""
    assert echoing.proxy.mode() == PLAIN


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (PLAIN, "plain"),
        (ProxyMode(seed=4), "plain"),
        (ProxyMode(latency_s=0.3), "latency 0.3 s"),
        (ProxyMode(latency_s=1.5, jitter_s=0.25), "latency 1.5 s +- 0.25 s"),
        (ProxyMode(reset_share=0.5), "reset of 0.5 of connections"),
        (ProxyMode(latency_s=5, reset_share=1), "latency 5 s, reset of 1 of connections"),
    ],
)
def test_a_mode_in_words_and_as_a_line(mode: ProxyMode, words: str) -> None:
    assert str(mode) == words
    assert ProxyMode.from_line(mode.as_line()) == mode


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"latency_s": -0.1}, "latency -0.1 s is out of range: give 0 to 3600 s"),
        ({"latency_s": float("nan")}, "latency nan s is out of range: give 0 to 3600 s"),
        ({"latency_s": 0.1, "jitter_s": 0.2}, "jitter 0.2 s is out of range: give 0 s to the latency, 0.1 s"),
        ({"reset_share": 1.01}, "reset share 1.01 is out of range: give 0 to 1"),
    ],
)
def test_a_mode_that_no_network_has_is_refused(values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ProxyMode(**values)  # type: ignore[arg-type]
