"""Redpanda's Admin API answers 200 in every state: what its bodies say decides."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from stack.redpanda import check_redpanda
from tests.http_server import QuietHandler, serving

pytestmark = pytest.mark.process

READY = {"status": "ready"}
# The shapes of Redpanda 24.3.
BROKERS = [
    {
        "node_id": 0,
        "num_cores": 1,
        "internal_rpc_address": "redpanda",
        "internal_rpc_port": 33145,
        "membership_status": "active",
        "is_alive": True,
        "version": "v24.3.1",
        "maintenance_status": {"draining": False},
    }
]
OVERVIEW = {"is_healthy": True, "unhealthy_reasons": [], "controller_id": 0, "all_nodes": [0], "nodes_down": []}
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve these bodies (bytes as they are, others as JSON) for the three questions, and return the URL."""

    def start(ready: Any = READY, brokers: Any = BROKERS, overview: Any = OVERVIEW, *, wait_s: float = 0) -> str:
        bodies = {"/v1/status/ready": ready, "/v1/brokers": brokers, "/v1/cluster/health_overview": overview}

        class Admin(QuietHandler):
            def do_GET(self) -> None:
                time.sleep(wait_s)
                body = bodies.get(self.path)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.say(404 if body is None else 200, content)

        server = servers.enter_context(serving(Admin))
        return f"http://127.0.0.1:{server.server_port}"

    with ExitStack() as servers:
        yield start


def test_ready_alive_and_healthy(serve: Serve) -> None:
    found = check_redpanda(serve(), 5)
    assert found.ok
    assert "brokers alive: 1" in found.detail


def test_booting_is_not_ready_although_the_status_is_200(serve: Serve) -> None:
    found = check_redpanda(serve(ready={"status": "booting"}), 5)
    assert not found.ok
    assert "/v1/status/ready says booting instead of ready" in found.detail


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"ready": {}}, "says {} instead of ready"),
        ({"ready": ["ready"]}, "instead of ready"),
        ({"ready": b"ready"}, "the answer is not JSON"),
        ({"ready": None}, "status 404"),
        ({"brokers": []}, "names no broker"),
        ({"brokers": {"node_id": 0}}, "names no broker"),
        ({"brokers": [{**BROKERS[0], "is_alive": False}]}, "broker 0 is not alive"),
        ({"brokers": [{"node_id": 4}]}, "broker 4 is not alive"),
        (
            {"brokers": [*BROKERS, {**BROKERS[0], "node_id": 1, "membership_status": "draining"}]},
            "broker 1 is draining",
        ),
        ({"overview": {**OVERVIEW, "is_healthy": False, "unhealthy_reasons": ["leaderless_partitions"]}}, "leaderless"),
        ({"overview": {**OVERVIEW, "is_healthy": "true"}}, "it gives no reason"),
        ({"overview": []}, "not healthy"),
    ],
)
def test_each_bad_answer_is_named(serve: Serve, change: dict[str, Any], detail: str) -> None:
    found = check_redpanda(serve(**change), 5)
    assert not found.ok
    assert detail in found.detail


def test_three_slow_answers_share_one_time_limit(serve: Serve) -> None:
    assert not check_redpanda(serve(wait_s=0.6), 1.0).ok
    assert check_redpanda(serve(wait_s=0.05), 10).ok


@pytest.mark.parametrize("url", ["", "redpanda:9644", "ftp://127.0.0.1:9644", "http://[", "http://127.0.0.1:port"])
def test_what_is_no_url_is_said(url: str) -> None:
    assert not check_redpanda(url, 1).ok


def test_no_server_there(serve: Serve) -> None:
    found = check_redpanda("http://someone:secret@127.0.0.1:9", 2)
    assert not found.ok
    assert "secret" not in found.detail
