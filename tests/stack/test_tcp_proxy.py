"""The TCP proxy's program by itself, in its plain mode: bytes, ends, resets, bounded buffers, paused and resumed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from files.paths import CHECKOUT
from stack import ports, process
from tests.stack.tcp_peers import WAIT_S, dial, echo, read_all, read_exactly, reset, target

pytestmark = pytest.mark.process

SILENCE_S = 0.5
PROGRAM = ("-m", "stack.tcp_proxy")
# The proxy on an event loop that does not heed a pause of reading, as Python 3.11.2's does not when it comes at once.
HEEDLESS = (
    "-c",
    "import asyncio.selector_events as events, sys\n"
    "from stack import tcp_proxy\n"
    "events._SelectorSocketTransport.pause_reading = lambda self: None\n"
    "sys.exit(tcp_proxy.main())\n",
)


@contextmanager
def proxied(target_port: int, program: tuple[str, str] = PROGRAM) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = ports.choose()
    with TemporaryDirectory() as folder:
        command = [sys.executable, *program, str(port), str(target_port), f"{folder}/control"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT
        ) as proxy:
            try:
                assert proxy.stdout is not None
                assert proxy.stdout.readline() == f"TCP proxy from 127.0.0.1:{port} to 127.0.0.1:{target_port}\n"
                yield port, proxy
            finally:
                proxy.kill()


def test_bytes_go_both_ways_and_many_at_once() -> None:
    payload = os.urandom(3_000_000)
    with target(echo) as port, proxied(port) as (front, _):
        clients = [dial(front) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        assert [read_exactly(client, len(b"%d" % n)) for n, client in enumerate(clients)] == [
            b"%d" % n for n in range(20)
        ]
        with clients[0] as client:
            sender = threading.Thread(target=client.sendall, args=(payload,))
            sender.start()
            assert read_exactly(client, len(payload)) == payload
            sender.join(WAIT_S)
        for client in clients[1:]:
            client.close()


@pytest.mark.parametrize("program", [PROGRAM, HEEDLESS], ids=["as it is", "without pauses"])
def test_what_a_client_sends_at_once_is_not_lost(program: tuple[str, str]) -> None:
    with target(echo) as port, proxied(port, program) as (front, _):
        for number in range(40):
            sent = f"order {number}".encode()
            with dial(front) as client:
                client.sendall(sent)
                if number % 2:
                    client.shutdown(socket.SHUT_WR)  # at once, too
                    assert read_all(client) == sent
                else:
                    assert read_exactly(client, len(sent)) == sent


def test_the_end_of_sending_is_passed_on_and_the_answer_still_comes() -> None:
    def answer_after_the_end(connection: socket.socket) -> None:
        connection.sendall(b"%d bytes" % len(read_all(connection)))

    with target(answer_after_the_end) as port, proxied(port) as (front, proxy), dial(front) as client:
        client.sendall(b"x" * 1000)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"1000 bytes"
        # Both directions have ended: nothing of the connection is left in the proxy.
        assert process.wait_until(lambda: established(proxy.pid) == 0, WAIT_S)


def established(pid: int) -> int:
    return sum(each.status != psutil.CONN_LISTEN for each in psutil.Process(pid).net_connections("tcp"))


def test_a_reset_is_passed_on_in_both_directions() -> None:
    seen: list[str] = []
    done = threading.Event()

    def watch(connection: socket.socket) -> None:
        command = connection.recv(16)
        if command == b"reset me":
            reset(connection)
            return
        try:
            connection.recv(16)
            seen.append("end")
        except ConnectionResetError:
            seen.append("reset")
        done.set()

    with target(watch) as port, proxied(port) as (front, _):
        with dial(front) as client:
            client.sendall(b"reset me")
            with pytest.raises(ConnectionResetError):
                client.recv(16)
        client = dial(front)
        client.sendall(b"watch")
        assert not done.wait(0.2)
        reset(client)
        assert done.wait(WAIT_S)
    assert seen == ["reset"]


def test_who_reads_slowly_slows_the_sender_down_and_fills_no_buffer() -> None:
    go_on = threading.Event()
    read: list[int] = []

    def read_late(connection: socket.socket) -> None:
        go_on.wait(WAIT_S * 3)
        read.append(len(read_all(connection)))

    chunk = b"x" * 1_000_000
    with target(read_late) as port, proxied(port) as (front, proxy), dial(front) as client:
        before = psutil.Process(proxy.pid).memory_info().rss
        client.settimeout(SILENCE_S * 2)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200 * len(chunk):
                sent += client.send(chunk)
        assert psutil.Process(proxy.pid).memory_info().rss - before < 20_000_000
        go_on.set()
        client.settimeout(WAIT_S)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert read == [sent]


def test_a_target_that_refuses_is_seen_as_a_reset() -> None:
    # The reset may come before the client has noticed that it is connected.
    with proxied(ports.choose()) as (front, _), pytest.raises(ConnectionResetError), dial(front) as client:
        client.recv(1)


def test_frozen_it_is_a_network_that_drops_everything() -> None:
    with target(echo) as port, proxied(port) as (front, proxy), dial(front) as old:
        old.sendall(b"before")
        assert old.recv(16) == b"before"
        process.pause_tree(proxy.pid)
        old.sendall(b"meanwhile")
        with dial(front) as new:
            new.sendall(b"new")
            for client in (old, new):
                client.settimeout(SILENCE_S)
                with pytest.raises(TimeoutError):
                    client.recv(16)
                client.settimeout(WAIT_S)
            process.send(process.tree(proxy.pid), signal.SIGCONT)
            assert (old.recv(16), new.recv(16)) == (b"meanwhile", b"new")


def test_sigterm_ends_it_and_its_connections_and_only_loopback_was_served() -> None:
    with target(echo) as port, proxied(port) as (front, proxy), dial(front) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        listening = [
            each.laddr.ip
            for each in psutil.Process(proxy.pid).net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(WAIT_S) == 0
        assert proxy.stderr is not None
        assert proxy.stderr.read() == ""
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with target(echo) as taken:
        command = [sys.executable, "-m", "stack.tcp_proxy", str(taken), "1", str(tmp_path / "control")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, timeout=WAIT_S, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"the TCP proxy cannot listen on 127.0.0.1:{taken}: ")
    assert len(done.stderr.splitlines()) == 1
