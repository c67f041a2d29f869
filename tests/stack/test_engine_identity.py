"""Which engine it is, by the answers of different engines; the answers are those that their sources give."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from stack import engine

# Importing the docker package binds a socket, to see whether this machine has IPv6.
pytestmark = pytest.mark.process


class Podman:
    """Answers as `GET /info` and `GET /version` of Podman do: another id each time."""

    api = SimpleNamespace(base_url="http+docker://localhost", _custom_adapter=SimpleNamespace(socket_path="/run/p"))

    def info(self) -> dict[str, Any]:
        return {"ID": str(uuid.uuid4()), "Name": "laptop", "DockerRootDir": "/home/a/.local/share/containers"}

    def version(self) -> dict[str, Any]:
        return {"Components": [{"Name": "Podman Engine", "Version": "5.2.0"}]}


class Docker(Podman):
    api = SimpleNamespace(base_url="tcp://user:word@10.0.0.7:2375")

    def info(self) -> dict[str, Any]:
        return {"ID": "OMOY:3UUZ", "Name": "laptop", "SystemTime": "2026-11-27T08:09:10.123456789+01:00"}

    def version(self) -> dict[str, Any]:
        return {"Components": [{"Name": "Engine", "Version": "27.0.1"}]}


def test_podman_is_the_same_engine_at_each_call() -> None:
    assert engine.identity(Podman()) == engine.identity(Podman())
    assert engine.identity(Podman()) != engine.identity(Docker()) == "OMOY:3UUZ"


def test_local_sockets_are_distinguished_and_no_account_is_shown() -> None:
    assert engine.endpoint(Podman()) == "unix:///run/p"
    assert engine.endpoint(Docker()) == "tcp://10.0.0.7:2375"


@pytest.mark.parametrize(
    ("known_id", "known_endpoint", "same"),
    [
        ("OMOY:3UUZ", "unix:///elsewhere.sock", True),
        ("SET-UP-AGAIN", "tcp://10.0.0.7:2375", True),
        ("OTHER", "unix:///elsewhere.sock", False),
        ("OTHER", "", False),
    ],
)
def test_an_engine_is_known_by_its_id_or_its_endpoint(known_id: str, known_endpoint: str, same: bool) -> None:
    assert engine.is_same(Docker(), known_id, known_endpoint) is same


def test_the_clock_of_an_engine_is_read_with_its_time_zone() -> None:
    assert engine.now(Docker()) == pytest.approx(1795763350.123456, abs=1e-5)
