"""Fixtures for tests on a real Docker Engine, with the images that `.ci/engine up` makes."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stack import compose_cli, engine, ports
from stack.compose import ComposeStack
from stack.errors import StackError
from tests.e2e.harness import CHECKOUT, Start, locust_processes
from tests.must_run import is_missing

REPOSITORY = "locust-chaos-test"
DEBIAN = f"{REPOSITORY}/debian"
IMAGES = {
    "REDPANDA_IMAGE": f"{REPOSITORY}/redpanda",
    "POSTGRES_IMAGE": f"{REPOSITORY}/postgres",
    "PYTHON_IMAGE": f"{REPOSITORY}/python",
    # There may be no builder but the old one, and it says so over and over.
    "DOCKER_BUILDKIT": "0",
}
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def client() -> Any:
    """An engine that answers, has the images and a Compose beside it."""
    try:
        found = engine.connect()
        compose_cli.find()
    except StackError as error:
        is_missing("engine", f"{error} (.ci/engine up makes one, where it may)")
    have = {tag for image in found.images.list() for tag in image.tags}
    wanted = {f"{name}:latest" for name in (*list(IMAGES.values())[:3], DEBIAN)}
    if lacking := sorted(wanted - have):
        is_missing("engine", f"this engine lacks {', '.join(lacking)} (.ci/engine up makes them)")
    return found


@pytest.fixture(scope="session")
def images(client: Any) -> Iterator[None]:
    """The compose file's image variables, for this process and its children."""
    before = {name: os.environ.get(name) for name in IMAGES}
    os.environ.update(IMAGES)
    yield
    for name, text in before.items():
        if text is None:
            os.environ.pop(name)
        else:
            os.environ[name] = text


@pytest.fixture
def project(client: Any, images: None) -> Iterator[str]:
    """A name for a compose project; whatever bears it afterwards is removed, volumes too."""
    name = new_project()
    yield name
    remove_project(client, name)


@pytest.fixture(scope="module")
def by_hand(client: Any, images: None) -> Iterator[ComposeStack]:
    """A project as a person starts it: with Compose's own command line, on ports of their choice."""
    name = new_project()
    chosen: dict[str, str] = {}
    for variable in ("KAFKA_PORT", "REDPANDA_ADMIN_PORT", "POSTGRES_PORT", "SERVICE_PORT"):
        chosen[variable] = str(ports.choose([int(port) for port in chosen.values()]))
    command = [*compose_cli.find(), "-p", name, "up", "-d", "--build"]
    try:
        done = subprocess.run(
            command, cwd=CHECKOUT, env={**os.environ, **chosen}, capture_output=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        yield ComposeStack(project=name)
    finally:
        remove_project(client, name)


@pytest.fixture
def run(client: Any) -> Iterator[Run]:
    """Start a container of this test: `run("sleep 600", name=..., labels=...)`; all are removed afterwards."""
    begun: list[Any] = []

    def start(command: str = "exec sleep 600", **options: Any) -> Any:
        options.setdefault("name", f"chaos-test-{uuid.uuid4().hex[:8]}")
        begun.append(client.containers.run(DEBIAN, ["sh", "-c", command], detach=True, **options))
        begun[-1].reload()
        return begun[-1]

    yield start
    for one in begun:
        for left in client.containers.list(all=True, filters={"name": one.name}):
            left.remove(force=True, v=True)


@pytest.fixture
def network(client: Any) -> Iterator[Any]:
    """A network of this test with a subnet of its own, so that addresses can be fixed."""
    from docker.types import IPAMConfig, IPAMPool

    made = client.networks.create(
        f"chaos-test-{uuid.uuid4().hex[:8]}", ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.213.77.0/24")])
    )
    yield made
    made.reload()
    for one in made.containers:
        made.disconnect(one, force=True)
    made.remove()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a `locust` of this test on the images of the tests; what still runs at its end is ended."""
    homes = {"HARNESS_STACK_HOME": str(tmp_path / "home"), "HARNESS_STATE_HOME": str(tmp_path / "state")}
    with locust_processes(tmp_path, **IMAGES, **homes) as begin:
        yield begin


def new_project() -> str:
    return f"chaostest{uuid.uuid4().hex[:8]}"


def remove_project(client: Any, name: str) -> None:
    label = {"label": f"{engine.PROJECT_LABEL}={name}"}
    for one in client.containers.list(all=True, filters=label):
        one.remove(force=True, v=True)
    for one in client.networks.list(filters=label):
        one.remove()
    for one in client.volumes.list(filters=label):
        one.remove(force=True)
