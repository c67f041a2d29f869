"""Who may ask the web UI: loopback names, configured hosts, and no page of another origin."""

import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chaos.run.web_access import HostCheck, is_foreign, plain_name, port_problem
from tests.e2e.harness import CHECKOUT, LOCUST
from tests.environment import without_options


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"page"]


def answer(check: HostCheck, **environ: str) -> tuple[str, str]:
    statuses: list[str] = []
    body = b"".join(check(dict(environ), lambda status, headers: statuses.append(status)))
    return statuses[0], body.decode()


LOOPBACK = HostCheck(application, "127.0.0.1", ["chaos.example.test:8089", "Shop.Local."])
EVERYWHERE = HostCheck(application, "", ["chaos.example.test"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8089", "LOCALHOST:1", "localhost.", "localhost.:8089", "127.0.0.1", "127.0.0.1:8089",
        "127.9.8.7:80", "[::1]", "[::1]:8089", "[::ffff:127.0.0.1]:8089", "127.0.0.1:", " localhost ",
        "chaos.example.test", "CHAOS.example.test.:8089", "shop.local",
    ],
)  # fmt: skip
def test_names_of_this_machine_and_configured_ones_are_answered(host: str) -> None:
    assert answer(LOOPBACK, HTTP_HOST=host)[0] == "200 OK"


@pytest.mark.parametrize(
    "host",
    [
        None, "", ".", "evil.test", "evil.test:8089", "localhost.evil.test", "127.0.0.1.evil.test",
        "evil.test:127.0.0.1",
        "example.test", "x.chaos.example.test", "127.0.0.1,evil.test", "evil.test@127.0.0.1", "127.0.0.1@evil.test",
        "192.168.1.7:8089", "[2001:db8::1]:8089", "[evil.test]", "::1", "[::1", "2130706433", "localhost:x",
        "localhost/evil.test", "localhost evil.test", "0.0.0.0:8089", "\u212aocalhost",
    ],
)  # fmt: skip
def test_any_other_name_is_refused_for_every_way_of_asking(host: str | None) -> None:
    given = {} if host is None else {"HTTP_HOST": host}
    for method in ("GET", "POST", "OPTIONS"):
        status, body = answer(LOOPBACK, REQUEST_METHOD=method, HTTP_UPGRADE="websocket", **given)
        assert status == "403 Forbidden"
        assert "--allowed-host" in body
        assert body.isascii()


def test_on_other_addresses_any_address_is_a_name_and_any_other_name_must_be_allowed() -> None:
    assert EVERYWHERE.allows("192.168.1.7:8089")
    assert EVERYWHERE.allows("[2001:db8::1]:8089")
    assert EVERYWHERE.allows("localhost:8089")
    assert EVERYWHERE.allows("chaos.example.test")
    assert not EVERYWHERE.allows("evil.test:8089")
    assert HostCheck(application, "10.0.0.7", []).allows("10.0.0.7:8089")
    assert HostCheck(application, "::1", []).allows("localhost")
    assert not HostCheck(application, "::1", []).allows("10.0.0.7")


@pytest.mark.parametrize(
    ("origin", "foreign"),
    [
        (None, False), ("http://127.0.0.1:8089", False), ("HTTP://127.0.0.1:8089", False), ("http://evil.test", True),
        ("null", True), ("http://127.0.0.1:9000", True), ("http://localhost:8089", True),
    ],
)  # fmt: skip
def test_pages_of_another_origin_are_foreign(origin: str | None, foreign: bool) -> None:
    assert is_foreign(origin, "127.0.0.1:8089") is foreign
    given = {} if origin is None else {"HTTP_ORIGIN": origin}
    assert (answer(LOOPBACK, HTTP_HOST="127.0.0.1:8089", **given)[0] != "200 OK") is foreign


@pytest.mark.parametrize("name", ["a b", "http://x", "x/y", "", "[::1", "a:b:c"])
def test_what_is_no_host_is_no_name(name: str) -> None:
    assert plain_name(name) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "", "::1"])
def test_a_port_that_is_taken_is_known_before_anything_starts(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        problem = port_problem(host, port)
    assert problem == (
        f"--web-port {port}: nothing can listen on {host or '*'}:{port} (address already in use); give another port"
    )
    assert port_problem(host, port) is None


@pytest.mark.process
def test_a_taken_port_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [str(LOCUST), "--web-port", str(port), "--runs-dir", str(tmp_path / "runs")],
            cwd=CHECKOUT,
            env={**without_options(), "HARNESS_STACK_HOME": str(tmp_path / "stack")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4
    assert f"--web-port {port}: nothing can listen on 127.0.0.1:{port} (address already in use)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stack").exists()
