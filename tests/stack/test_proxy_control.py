"""How the mode of a TCP proxy is set and read: at its control socket, by any process, within a bounded time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from files.paths import CHECKOUT
from stack.errors import StackError
from stack.proxy_mode import PLAIN, ProxyMode
from tests.stack.fronted import Fronted
from tests.stack.tcp_peers import WAIT_S, echo, target

pytestmark = pytest.mark.process


def test_a_paused_proxy_refuses_a_mode_in_time_and_does_not_apply_it_later(echoing: Fronted) -> None:
    echoing.proxy.pause()
    pid = echoing.proxy.pid
    begun = time.monotonic()
    with pytest.raises(StackError) as caught:
        echoing.proxy.apply(ProxyMode(latency_s=0.3), timeout_s=0.5)
    assert 0.5 <= time.monotonic() - begun < 20
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
        ({"latency_s": -0.1}, "latency -0.1 s is out of range: give 0 to 86400 s"),
        ({"latency_s": float("nan")}, "latency nan s is out of range: give 0 to 86400 s"),
        ({"latency_s": 0.1, "jitter_s": 0.2}, "jitter 0.2 s is out of range: give 0 s to the latency, 0.1 s"),
        ({"reset_share": 1.01}, "reset share 1.01 is out of range: give 0 to 1"),
    ],
)
def test_a_mode_that_no_network_has_is_refused(values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ProxyMode(**values)  # type: ignore[arg-type]
